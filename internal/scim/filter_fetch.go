// SPDX-License-Identifier: Apache-2.0

package scim

// A walk over many resources waits for memory rather than for the processor. To compare
// one attribute takes four loads that nothing has asked for yet (the resource, its field,
// the string, its bytes), each of which has to wait for the one before; an e-mail address
// takes eight. Fetch does the same steps for many resources side by side, so that their
// waits pass at the same time, and Match finds everything at hand.

// FetchSize is how many resources Fetch looks at together at most: their lines fit well
// into the processor's first cache.
const FetchSize = 32

// maxFetched is how many comparisons of a filter are prepared. Those behind are seldom
// come to.
const maxFetched = 4

// maxFetchedValues is how many values of a multi-valued attribute are prepared.
const maxFetchedValues = 2

// Fetch brings into the processor's cache what Match will look at of up to FetchSize
// resources. It changes nothing but the time that Match takes; what it gives means
// nothing, and keeps the compiler from leaving it out.
func (f *Filter) Fetch(resources []*Object) (touched int) {
	w := fetcher{resources: resources[:min(len(resources), FetchSize)], left: maxFetched}
	for _, o := range w.resources {
		w.touched += o.Len()
	}
	w.node(f.root)
	return w.touched
}

type fetcher struct {
	resources []*Object
	left      int // of maxFetched
	touched   int
}

// node prepares the comparisons below a node, from the left, which is how they are tried.
func (w *fetcher) node(n *node) {
	switch n.op {
	case opAnd, opOr:
		w.node(n.left)
		w.node(n.right)
		return
	case opNot:
		w.node(n.left)
		return
	default:
	}
	if w.left == 0 || n.attr.role == roleMembers || n.attr.role == roleSchemas {
		return
	}
	w.left--
	sub := n.sub
	if n.op == opValuePath {
		sub = firstCompared(n.left)
	}
	resources := w.resources
	if n.container != nil {
		var containers [FetchSize]*Object
		resources = w.containers(containers[:len(resources)], n.container)
	}
	var values [FetchSize]Value
	for i, o := range resources {
		values[i] = o.Get(n.attr)
	}
	w.values(values[:len(resources)], sub)
}

// containers gives what the resources have of an extension.
func (w *fetcher) containers(found []*Object, container *Attribute) []*Object {
	for i, o := range w.resources {
		found[i] = o.Object(container)
	}
	for _, o := range found {
		w.touched += o.Len()
	}
	return found
}

// firstCompared gives the sub-attribute that a value path looks at first.
func firstCompared(n *node) *Attribute {
	for n.attr == nil {
		n = n.left
	}
	return n.attr
}

// values prepares values, one step for all of them after the other.
func (w *fetcher) values(values []Value, sub *Attribute) {
	var lists [FetchSize]List
	longest := 0
	for i, v := range values {
		if list, ok := v.(List); ok {
			lists[i] = list
			longest = max(longest, len(list))
		}
	}
	if longest == 0 {
		w.singles(values, sub)
		return
	}
	var elements [FetchSize]Value
	for place := range min(longest, maxFetchedValues) {
		for i, list := range lists {
			if elements[i] = nil; place < len(list) {
				elements[i] = list[place]
			}
		}
		w.singles(elements[:len(values)], sub)
	}
}

// singles prepares single values, and changes the slice.
func (w *fetcher) singles(values []Value, sub *Attribute) {
	if sub != nil {
		var objects [FetchSize]*Object
		for i, v := range values {
			objects[i], _ = v.(*Object)
			w.touched += objects[i].Len()
		}
		for i := range values {
			values[i] = objects[i].Get(sub)
		}
	}
	var texts [FetchSize]string
	for i, v := range values {
		texts[i], _ = v.(string)
	}
	for i := range values {
		if texts[i] != "" {
			w.touched += int(texts[i][0])
		}
	}
}
