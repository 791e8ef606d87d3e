// SPDX-License-Identifier: Apache-2.0

package store

import "iter"

// maxFanout bounds the elements of a leaf and the children of an inner node.
const maxFanout = 64

// tree is an ordered set in a B+ tree that counts, so that the i-th element is found
// as fast as any other. A snapshot of it takes no time and never changes: nodes that a
// snapshot can reach are copied before they are written.
//
// A tree is for one writer; its snapshots are for any number of readers.
type tree[E any] struct {
	compare func(a, b E) int
	root    *node[E]
	owner   *owner
}

// owner marks the nodes that no snapshot can reach.
type owner struct{ _ byte }

type node[E any] struct {
	owner *owner
	count int        // elements at or beneath the node
	elems []E        // of a leaf its elements, of an inner node the least of each child
	kids  []*node[E] // nil for a leaf
}

func newTree[E any](compare func(a, b E) int) tree[E] {
	return tree[E]{compare: compare, owner: new(owner)}
}

// snapshot gives the tree as it is now, for reading. What is written from now on
// belongs to the next owner, which trees that are written together share.
func (t *tree[E]) snapshot(next *owner) tree[E] {
	t.owner = next
	return tree[E]{compare: t.compare, root: t.root}
}

func (t *tree[E]) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.count
}

// find gives the element for which order is 0. order must grow along the tree.
func (t *tree[E]) find(order func(E) int) (found E, ok bool) {
	for n := t.root; n != nil; {
		i := n.lowerBound(order)
		if n.kids == nil {
			if i < len(n.elems) && order(n.elems[i]) == 0 {
				return n.elems[i], true
			}
			return found, false
		}
		n = n.kids[n.childFor(i, order)]
	}
	return found, false
}

// from gives the elements in order, beginning with the first for which order is not
// negative.
func (t *tree[E]) from(order func(E) int) iter.Seq[E] {
	return func(yield func(E) bool) {
		if t.root != nil {
			t.root.ascend(order, yield)
		}
	}
}

// all gives the elements in order.
func (t *tree[E]) all() iter.Seq[E] { return t.page(0) }

// page gives the elements in order, beginning with the one at index i.
func (t *tree[E]) page(i int) iter.Seq[E] {
	return func(yield func(E) bool) {
		if t.root != nil && i < t.root.count {
			t.root.ascendAt(i, yield)
		}
	}
}

// rank counts the elements for which order is negative. order must grow along the tree.
func (t *tree[E]) rank(order func(E) int) int {
	before := 0
	for n := t.root; n != nil; {
		i := n.lowerBound(order)
		if n.kids == nil {
			return before + i
		}
		if i == 0 {
			return before
		}
		// The least element of the child before is one of them; so are all of those further left.
		for _, kid := range n.kids[:i-1] {
			before += kid.count
		}
		n = n.kids[i-1]
	}
	return before
}

// put adds an element, in place of an equal one.
func (t *tree[E]) put(e E) {
	if t.root == nil {
		t.root = &node[E]{owner: t.owner, elems: []E{e}, count: 1}
		return
	}
	t.root = t.root.writable(t.owner)
	if sibling := t.root.put(t, e); sibling != nil {
		t.root = &node[E]{
			owner: t.owner,
			count: t.root.count + sibling.count,
			elems: []E{t.root.elems[0], sibling.elems[0]},
			kids:  []*node[E]{t.root, sibling},
		}
	}
}

// remove removes an element that is equal, and says whether there was one.
func (t *tree[E]) remove(e E) bool {
	order := func(other E) int { return t.compare(other, e) }
	if _, ok := t.find(order); !ok {
		return false
	}
	t.root = t.root.writable(t.owner)
	t.root.remove(t, order)
	for t.root != nil && len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.count == 0 {
		t.root = nil
	}
	return true
}

// lowerBound is the index of the first element for which order is not negative.
func (n *node[E]) lowerBound(order func(E) int) int {
	low, high := 0, len(n.elems)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if order(n.elems[middle]) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// childFor is the child that would hold an element whose lower bound among the least
// elements is i.
func (n *node[E]) childFor(i int, order func(E) int) int {
	if i < len(n.elems) && order(n.elems[i]) == 0 || i == 0 {
		return i
	}
	return i - 1
}

func (n *node[E]) ascend(order func(E) int, yield func(E) bool) bool {
	i := n.lowerBound(order)
	if n.kids == nil {
		return yieldAll(n.elems[i:], yield)
	}
	// The child before may end with elements that are wanted.
	if i > 0 && !n.kids[i-1].ascend(order, yield) {
		return false
	}
	for _, kid := range n.kids[i:] {
		if !kid.ascendAt(0, yield) {
			return false
		}
	}
	return true
}

func (n *node[E]) ascendAt(i int, yield func(E) bool) bool {
	if n.kids == nil {
		return yieldAll(n.elems[i:], yield)
	}
	for _, kid := range n.kids {
		if i >= kid.count {
			i -= kid.count
			continue
		}
		if !kid.ascendAt(i, yield) {
			return false
		}
		i = 0
	}
	return true
}

func yieldAll[E any](elems []E, yield func(E) bool) bool {
	for _, e := range elems {
		if !yield(e) {
			return false
		}
	}
	return true
}
