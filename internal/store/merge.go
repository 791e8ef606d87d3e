// SPDX-License-Identifier: Apache-2.0

package store

import (
	"scim-operator.io/internal/scim"
)

// merged is what several changes, one after the other, make of one version of a
// resource.
type merged struct {
	store *Store
	kind  *kind
	base  *entry

	object  *scim.Object
	members *scim.Members // nil for users
	dirty   bool
	renamed bool
	results []outcome // of the changes taken in, without resources
}

// merge applies changes to a version for as long as one write can carry them. A change
// of the name is written alone: whether the name is free decides about it, and only
// about it.
func (s *Store) merge(k *kind, base *entry, changes []*change) *merged {
	m := &merged{store: s, kind: k, base: base, object: base.object()}
	if k == s.groups {
		m.members = scim.NewMembers(s.membersOf(base))
	}
	for _, c := range changes {
		if !m.take(c) || m.renamed {
			break
		}
	}
	return m
}

// take applies one change. It is false when the change has to be written by itself.
func (m *merged) take(c *change) bool {
	version := m.base.version()
	if m.dirty {
		version = "" // it has none yet
	}
	if !c.match.Holds(version) {
		m.results = append(m.results, outcome{err: scim.ErrInvalidVersion()})
		return true
	}
	var members *scim.Members
	if m.members != nil {
		members = scim.NewMembers(m.members)
	}
	var object *scim.Object
	var changed bool
	var err error
	p := contained(func() {
		if object, changed, err = c.mutate(m.object, members); err == nil && changed {
			err = m.store.checkResult(m.kind, m.object, object, members)
		}
	})
	if p != nil {
		m.store.logPanic(m.kind, m.base.id, p)
	}
	if p != nil || err != nil || !changed {
		m.results = append(m.results, outcome{err: err, panicked: p})
		return true
	}
	renames := m.kind.renamed(m.base, object)
	if renames && len(m.results) > 0 {
		return false
	}
	m.object, m.dirty, m.renamed = object, true, renames
	if members != nil {
		apply(members, m.members)
	}
	m.results = append(m.results, outcome{changed: true})
	return true
}

// apply repeats on another list what happened to a list of members.
func apply(change, to *scim.Members) {
	cleared, added, removed := change.Delta()
	if cleared {
		to.Clear()
	}
	if change.Whole() {
		to.StateWhole()
	}
	for _, value := range removed {
		to.Remove(value)
	}
	for _, member := range added {
		to.Add(member)
	}
}

// maxGroupMembers bounds the members of one group.
const maxGroupMembers = 200_000

// checkResult refuses what no resource may become.
func (s *Store) checkResult(k *kind, before, o *scim.Object, members *scim.Members) error {
	if err := k.checkUnique(o); err != nil {
		return err
	}
	if members != nil && members.Len() > maxGroupMembers {
		return errTooManyMembers
	}
	if k == s.users {
		return s.checkDomains(before, o)
	}
	return nil
}
