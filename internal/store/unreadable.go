// SPDX-License-Identifier: Apache-2.0

package store

// Unreadable tells of stored values that do not have the type that the endpoint declares.
// They are not shown, and writes keep them.
type Unreadable struct {
	Resources int // with such a value

	// Resource and Attribute are of one of them.
	Resource, Attribute string
}

// Unreadable returns what there is of it now.
func (s *Store) Unreadable() Unreadable {
	var u Unreadable
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	for _, k := range s.kinds {
		first := ""
		for id := range k.shelf.unreadable {
			if first == "" || id < first {
				first = id
			}
		}
		if u.Resources += len(k.shelf.unreadable); u.Resource == "" && first != "" {
			u.Resource, u.Attribute = string(k.resource)+"/"+first, k.shelf.unreadable[first].Path()
		}
	}
	return u
}

// noteUnreadable records whether a version of a resource has an unreadable value.
func (s *shelf) noteUnreadable(e *entry) {
	if e.gone || e.extra == nil || e.extra.unreadable == nil {
		delete(s.unreadable, e.id)
		return
	}
	s.unreadable[e.id] = e.extra.unreadable
}
