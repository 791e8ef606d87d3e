// SPDX-License-Identifier: Apache-2.0

package store

import (
	"scim-operator.io/internal/scim"
)

// Resource is one user or group as it was at one moment. It never changes.
type Resource struct {
	Type    *scim.ResourceType
	ID      string
	Version string // the ETag, W/"<metadata.generation>"

	// Object is complete: id, externalId, meta and a user's computed groups included.
	// Only a group's members are apart, in Members.
	Object *scim.Object

	members scim.MemberReader
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
func (s *Store) resource(view *snapshot, k *kind, e *entry, noGroups bool) *Resource {
	r := &Resource{Type: k.rt, ID: e.id, Version: e.version(), Object: e.object}
	switch {
	case k == s.groups:
		r.members = groupMembers{store: s, view: view, group: e}
	case !noGroups:
		r.Object = s.withGroups(view, e)
	}
	return r
}

// maxGroupsOfUser bounds the computed `groups` of one user.
const maxGroupsOfUser = 10_000

// withGroups sets the user's `groups`: those it is a member of, and those that have one
// of these as a member, at any depth (RFC 7643 §4.1.2).
func (s *Store) withGroups(view *snapshot, user *entry) *scim.Object {
	var groups scim.List
	var known map[string]bool
	kind := "direct"
	for level := []string{user.id}; len(level) > 0; kind = "indirect" {
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
	if groups == nil {
		return user.object
	}
	return user.object.With(s.userAttributes.groups.attr, groups)
}

func (s *Store) groupOfUser(group *entry, kind string) *scim.Object {
	a := &s.userAttributes.groups
	b := scim.NewBuilder(4)
	b.SetText(a.value, group.id)
	b.SetText(a.ref, s.location(s.groups, group.id))
	b.SetText(a.display, group.object.Text(s.groupAttributes.displayName))
	b.SetText(a.typ, kind)
	return b.Object()
}
