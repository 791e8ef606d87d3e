// SPDX-License-Identifier: Apache-2.0

package store

import "slices"

// writable gives the node itself when only the writer can reach it, or else a copy.
func (n *node[E]) writable(o *owner) *node[E] {
	if n.owner == o {
		return n
	}
	c := &node[E]{owner: o, count: n.count, elems: copyWithRoom(n.elems)}
	if n.kids != nil {
		c.kids = copyWithRoom(n.kids)
	}
	return c
}

// copyWithRoom leaves room for what the copy is made for, without doubling it.
func copyWithRoom[T any](s []T) []T {
	return append(make([]T, 0, min(len(s)+4, maxFanout+1)), s...)
}

// put adds an element beneath a writable node and gives the new right sibling when the
// node had to be split.
func (n *node[E]) put(t *tree[E], e E) *node[E] {
	order := func(other E) int { return t.compare(other, e) }
	i := n.lowerBound(order)
	if n.kids == nil {
		if i < len(n.elems) && order(n.elems[i]) == 0 {
			n.elems[i] = e
			return nil
		}
		n.elems = slices.Insert(n.elems, i, e)
		n.count++
		return n.split(t.owner)
	}
	i = n.childFor(i, order)
	kid := n.kids[i].writable(t.owner)
	before := kid.count
	sibling := kid.put(t, e)
	n.kids[i], n.elems[i] = kid, kid.elems[0]
	n.count += kid.count - before
	if sibling == nil {
		return nil
	}
	n.count += sibling.count
	n.kids = slices.Insert(n.kids, i+1, sibling)
	n.elems = slices.Insert(n.elems, i+1, sibling.elems[0])
	return n.split(t.owner)
}

// split moves the right half of an overfull node into a new one.
func (n *node[E]) split(o *owner) *node[E] {
	if len(n.elems) <= maxFanout {
		return nil
	}
	half := len(n.elems) / 2
	if n.kids == nil {
		// Keys mostly grow: a leaf that grew at its end stays nearly full.
		half = len(n.elems) * 3 / 4
	}
	right := &node[E]{owner: o, elems: copyWithRoom(n.elems[half:])}
	n.elems = cut(n.elems, half)
	if n.kids != nil {
		right.kids = copyWithRoom(n.kids[half:])
		n.kids = cut(n.kids, half)
	}
	right.count = right.sum()
	n.count -= right.count
	return right
}

// cut shortens a slice and lets go of what was behind.
func cut[T any](s []T, length int) []T {
	clear(s[length:])
	return s[:length]
}

func (n *node[E]) sum() int {
	if n.kids == nil {
		return len(n.elems)
	}
	total := 0
	for _, kid := range n.kids {
		total += kid.count
	}
	return total
}

// remove removes the element, which is there, beneath a writable node.
func (n *node[E]) remove(t *tree[E], order func(E) int) {
	i := n.lowerBound(order)
	n.count--
	if n.kids == nil {
		n.elems = slices.Delete(n.elems, i, i+1)
		return
	}
	i = n.childFor(i, order)
	kid := n.kids[i].writable(t.owner)
	kid.remove(t, order)
	n.kids[i] = kid
	if kid.count == 0 {
		n.kids = slices.Delete(n.kids, i, i+1)
		n.elems = slices.Delete(n.elems, i, i+1)
		return
	}
	n.elems[i] = kid.elems[0]
	if len(kid.elems) < maxFanout/4 {
		n.mergeKids(t.owner, max(i-1, 0))
	}
}

// mergeKids joins the children i and i+1 when they fit into one.
func (n *node[E]) mergeKids(o *owner, i int) {
	if i+1 >= len(n.kids) || len(n.kids[i].elems)+len(n.kids[i+1].elems) > maxFanout {
		return
	}
	left, right := n.kids[i].writable(o), n.kids[i+1]
	left.elems = append(left.elems, right.elems...)
	left.kids = append(left.kids, right.kids...)
	left.count += right.count
	n.kids[i] = left
	n.kids = slices.Delete(n.kids, i+1, i+2)
	n.elems = slices.Delete(n.elems, i+1, i+2)
}
