// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"iter"
	"strings"

	"scim-operator.io/internal/scim"
)

// lookup finds the entries that satisfy one equality in an index.
type lookup func(l *listing, value string) iter.Seq[*entry]

// userLookups and groupLookups are the indexes of users and groups by the path of an attribute, the most
// selective first.
var (
	userLookups = []indexed{
		{"id", byID},
		{"userName", byName},
		{"externalId", byExternal},
		{"emails.value", byEmail},
		{"groups.value", byGroup},
	}
	groupLookups = []indexed{
		{"id", byID},
		{"displayName", byName},
		{"externalId", byExternal},
		{"members.value", byMember},
	}
)

type indexed struct {
	path   string
	lookup lookup
}

// candidates gives entries among which are all that match the filter, from an index;
// false when no index helps.
func (l *listing) candidates() (iter.Seq[*entry], bool) {
	if l.query.Filter == nil {
		return nil, false
	}
	equalities := l.query.Filter.Equalities()
	for _, index := range l.kind.lookups {
		for _, equality := range equalities {
			if equality.Path == index.path {
				return index.lookup(l, equality.Value), true
			}
		}
	}
	return nil, false
}

func byID(l *listing, value string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		if e, ok := l.table.find(value); ok {
			yield(e)
		}
	}
}

func byName(l *listing, value string) iter.Seq[*entry] { return l.table.named(scim.FoldName(value)) }

func byExternal(l *listing, value string) iter.Seq[*entry] { return l.table.external(value) }

func byEmail(l *listing, value string) iter.Seq[*entry] { return l.table.emailed(scim.Fold(value)) }

func byMember(l *listing, value string) iter.Seq[*entry] { return l.view.groupsOf(value) }

// byGroup gives the users who are members of a group, directly or through others.
func byGroup(l *listing, value string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		seen := map[string]bool{value: true}
		for groups := []string{value}; len(groups) > 0; {
			id := groups[len(groups)-1]
			groups = groups[:len(groups)-1]
			group, ok := l.view.groups.live.find(id)
			if !ok {
				continue
			}
			for m := range group.members.all() {
				if !l.scan.look(1) {
					return
				}
				if seen[m.value] {
					continue
				}
				seen[m.value] = true
				if user, ok := l.table.find(m.value); ok {
					if !yield(user) {
						return
					}
				} else {
					groups = append(groups, m.value)
				}
			}
		}
	}
}

// groupsOf gives the live groups that have the member themselves.
func (v *snapshot) groupsOf(id string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for m := range v.memberships.from(func(m membership) int { return cmp.Compare(m.member, id) }) {
			if m.member != id {
				return
			}
			if group, ok := v.groups.live.find(m.group); ok && !yield(group) {
				return
			}
		}
	}
}

// namesGroups says whether a filter on users may look at their groups, or at their
// version, which depends on them. It may say so where it does not.
func namesGroups(f *scim.Filter) bool {
	text := strings.ToLower(f.String())
	return strings.Contains(text, "groups") || strings.Contains(text, "version")
}

// namesReference reports whether a filter on users may look at a reference, such as that to
// the manager, which is there while the manager is.
func namesReference(f *scim.Filter) bool {
	return strings.Contains(strings.ToLower(f.String()), "$ref")
}

// sortsByGroups reports whether an order looks at a user's groups.
func (s *Store) sortsByGroups(order *scim.Sort) bool {
	return order.By(s.userAttributes.groups.attr)
}
