// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"iter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// memberType is the type of a member as the identity provider gave it. It counts until it
// is known what the member is.
type memberType uint8

const (
	memberUntyped memberType = iota
	memberUser
	memberGroup
)

func memberTypeOf[T ~string](name T) memberType {
	switch string(name) {
	case string(api.MemberUser):
		return memberUser
	case string(api.MemberGroup):
		return memberGroup
	}
	return memberUntyped
}

func (t memberType) name() api.MemberType {
	return [...]api.MemberType{"", api.MemberUser, api.MemberGroup}[t]
}

// member is one member of a group as it is stored.
type member struct {
	value string
	typ   memberType
}

// chunk is some of the members of a group, in the order in which they were added: those
// held in the group itself, or those of one slice. It never changes.
type chunk struct {
	slice   string // name of the ScimGroupSlice; "" for the group itself
	members []member
	partial bool // more of the members is stored than this process reads: see surplus
	// missing is a slice that the group names and that does not exist. Its name stays with
	// the group, whatever changes beside it, so that its members are back once it is.
	missing bool
}

// newChunk reads the members that an object holds.
func newChunk(slice string, in metav1.Object, stored []api.GroupMember) *chunk {
	c := &chunk{slice: slice, members: make([]member, len(stored)), partial: hasUnreadFields(in)}
	for i, m := range stored {
		c.members[i] = member{value: m.Value, typ: memberTypeOf(m.Type)}
		c.partial = c.partial || !isMemberType(m.Type)
	}
	return c
}

// isMemberType reports whether a type is one that memberType can hold.
func isMemberType(t api.MemberType) bool { return memberTypeOf(t).name() == t }

// stored is the way back.
func (c *chunk) stored() []api.GroupMember {
	members := make([]api.GroupMember, len(c.members))
	for i, m := range c.members {
		members[i] = api.GroupMember{Value: m.value, Type: m.typ.name()}
	}
	return members
}

// memberList is all the members of one group.
type memberList struct {
	chunks []*chunk
	count  int
}

func newMemberList(chunks ...*chunk) *memberList {
	l := &memberList{chunks: chunks}
	for _, c := range chunks {
		l.count += len(c.members)
	}
	return l
}

func (l *memberList) all() iter.Seq[member] {
	return func(yield func(member) bool) {
		if l == nil {
			return
		}
		for _, c := range l.chunks {
			for _, m := range c.members {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// lacking yields the slices that do not exist.
func (l *memberList) lacking() iter.Seq[*chunk] {
	return func(yield func(*chunk) bool) {
		if l == nil {
			return
		}
		for _, c := range l.chunks {
			if c.missing && !yield(c) {
				return
			}
		}
	}
}

// sliced says whether slices hold the members.
func (l *memberList) sliced() bool { return len(l.chunks) > 0 && l.chunks[0].slice != "" }

// membership is an element of the index of who is a member of what.
type membership struct {
	member, group string
	typ           memberType
}

func compareMemberships(a, b membership) int {
	return cmp.Or(cmp.Compare(a.member, b.member), cmp.Compare(a.group, b.group))
}

// groupMembers reads the members of one group, described as in one snapshot.
type groupMembers struct {
	store *Store
	view  *snapshot
	group *entry
	// types is who is a member, where the snapshot has another version of the group.
	types map[string]memberType
	// scan ends All when the query that looks at the members may not go on, each of whom
	// costs so many looks; nil where no query does.
	scan  *scan
	looks int
}

// membersOf reads the members of a version of a group that may not be the newest.
func (s *Store) membersOf(group *entry) groupMembers {
	g := groupMembers{store: s, view: s.index.view(), group: group}
	if shown, ok := g.view.groups.live.find(group.id); !ok || shown.revision != group.revision {
		g.types = make(map[string]memberType, group.members.count)
		for m := range group.members.all() {
			g.types[m.value] = m.typ
		}
	}
	return g
}

var _ scim.MemberReader = groupMembers{}

// Len is the number of members.
func (g groupMembers) Len() int { return g.group.members.count }

// Get finds a member by its value.
func (g groupMembers) Get(value string) (scim.Member, bool) {
	typ, ok := g.typeOf(value)
	if !ok {
		return scim.Member{}, false
	}
	return g.store.describe(g.view, member{value: value, typ: typ}), true
}

func (g groupMembers) typeOf(value string) (memberType, bool) {
	if g.types != nil {
		typ, ok := g.types[value]
		return typ, ok
	}
	found, ok := g.view.memberships.find(func(m membership) int {
		return cmp.Or(cmp.Compare(m.member, value), cmp.Compare(m.group, g.group.id))
	})
	return found.typ, ok
}

// All gives the members in the order in which they were added.
func (g groupMembers) All() iter.Seq[scim.Member] {
	return func(yield func(scim.Member) bool) {
		for m := range g.group.members.all() {
			if g.scan != nil && !g.scan.look(g.looks) || !yield(g.store.describe(g.view, m)) {
				return
			}
		}
	}
}

// describe fills in what a member is: its type, display and $ref. A member that names
// nobody yet has the type that the identity provider gave it.
func (s *Store) describe(view *snapshot, m member) scim.Member {
	described := scim.Member{Value: m.value, Type: string(m.typ.name())}
	if user, ok := view.users.live.find(m.value); ok {
		described.Type, described.Ref = s.users.rt.Name, s.location(s.users, m.value)
		described.Display = s.userDisplay(user)
	} else if group, ok := view.groups.live.find(m.value); ok {
		described.Type, described.Ref = s.groups.rt.Name, s.location(s.groups, m.value)
		described.Display = group.packed.Text(s.groupAttributes.displayName)
	}
	return described
}

func (s *Store) userDisplay(user *entry) string {
	if display := user.packed.Text(s.userAttributes.displayName); display != "" {
		return display
	}
	return user.packed.Text(s.userAttributes.userName)
}
