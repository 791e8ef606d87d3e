// SPDX-License-Identifier: Apache-2.0

package scim

// A walk over many resources waits for memory rather than for the processor: for the
// table of a resource, and then for the attribute that the table leads to. Fetch takes
// these steps for many resources side by side, so that their waits pass at the same time,
// and Match finds everything at hand.

const (
	// FetchSize is how many resources Fetch looks at together at most: what it looks at
	// fits well into the processor's first cache.
	FetchSize = 32
	// maxFetched is how many comparisons of a filter are prepared. Those behind are seldom
	// come to.
	maxFetched = 4
	// maxFetchedBytes bounds what is prepared of one value, a cache line at a time.
	maxFetchedBytes, cacheLine = 256, 64
)

// Fetch brings into the processor's cache what Match will look at of up to FetchSize
// resources. It changes nothing but the time that takes; what it gives means nothing, and
// keeps the compiler from leaving it out.
func (f *Filter) Fetch(resources []Packed) (touched int) {
	w := fetcher{resources: resources[:min(len(resources), FetchSize)], left: maxFetched}
	for i := range w.resources {
		if data := w.resources[i].data; data != "" {
			w.touched += int(data[0])
		}
	}
	w.node(f.root)
	return w.touched
}

type fetcher struct {
	resources []Packed
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
	top := n.attr
	if n.container != nil {
		top = n.container
	}
	w.values(top)
}

func (w *fetcher) values(top *Attribute) {
	var values [FetchSize]string
	for i := range w.resources {
		if !w.resources[i].IsZero() {
			values[i] = w.resources[i].find(top)
		}
	}
	for i := range w.resources {
		for at := 0; at < min(len(values[i]), maxFetchedBytes); at += cacheLine {
			w.touched += int(values[i][at])
		}
	}
}
