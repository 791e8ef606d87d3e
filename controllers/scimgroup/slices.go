// SPDX-License-Identifier: Apache-2.0

package scimgroup

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/outcome"
)

// sliceGrace is how long a slice may exist before its group names it. The write that
// makes both has a deadline far below it.
const sliceGrace = 10 * time.Minute

// collectSlices deletes the group's slices that it does not name and that are older than
// the grace period. It returns when the next of them comes of age, zero for never.
func (r *Reconciler) collectSlices(ctx context.Context, group client.ObjectKey, named []string) (time.Duration, error) {
	var list v1alpha1.ScimGroupSliceList
	err := r.client.List(ctx, &list, client.InNamespace(group.Namespace),
		client.MatchingFields{members.SliceIndex: group.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return 0, fmt.Errorf("list the slices: %w", err)
	}
	var next time.Duration
	var unused []client.ObjectKey
	for i := range list.Items {
		slice := &list.Items[i]
		if slices.Contains(named, slice.Name) {
			continue
		}
		if wait := sliceGrace - r.now().Sub(slice.CreationTimestamp.Time); wait > 0 {
			next = outcome.Earliest(next, wait)
			continue
		}
		unused = append(unused, client.ObjectKeyFromObject(slice))
	}
	return next, r.deleteSlices(ctx, group, unused)
}

// deleteSlices deletes those of the slices that the group, as it is now, does not name.
func (r *Reconciler) deleteSlices(ctx context.Context, group client.ObjectKey, unused []client.ObjectKey) error {
	if len(unused) == 0 {
		return nil
	}
	var current v1alpha1.ScimGroup
	if err := r.live.Get(ctx, group, &current); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read the group again: %w", err)
	}
	for _, key := range unused {
		if slices.Contains(current.Spec.Slices, key.Name) {
			continue
		}
		slice := &v1alpha1.ScimGroupSlice{}
		slice.Namespace, slice.Name = key.Namespace, key.Name
		if err := r.client.Delete(ctx, slice); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete the unused slice %s: %w", key.Name, err)
		}
	}
	return nil
}
