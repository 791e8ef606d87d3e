// SPDX-License-Identifier: Apache-2.0

package scimgroup

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// tally counts the members of a group.
type tally struct{ members, unresolved int64 }

// result is Ready in either case: a member that names nobody yet takes effect when it
// arrives, and some identity providers never send all of a group's members.
func (t tally) result() outcome.Result {
	if t.unresolved > 0 {
		return outcome.Result{
			Reason: v1alpha1.ReasonMembersUnresolved,
			Message: fmt.Sprintf("%d of %d members name no user or group of this endpoint yet; they take effect when they arrive.",
				t.unresolved, t.members),
		}
	}
	return outcome.Result{
		Reason:  v1alpha1.ReasonMembersResolved,
		Message: fmt.Sprintf("All %d members are known.", t.members),
	}
}

// resolveMembers looks up every member of the group.
func (r *Reconciler) resolveMembers(ctx context.Context, group *v1alpha1.ScimGroup) (tally, error) {
	var t tally
	if err := r.resolve(ctx, group, group.Spec.Members, &t); err != nil {
		return t, err
	}
	for _, name := range group.Spec.Slices {
		slice, err := r.slice(ctx, group, name)
		if err != nil {
			return t, err
		}
		if err := r.resolve(ctx, group, slice.Spec.Members, &t); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (r *Reconciler) resolve(ctx context.Context, group *v1alpha1.ScimGroup, members []v1alpha1.GroupMember, t *tally) error {
	for _, member := range members {
		known, err := r.known(ctx, group, member.Value)
		if err != nil {
			return fmt.Errorf("look up member %s: %w", member.Value, err)
		}
		t.members++
		if !known {
			t.unresolved++
		}
	}
	return nil
}

// known says whether an id is that of a live user or group of the group's endpoint.
func (r *Reconciler) known(ctx context.Context, group *v1alpha1.ScimGroup, id string) (bool, error) {
	key := client.ObjectKey{Namespace: group.Namespace, Name: id}
	var user v1alpha1.ScimUser
	err := r.client.Get(ctx, key, &user)
	if err == nil {
		return user.Live() && user.Spec.EndpointRef == group.Spec.EndpointRef, nil
	}
	if !apierrors.IsNotFound(err) {
		return false, err
	}
	var nested v1alpha1.ScimGroup
	err = r.client.Get(ctx, key, &nested, client.UnsafeDisableDeepCopy)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return nested.Live() && nested.Spec.EndpointRef == group.Spec.EndpointRef, nil
}

// slice reads a slice of the group, from the API server when the cache does not have it
// yet: slices and groups are watched apart and arrive in any order.
func (r *Reconciler) slice(ctx context.Context, group *v1alpha1.ScimGroup, name string) (*v1alpha1.ScimGroupSlice, error) {
	key := client.ObjectKey{Namespace: group.Namespace, Name: name}
	slice := &v1alpha1.ScimGroupSlice{}
	err := r.client.Get(ctx, key, slice, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		err = r.live.Get(ctx, key, slice)
	}
	if err == nil {
		return slice, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read ScimGroupSlice %s: %w", name, err)
	}
	return nil, r.missingSlice(ctx, group, name)
}

// missingSlice tells a group that has moved on to other slices from one whose members
// are lost.
func (r *Reconciler) missingSlice(ctx context.Context, group *v1alpha1.ScimGroup, name string) error {
	var current v1alpha1.ScimGroup
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(group), &current); err != nil {
		if apierrors.IsNotFound(err) {
			return outcome.ErrOutdated
		}
		return fmt.Errorf("read the group again: %w", err)
	}
	if current.ResourceVersion != group.ResourceVersion {
		return outcome.ErrOutdated
	}
	return outcome.Stalled(v1alpha1.ReasonMembersLost,
		"The group names ScimGroupSlice %s, which does not exist: somebody has deleted it and with it up to %d members. Push the group again from the identity provider, or restore the slice from a backup.",
		name, v1alpha1.MaxInlineMembers)
}
