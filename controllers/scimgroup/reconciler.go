// SPDX-License-Identifier: Apache-2.0

// Package scimgroup resolves the members of a group, collects the slices that no group
// names any more, and releases a group's claim before the group goes.
package scimgroup

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// +kubebuilder:rbac:groups=scim-operator.io,resources=scimgroups,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimgroups/status,verbs=patch
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimgroupslices,verbs=get;list;watch;delete;deletecollection
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers,verbs=get;list;watch
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimclaims,verbs=get;delete

// Reconciler reconciles ScimGroups.
type Reconciler struct {
	client   client.Client
	live     client.Reader
	claims   claims.Releaser
	reporter *outcome.Reporter
	now      func() time.Time
}

// Reconcile brings one group's status up to date and collects its unused slices. A group
// that is gone may have left slices, so that a missing group is looked after as well.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	group := &v1alpha1.ScimGroup{}
	pass, err := r.reporter.Begin(ctx, req.NamespacedName, group, &group.Status.ObservedGeneration)
	if apierrors.IsNotFound(err) {
		next, err := r.collectSlices(ctx, req.NamespacedName, nil)
		return ctrl.Result{RequeueAfter: next}, err
	}
	if err != nil {
		return outcome.Skip(err)
	}
	result, err := r.reconcile(ctx, group)
	return pass.End(ctx, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, group *v1alpha1.ScimGroup) (outcome.Result, error) {
	if group.Abandoned() {
		if result, keep, err := r.claims.Keep(ctx, group, r.now()); keep {
			return result, err
		}
	}
	if !group.DeletionTimestamp.IsZero() {
		return outcome.Result{}, r.terminate(ctx, group)
	}
	tally, err := r.resolveMembers(ctx, group)
	if err != nil {
		return outcome.Result{}, err
	}
	group.Status.UnresolvedMembers = ptr.To(tally.unresolved)
	next, err := r.collectSlices(ctx, client.ObjectKeyFromObject(group), group.Spec.Slices)
	if err != nil {
		return outcome.Result{}, err
	}
	result := tally.result()
	result.Next = next
	return result, nil
}

func (r *Reconciler) terminate(ctx context.Context, group *v1alpha1.ScimGroup) error {
	err := r.client.DeleteAllOf(ctx, &v1alpha1.ScimGroupSlice{}, client.InNamespace(group.Namespace),
		client.MatchingFields{"spec.groupRef.name": group.Name})
	if err != nil {
		return fmt.Errorf("delete the slices: %w", err)
	}
	if err := r.claims.Release(ctx, group, identity.DisplayNameClaim(group)); err != nil {
		return err
	}
	return outcome.Waiting(v1alpha1.ReasonTerminating, "The group is being deleted from the cluster.")
}
