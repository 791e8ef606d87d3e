// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

const (
	// maxGroups and maxSlices are how much of an endpoint's groups is looked at for one
	// user: beyond that, status still says what the operator made of all of it.
	maxGroups = 10_000
	maxSlices = 5_000
)

// Membership is a group that a user is a member of.
type Membership struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	// Through is the displayName of the group by which the user is in this one, left out
	// for a direct member.
	Through string `json:"through,omitempty"`
}

// directory is who is in which group, as far as one user's groups depend on it.
type directory struct {
	names map[string]string
	// above are the groups that have an id as a direct member.
	above map[string][]string
}

// memberships finds the groups of a user, direct ones first, then those by groups in
// groups, without keeping anybody else's membership in memory.
func (s *session) memberships(ctx context.Context, u *user) (groups []Membership, whole bool, err error) {
	ofEndpoint := client.MatchingFields{"spec.endpointRef.name": u.Spec.EndpointRef.Name}
	d := directory{names: map[string]string{}, above: map[string][]string{}}
	whole, err = reading{session: s, list: namesOf(kindScimGroup), size: pageSize, bound: maxGroups}.each(ctx, func(page client.ObjectList) bool {
		for _, item := range page.(*metav1.PartialObjectMetadataList).Items {
			d.names[item.Name] = ""
		}
		return false
	}, ofEndpoint)
	if err != nil {
		return nil, false, err
	}
	all, err := reading{session: s, list: func() client.ObjectList { return &v1alpha1.ScimGroupList{} }, size: largePageSize, bound: maxGroups}.each(ctx, func(page client.ObjectList) bool {
		items := page.(*v1alpha1.ScimGroupList).Items
		for i := range items {
			if g := &items[i]; g.Live() {
				d.names[g.Name] = g.Spec.DisplayName
				d.note(g.Name, g.Spec.Members, u.Name)
			}
		}
		return false
	}, ofEndpoint)
	if err != nil {
		return nil, false, err
	}
	whole = whole && all
	all, err = reading{session: s, list: func() client.ObjectList { return &v1alpha1.ScimGroupSliceList{} }, size: largePageSize, bound: maxSlices}.each(ctx, func(page client.ObjectList) bool {
		for _, slice := range page.(*v1alpha1.ScimGroupSliceList).Items {
			d.note(slice.Spec.GroupRef.Name, slice.Spec.Members, u.Name)
		}
		return false
	}, ofEndpoint)
	return d.of(u.Name), whole && all, err
}

// note keeps which of a group's members are groups, or the user.
func (d *directory) note(group string, members []v1alpha1.GroupMember, user string) {
	for _, m := range members {
		_, isGroup := d.names[m.Value]
		if (isGroup || m.Value == user) && !slices.Contains(d.above[m.Value], group) {
			d.above[m.Value] = append(d.above[m.Value], group)
		}
	}
}

// of walks upward from a user.
func (d *directory) of(user string) []Membership {
	var found []Membership
	seen := map[string]bool{}
	through := ""
	for level := []string{user}; len(level) > 0; level = level[1:] {
		if below := level[0]; below != user {
			through = d.names[below]
		}
		var next []Membership
		for _, id := range d.above[level[0]] {
			// One without a name is not there any more, though a slice of it still is.
			if name := d.names[id]; !seen[id] && name != "" {
				seen[id] = true
				next = append(next, Membership{ID: id, DisplayName: name, Through: through})
			}
		}
		slices.SortFunc(next, func(a, b Membership) int { return strings.Compare(a.DisplayName+a.ID, b.DisplayName+b.ID) })
		for _, m := range next {
			level = append(level, m.ID)
		}
		found = append(found, next...)
	}
	return found
}
