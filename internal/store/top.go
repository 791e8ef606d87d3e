// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"container/heap"
	"slices"

	"scim-operator.io/internal/scim"
)

// sortable is a match and what it is sorted by.
type sortable struct {
	entry *entry
	key   string
}

// top keeps the first so many of the matches that it is shown, in the order of a list: of
// any number of matches it holds no more than the page needs. It is a heap with the last of
// them at the root.
type top struct {
	order *scim.Sort
	most  int
	kept  []sortable
}

var _ heap.Interface = (*top)(nil)

// add shows it a match.
func (t *top) add(m sortable) {
	switch {
	case len(t.kept) < t.most:
		heap.Push(t, m)
	case t.most > 0 && t.compare(&m, &t.kept[0]) < 0:
		t.kept[0] = m
		heap.Fix(t, 0)
	}
}

// entries returns those that are kept in their order, without so many of the first.
func (t *top) entries(without int) []*entry {
	slices.SortFunc(t.kept, func(a, b sortable) int { return t.compare(&a, &b) })
	kept := t.kept[min(without, len(t.kept)):]
	entries := make([]*entry, len(kept))
	for i := range kept {
		entries[i] = kept[i].entry
	}
	return entries
}

// compare orders as the query asks, and by creation where that leaves it open.
func (t *top) compare(a, b *sortable) int {
	return cmp.Or(t.order.CompareKeys(a.key, b.key), compareCreation(a.entry, b.entry))
}

// Len implements heap.Interface.
func (t *top) Len() int { return len(t.kept) }

// Less implements heap.Interface.
func (t *top) Less(i, j int) bool { return t.compare(&t.kept[i], &t.kept[j]) > 0 }

// Swap implements heap.Interface.
func (t *top) Swap(i, j int) { t.kept[i], t.kept[j] = t.kept[j], t.kept[i] }

// Push implements heap.Interface.
func (t *top) Push(m any) { t.kept = append(t.kept, m.(sortable)) }

// Pop implements heap.Interface.
func (t *top) Pop() any {
	last := len(t.kept) - 1
	m := t.kept[last]
	t.kept = t.kept[:last]
	return m
}
