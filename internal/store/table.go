// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
)

// table is resources of one type with the indexes on them.
type table struct {
	byCreation tree[*entry]
	byID       tree[keyed]
	byName     tree[keyed]
	byExternal tree[keyed]
	byValue    tree[keyed]
}

// keyed is an element of an index on a text. The order is that of hashes, for which no
// entry has to come from memory: among 100,000, that is what looking one up waits for.
type keyed struct {
	hash  uint64
	entry *entry
}

// hashSeed is new in every process, so that nobody can choose texts of the same hash.
var hashSeed = maphash.MakeSeed()

func hashOf(text string) uint64 { return maphash.String(hashSeed, text) }

func compareKeyed(a, b keyed) int {
	if a.hash != b.hash {
		return cmp.Compare(a.hash, b.hash)
	}
	return cmp.Compare(a.entry.id, b.entry.id)
}

func newTable() table {
	return table{
		byCreation: newTree(compareCreation),
		byID:       newTree(compareKeyed),
		byName:     newTree(compareKeyed),
		byExternal: newTree(compareKeyed),
		byValue:    newTree(compareKeyed),
	}
}

// compareCreation orders resources as lists show them.
func compareCreation(a, b *entry) int {
	if a.created != b.created {
		return cmp.Compare(a.created, b.created)
	}
	return cmp.Compare(a.id, b.id)
}

func (t *table) snapshot(next *owner) table {
	return table{
		byCreation: t.byCreation.snapshot(next),
		byID:       t.byID.snapshot(next),
		byName:     t.byName.snapshot(next),
		byExternal: t.byExternal.snapshot(next),
		byValue:    t.byValue.snapshot(next),
	}
}

func (t *table) len() int { return t.byCreation.len() }

func (t *table) find(id string) (*entry, bool) {
	hash := hashOf(id)
	found, ok := t.byID.find(func(k keyed) int {
		if k.hash != hash {
			return cmp.Compare(k.hash, hash)
		}
		return cmp.Compare(k.entry.id, id)
	})
	return found.entry, ok
}

// named gives the entries that have the folded name. There may be two for a moment,
// when a name has just been given up by one and taken by another.
func (t *table) named(name string) iter.Seq[*entry] {
	return hashed(&t.byName, hashOf(name), func(e *entry) bool { return e.name == name })
}

func (t *table) external(id string) iter.Seq[*entry] {
	return hashed(&t.byExternal, hashOf(id), func(e *entry) bool { return e.external == id })
}

// emailed gives the entries that have the folded address, and perhaps others.
func (t *table) emailed(address string) iter.Seq[*entry] {
	return hashed(&t.byValue, hashOf(address), func(*entry) bool { return true })
}

// hashed gives the entries of a hash that match.
func hashed(index *tree[keyed], hash uint64, match func(*entry) bool) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for k := range index.from(func(k keyed) int { return cmp.Compare(k.hash, hash) }) {
			if k.hash != hash || match(k.entry) && !yield(k.entry) {
				return
			}
		}
	}
}

func (t *table) insert(e *entry) {
	t.byCreation.put(e)
	t.byID.put(keyed{hashOf(e.id), e})
	if e.name != "" {
		t.byName.put(keyed{hashOf(e.name), e})
	}
	if e.external != "" {
		t.byExternal.put(keyed{hashOf(e.external), e})
	}
	for _, hash := range e.values {
		t.byValue.put(keyed{hash, e})
	}
}

// replace puts a version in the place of the one before.
func (t *table) replace(old, e *entry) {
	same := old.id == e.id && old.created == e.created && old.name == e.name &&
		old.external == e.external && slices.Equal(old.values, e.values)
	if !same {
		t.erase(old)
	}
	t.insert(e)
}

func (t *table) erase(e *entry) {
	t.byCreation.remove(e)
	t.byID.remove(keyed{hashOf(e.id), e})
	if e.name != "" {
		t.byName.remove(keyed{hashOf(e.name), e})
	}
	if e.external != "" {
		t.byExternal.remove(keyed{hashOf(e.external), e})
	}
	for _, hash := range e.values {
		t.byValue.remove(keyed{hash, e})
	}
}
