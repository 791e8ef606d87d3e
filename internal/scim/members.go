// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"iter"
	"maps"
	"slices"
)

// Member is one member of a group (RFC 7643 §4.2). Value is the member's id and
// its identity; Display and Ref are filled in for rendering and filters.
type Member struct {
	Value   string
	Type    string // "User", "Group", or "" when not known
	Display string
	Ref     string
}

// MemberReader reaches the members of one group.
type MemberReader interface {
	Len() int
	Get(value string) (Member, bool)
	All() iter.Seq[Member]
}

// Members overlays changes on a base. A PATCH or PUT records its changes here
// and leaves behind, in Delta, what the store has to write. It is a
// [MemberReader] itself. It is for one goroutine.
type Members struct {
	base    MemberReader
	cleared bool // nothing of base shows
	whole   bool // see Whole
	added   []Member
	place   map[string]int // index in added
	removed map[string]struct{}
}

// NewMembers starts with the members of base and no change; nil is an empty base.
func NewMembers(base MemberReader) *Members {
	if base == nil {
		base = noMembers{}
	}
	return &Members{base: base}
}

// Len is the number of members.
func (m *Members) Len() int {
	if m.cleared {
		return len(m.added)
	}
	return m.base.Len() + len(m.added) - len(m.removed)
}

// cost is how many members All looks at, those that were removed included.
func (m *Members) cost() int {
	if m.cleared {
		return len(m.added)
	}
	return m.base.Len() + len(m.added)
}

// Get finds a member by its value.
func (m *Members) Get(value string) (Member, bool) {
	if i, ok := m.place[value]; ok {
		return m.added[i], true
	}
	return m.fromBase(value)
}

func (m *Members) fromBase(value string) (Member, bool) {
	if m.cleared {
		return Member{}, false
	}
	if _, gone := m.removed[value]; gone {
		return Member{}, false
	}
	return m.base.Get(value)
}

// All gives the members: those of the base that remain, then those added.
func (m *Members) All() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		if !m.cleared {
			for member := range m.base.All() {
				if _, gone := m.removed[member.Value]; !gone && !yield(member) {
					return
				}
			}
		}
		for _, member := range m.added {
			if !yield(member) {
				return
			}
		}
	}
}

// Add adds a member and says whether it was not one before.
func (m *Members) Add(member Member) (changed bool) {
	if _, ok := m.Get(member.Value); ok {
		return false
	}
	if _, gone := m.removed[member.Value]; gone {
		delete(m.removed, member.Value)
		return true
	}
	if m.place == nil {
		m.place = make(map[string]int)
	}
	m.place[member.Value] = len(m.added)
	m.added = append(m.added, member)
	return true
}

// Remove removes a member and says whether it was one.
func (m *Members) Remove(value string) (changed bool) {
	if i, ok := m.place[value]; ok {
		m.dropAdded(i)
		return true
	}
	if _, ok := m.fromBase(value); !ok {
		return false
	}
	if m.removed == nil {
		m.removed = make(map[string]struct{})
	}
	m.removed[value] = struct{}{}
	return true
}

// dropAdded fills the gap with the last one added, so that removing many stays
// linear. Delta sorts, so the order of additions carries no meaning.
func (m *Members) dropAdded(i int) {
	last := len(m.added) - 1
	delete(m.place, m.added[i].Value)
	if i != last {
		m.added[i] = m.added[last]
		m.place[m.added[i].Value] = i
	}
	m.added = m.added[:last]
}

// Clear removes every member.
func (m *Members) Clear() (changed bool) {
	changed = m.Len() > 0
	m.cleared, m.whole = m.base.Len() > 0, true
	m.added, m.place, m.removed = nil, nil, nil
	return changed
}

// Set makes the members those given. What stays is not touched: the delta of a
// replacement that changes little is little.
func (m *Members) Set(members []Member) (changed bool) {
	if len(members) == 0 {
		return m.Clear()
	}
	m.whole = true
	wanted := make(map[string]struct{}, len(members))
	for _, member := range members {
		wanted[member.Value] = struct{}{}
	}
	var unwanted []string
	for member := range m.All() {
		if _, ok := wanted[member.Value]; !ok {
			unwanted = append(unwanted, member.Value)
		}
	}
	for _, value := range unwanted {
		m.Remove(value)
	}
	changed = len(unwanted) > 0
	for _, member := range members {
		changed = m.Add(member) || changed
	}
	return changed
}

// Whole reports whether the members were stated as a whole: whatever else the base may
// have, which it does not show, is not meant to stay.
func (m *Members) Whole() bool { return m.whole }

// StateWhole makes Whole true, as Set and Clear do.
func (m *Members) StateWhole() { m.whole = true }

// Changed says whether the delta is not empty.
func (m *Members) Changed() bool {
	cleared, added, removed := m.cleared, m.added, len(m.removed)
	if cleared && len(added) > 0 {
		var gone []string
		cleared, added, gone = m.deltaOfCleared()
		removed = len(gone)
	}
	return cleared || len(added) > 0 || removed > 0
}

// Delta is what happened to the base: first it was cleared, or else lost the
// removed; then it gained the added. Both lists are sorted by value.
func (m *Members) Delta() (cleared bool, added []Member, removed []string) {
	if m.cleared {
		return m.deltaOfCleared()
	}
	return false, sortedMembers(m.added), slices.Sorted(maps.Keys(m.removed))
}

// deltaOfCleared leaves out what a member list that was emptied and filled again
// has in common with its base, so that nothing is written for it.
func (m *Members) deltaOfCleared() (bool, []Member, []string) {
	kept := 0
	var added []Member
	for _, member := range m.added {
		if _, ok := m.base.Get(member.Value); ok {
			kept++
		} else {
			added = append(added, member)
		}
	}
	if kept == 0 {
		return true, sortedMembers(m.added), nil
	}
	var removed []string
	for member := range m.base.All() {
		if _, ok := m.place[member.Value]; !ok {
			removed = append(removed, member.Value)
		}
	}
	slices.Sort(removed)
	return false, sortedMembers(added), removed
}

func sortedMembers(members []Member) []Member {
	return slices.SortedFunc(slices.Values(members), func(a, b Member) int {
		return compareStrings(a.Value, b.Value)
	})
}

// clone copies the changes, so that a PATCH can be applied whole or not at all.
func (m *Members) clone() *Members {
	c := *m
	c.added = slices.Clone(m.added)
	c.place = maps.Clone(m.place)
	c.removed = maps.Clone(m.removed)
	return &c
}

// MemberList is a MemberReader over a slice, for small groups and tests.
type MemberList []Member

// Len is the number of members.
func (l MemberList) Len() int { return len(l) }

// Get finds a member by its value.
func (l MemberList) Get(value string) (Member, bool) {
	for _, member := range l {
		if member.Value == value {
			return member, true
		}
	}
	return Member{}, false
}

// All gives the members in order.
func (l MemberList) All() iter.Seq[Member] { return slices.Values(l) }

type noMembers struct{}

func (noMembers) Len() int                  { return 0 }
func (noMembers) Get(string) (Member, bool) { return Member{}, false }
func (noMembers) All() iter.Seq[Member]     { return func(func(Member) bool) {} }
