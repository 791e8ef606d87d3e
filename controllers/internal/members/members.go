// SPDX-License-Identifier: Apache-2.0

// Package members answers, from the manager's cache, who is a member of which group, in
// both directions and through groups in groups.
package members

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
)

const (
	// Index finds the groups and slices that hold a member, in the cache.
	Index = "spec.members.value"
	// SliceIndex finds the slices of a group, in the cache.
	SliceIndex = "spec.groupRef.name"
)

// AddIndexes prepares the manager's cache for the questions of this package. A manager
// has one cache for all of its controllers, so it is done once for all of them.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.ScimGroup{}, Index, func(obj client.Object) []string {
		return values(obj.(*v1alpha1.ScimGroup).Spec.Members)
	})
	if err != nil {
		return fmt.Errorf("index groups by member: %w", err)
	}
	err = indexer.IndexField(ctx, &v1alpha1.ScimGroupSlice{}, Index, func(obj client.Object) []string {
		return values(obj.(*v1alpha1.ScimGroupSlice).Spec.Members)
	})
	if err != nil {
		return fmt.Errorf("index slices by member: %w", err)
	}
	err = indexer.IndexField(ctx, &v1alpha1.ScimGroupSlice{}, SliceIndex, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.ScimGroupSlice).Spec.GroupRef.Name}
	})
	if err != nil {
		return fmt.Errorf("index slices by group: %w", err)
	}
	return nil
}

func values(members []v1alpha1.GroupMember) []string {
	v := make([]string, len(members))
	for i := range members {
		v[i] = members[i].Value
	}
	return v
}

// Upward answers for one endpoint which groups an id is a member of. It remembers the
// parents of groups, so that one scan of a directory asks about each group once.
type Upward struct {
	Reader   client.Reader
	Endpoint client.ObjectKey

	parents map[string][]identity.Group
}

// GroupsOf lists the live groups that have the user or group as a member, directly or by
// a group in them, nearest first.
func (u *Upward) GroupsOf(ctx context.Context, id string) ([]identity.Group, error) {
	found, err := u.holders(ctx, id)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var groups []identity.Group
	for len(found) > 0 {
		g := found[0]
		found = found[1:]
		if seen[g.ID] {
			continue
		}
		seen[g.ID] = true
		groups = append(groups, g)
		above, err := u.parentsOf(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		found = append(found, above...)
	}
	return groups, nil
}

func (u *Upward) parentsOf(ctx context.Context, group string) ([]identity.Group, error) {
	if known, ok := u.parents[group]; ok {
		return known, nil
	}
	above, err := u.holders(ctx, group)
	if err != nil {
		return nil, err
	}
	if u.parents == nil {
		u.parents = map[string][]identity.Group{}
	}
	u.parents[group] = above
	return above, nil
}

// holders are the groups that have an id as a direct member.
func (u *Upward) holders(ctx context.Context, id string) ([]identity.Group, error) {
	with := []client.ListOption{
		client.InNamespace(u.Endpoint.Namespace), client.MatchingFields{Index: id}, client.UnsafeDisableDeepCopy,
	}
	var direct v1alpha1.ScimGroupList
	if err := u.Reader.List(ctx, &direct, with...); err != nil {
		return nil, fmt.Errorf("list the groups of %s: %w", id, err)
	}
	var groups []identity.Group
	for i := range direct.Items {
		if g := &direct.Items[i]; u.serves(g) {
			groups = append(groups, identity.Group{ID: g.Name, DisplayName: g.Spec.DisplayName})
		}
	}
	var sliced v1alpha1.ScimGroupSliceList
	if err := u.Reader.List(ctx, &sliced, with...); err != nil {
		return nil, fmt.Errorf("list the slices of %s: %w", id, err)
	}
	for i := range sliced.Items {
		g, err := NamingGroup(ctx, u.Reader, &sliced.Items[i])
		if err != nil {
			return nil, err
		}
		if g != nil && u.serves(g) {
			groups = append(groups, identity.Group{ID: g.Name, DisplayName: g.Spec.DisplayName})
		}
	}
	return groups, nil
}

func (u *Upward) serves(g *v1alpha1.ScimGroup) bool {
	return g.Live() && g.Spec.EndpointRef.Name == u.Endpoint.Name
}

// NamingGroup is the group that names a slice, or nil: a slice that its group does not
// name holds nobody.
func NamingGroup(ctx context.Context, reader client.Reader, slice *v1alpha1.ScimGroupSlice) (*v1alpha1.ScimGroup, error) {
	var g v1alpha1.ScimGroup
	key := client.ObjectKey{Namespace: slice.Namespace, Name: slice.Spec.GroupRef.Name}
	err := reader.Get(ctx, key, &g, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) || err == nil && !slices.Contains(g.Spec.Slices, slice.Name) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the group of slice %s: %w", slice.Name, err)
	}
	return &g, nil
}
