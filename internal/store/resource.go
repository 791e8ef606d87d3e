// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"

	"scim-operator.io/internal/scim"
)

// Resource is one user, group or other resource as it was at one moment. It never changes.
type Resource struct {
	Type    *scim.ResourceType
	ID      string
	Version string // the ETag, see VersionOf

	Generation int64
	Existing   bool // a creation has come upon it: a user who was there, and live, before
	Returned   bool // a creation has given a user an earlier record back: deleted before, or deactivated
	Refused    bool // a user's last request that was refused is noted in the status

	packed  scim.Packed
	groups  scim.Field // a user's computed groups; the zero Field when there are none
	meta    *metaAttributes
	members scim.MemberReader
}

// NewResource makes a resource that is not one of a Store. The object is complete: id,
// externalId, meta and a user's groups included, but for a group's members.
func NewResource(rt *scim.ResourceType, version string, o *scim.Object, members scim.MemberReader) *Resource {
	return &Resource{
		Type: rt, ID: o.Text(rt.Attribute("id")), Version: version, packed: rt.Pack(o), members: members,
	}
}

// Text gives the value of one of the resource's own string attributes, "" when it has none.
func (r *Resource) Text(a *scim.Attribute) string { return r.packed.Text(a) }

// AppendJSON appends the resource as JSON, or what a projection leaves of it: id,
// externalId, meta and a user's computed groups included. Only a group's members are
// apart, in Members.
func (r *Resource) AppendJSON(dst []byte, p *scim.Projection) []byte {
	if r.groups.Attr == nil {
		return r.packed.AppendJSON(dst, p, nil)
	}
	dst = r.packed.AppendJSON(dst, p, &r.groups)
	if !p.Wants(r.meta.version) {
		return dst
	}
	// The version is packed without regard to groups, and comes last.
	const end = `\""}}`
	tag := r.Version[strings.Index(r.Version, groupsSeparator) : len(r.Version)-1]
	dst = append(dst[:len(dst)-len(end)], tag...)
	return append(dst, end...)
}

// AppendOpenJSON is AppendJSON without the closing brace, so that a group's members can
// follow.
func (r *Resource) AppendOpenJSON(dst []byte, p *scim.Projection) []byte {
	dst = r.AppendJSON(dst, p)
	return dst[:len(dst)-1]
}

// Object returns what AppendJSON shows as values.
func (r *Resource) Object() *scim.Object {
	if r.groups.Attr == nil {
		return r.packed.Object()
	}
	return r.meta.withGroups(r.packed, r.groups, r.Version).Object()
}

// Members reads a group's members with value, type, display and $ref filled in, in
// the order in which they were added. It is empty for other types.
func (r *Resource) Members() scim.MemberReader {
	if r.members == nil {
		return scim.MemberList(nil)
	}
	return r.members
}

// resource gives an entry to a client of the store.
func (s *Store) resource(view *snapshot, k *kind, e *entry) *Resource {
	r := &Resource{}
	s.describeTo(r, view, k, e, false)
	return r
}

func (s *Store) describeTo(r *Resource, view *snapshot, k *kind, e *entry, noGroups bool) {
	r.Type, r.ID, r.Version, r.packed = k.rt, e.id, e.version(), s.shown(view, e)
	r.Generation, r.Refused = e.generation, e.refused
	switch {
	case k == s.groups:
		r.members = groupMembers{store: s, view: view, group: e}
	case k == s.users && !noGroups:
		if groups := s.groupsOf(view, e.id); groups != nil {
			r.groups = scim.Field{Attr: s.userAttributes.groups.attr, Value: groups}
			r.Version = VersionOf(e.generation, groups)
			r.meta = &s.userAttributes.metaAttributes
		}
	}
}

// shown returns a resource without a reference that leads to nobody: a user's manager may not
// exist, or not exist yet.
func (s *Store) shown(view *snapshot, e *entry) scim.Packed {
	if e.manager == "" {
		return e.packed
	}
	if _, exists := view.users.live.find(e.manager); exists {
		return e.packed
	}
	a := &s.userAttributes.enterprise
	enterprise := e.packed.Value(a.container).(*scim.Object)
	manager := enterprise.Object(a.manager).With(a.managerRef, nil)
	return e.packed.With(scim.Field{Attr: a.container, Value: enterprise.With(a.manager, manager)})
}

// maxGroupsOfUser bounds the computed `groups` of one user.
const maxGroupsOfUser = 10_000

// withGroups returns the user as answers show it: with its `groups`, and without a reference
// to nobody.
func (s *Store) withGroups(view *snapshot, user *entry) scim.Packed {
	shown := s.shown(view, user)
	groups := s.groupsOf(view, user.id)
	if groups == nil {
		return shown
	}
	field := scim.Field{Attr: s.userAttributes.groups.attr, Value: groups}
	return s.userAttributes.withGroups(shown, field, VersionOf(user.generation, groups))
}

// withGroups returns a user with `groups`, and the version that tells of them. `meta` is the last
// attribute of the schema.
func (a *metaAttributes) withGroups(user scim.Packed, groups scim.Field, version string) scim.Packed {
	meta := user.Value(a.meta).(*scim.Object).With(a.version, version)
	return user.With(groups, scim.Field{Attr: a.meta, Value: meta})
}

// groupsOf gives a user's `groups`: those it is a member of, and those that have one of
// these as a member, at any depth (RFC 7643 §4.1.2).
func (s *Store) groupsOf(view *snapshot, user string) scim.List {
	if view.memberships.len() == 0 {
		return nil
	}
	var groups scim.List
	var known map[string]bool
	kind := "direct"
	for level := []string{user}; len(level) > 0; kind = "indirect" {
		var next []string
		for _, id := range level {
			for group := range view.groupsOf(id) {
				if known[group.id] || len(groups) == maxGroupsOfUser {
					continue
				}
				if known == nil {
					known = map[string]bool{}
				}
				known[group.id] = true
				groups = append(groups, s.groupOfUser(group, kind))
				next = append(next, group.id)
			}
		}
		level = next
	}
	return groups
}

func (s *Store) groupOfUser(group *entry, kind string) *scim.Object {
	a := &s.userAttributes.groups
	b := scim.NewBuilder(4)
	b.SetText(a.value, group.id)
	b.SetText(a.ref, s.location(s.groups, group.id))
	b.SetText(a.display, group.packed.Text(s.groupAttributes.displayName))
	b.SetText(a.typ, kind)
	return b.Object()
}
