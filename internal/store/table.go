// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"iter"
	"slices"
)

// table is resources of one type with the indexes on them.
type table struct {
	byID       tree[*entry]
	byCreation tree[*entry]
	byName     tree[*entry]
	byExternal tree[*entry]
	byEmail    tree[email]
}

// email is an element of the index of e-mail addresses.
type email struct {
	address string
	entry   *entry
}

func newTable() table {
	return table{
		byID:       newTree(func(a, b *entry) int { return cmp.Compare(a.id, b.id) }),
		byCreation: newTree(compareCreation),
		byName: newTree(func(a, b *entry) int {
			return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
		}),
		byExternal: newTree(func(a, b *entry) int {
			return cmp.Or(cmp.Compare(a.external, b.external), cmp.Compare(a.id, b.id))
		}),
		byEmail: newTree(func(a, b email) int {
			return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.entry.id, b.entry.id))
		}),
	}
}

// compareCreation orders resources as lists show them.
func compareCreation(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.id, b.id))
}

func (t *table) snapshot(next *owner) table {
	return table{
		byID:       t.byID.snapshot(next),
		byCreation: t.byCreation.snapshot(next),
		byName:     t.byName.snapshot(next),
		byExternal: t.byExternal.snapshot(next),
		byEmail:    t.byEmail.snapshot(next),
	}
}

func (t *table) len() int { return t.byID.len() }

func (t *table) find(id string) (*entry, bool) {
	return t.byID.find(func(e *entry) int { return cmp.Compare(e.id, id) })
}

// named gives the entries that have the folded name. There may be two for a moment,
// when a name has just been given up by one and taken by another.
func (t *table) named(name string) iter.Seq[*entry] {
	return while(t.byName.from(func(e *entry) int { return cmp.Compare(e.name, name) }),
		func(e *entry) bool { return e.name == name })
}

func (t *table) external(id string) iter.Seq[*entry] {
	return while(t.byExternal.from(func(e *entry) int { return cmp.Compare(e.external, id) }),
		func(e *entry) bool { return e.external == id })
}

func (t *table) emailed(address string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for e := range t.byEmail.from(func(e email) int { return cmp.Compare(e.address, address) }) {
			if e.address != address || !yield(e.entry) {
				return
			}
		}
	}
}

func while(entries iter.Seq[*entry], match func(*entry) bool) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for e := range entries {
			if !match(e) || !yield(e) {
				return
			}
		}
	}
}

func (t *table) insert(e *entry) {
	t.byID.put(e)
	t.byCreation.put(e)
	t.byName.put(e)
	if e.external != "" {
		t.byExternal.put(e)
	}
	for _, address := range e.emails {
		t.byEmail.put(email{address, e})
	}
}

// replace puts a version in the place of the one before.
func (t *table) replace(old, e *entry) {
	same := old.id == e.id && old.created == e.created && old.name == e.name &&
		old.external == e.external && slices.Equal(old.emails, e.emails)
	if !same {
		t.erase(old)
	}
	t.insert(e)
}

func (t *table) erase(e *entry) {
	t.byID.remove(e)
	t.byCreation.remove(e)
	t.byName.remove(e)
	if e.external != "" {
		t.byExternal.remove(e)
	}
	for _, address := range e.emails {
		t.byEmail.remove(email{address, e})
	}
}
