// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"

	"scim-operator.io/internal/scim"
)

// ahead gives all entries in the order of creation, and prepares some at a time for being
// compared: a filter that no index helps looks at everybody, and most of its time would
// go by waiting for memory.
func (l *listing) ahead() iter.Seq[*entry] {
	all := l.table.byCreation.all()
	if l.query.Filter == nil || l.filterGroups {
		return all
	}
	return func(yield func(*entry) bool) {
		var entries [scim.FetchSize]*entry
		var resources [scim.FetchSize]scim.Packed
		n := 0
		flush := func() bool {
			for i := range n {
				resources[i] = entries[i].packed
			}
			l.query.Filter.Fetch(resources[:n])
			for i := range n {
				if !yield(entries[i]) {
					return false
				}
			}
			n = 0
			return true
		}
		for e := range all {
			entries[n] = e
			if n++; n == len(entries) && !flush() {
				return
			}
		}
		flush()
	}
}
