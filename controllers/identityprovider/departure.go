// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// keep puts the finalizer on a provider whose users are to be inactive when it goes, and on
// no other.
func (r *Reconciler) keep(ctx context.Context, idp *v1alpha1.IdentityProvider) error {
	wanted := idp.EffectiveOnDisable() == v1alpha1.OnDisableDeactivate
	if wanted == controllerutil.ContainsFinalizer(idp, v1alpha1.DepartureFinalizer) {
		return nil
	}
	change := controllerutil.RemoveFinalizer
	if wanted {
		change = controllerutil.AddFinalizer
	}
	// A copy: the answer must not replace the object whose status is reported.
	after := idp.DeepCopy()
	change(after, v1alpha1.DepartureFinalizer)
	patch := client.MergeFromWithOptions(idp, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, after, patch, outcome.Owner); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("change the finalizer: %w", err)
	}
	return nil
}

// terminate lets a provider go that is being deleted: one with onDisable: Deactivate once
// nothing is served and its users are inactive.
func (r *Reconciler) terminate(ctx context.Context, pass *outcome.Pass, idp *v1alpha1.IdentityProvider) (outcome.Result, error) {
	going := outcome.Waiting(v1alpha1.ReasonTerminating,
		"The identity provider is being deleted, and its endpoint with it. Users and groups stay.")
	if !controllerutil.ContainsFinalizer(idp, v1alpha1.DepartureFinalizer) {
		return outcome.Result{}, going
	}
	idp.Status.OnDisable = idp.EffectiveOnDisable()
	if idp.Status.OnDisable == v1alpha1.OnDisableDeactivate {
		gone, err := r.children.Remove(ctx, owner(idp), idp.Name, &v1alpha1.ScimEndpoint{})
		if err != nil {
			return outcome.Result{}, err
		}
		idp.Status.Connection = nil
		next := r.showUsers(pass, idp, unserved(idp))
		if err := r.awaitDepartures(ctx, idp, v1alpha1.ReasonTerminating); err != nil {
			return outcome.Result{Next: next}, err
		}
		if !gone {
			return outcome.Result{Next: next}, going
		}
	}
	after := idp.DeepCopy()
	controllerutil.RemoveFinalizer(after, v1alpha1.DepartureFinalizer)
	patch := client.MergeFromWithOptions(idp, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, after, patch, outcome.Owner); client.IgnoreNotFound(err) != nil {
		return outcome.Result{}, fmt.Errorf("remove the finalizer: %w", err)
	}
	return outcome.Result{}, going
}

// awaitDepartures fails until the users of a provider whose provisioning has ended are
// inactive, where its onDisable asks for it. Another controller deactivates them. Users of
// an endpoint that is somebody else's are not waited for.
func (r *Reconciler) awaitDepartures(ctx context.Context, idp *v1alpha1.IdentityProvider, reason string) error {
	key := client.ObjectKeyFromObject(idp)
	if idp.EffectiveOnDisable() != v1alpha1.OnDisableDeactivate || leavers(idp, r.tally.get(key)) == 0 {
		return nil
	}
	err := r.client.Get(ctx, key, &v1alpha1.ScimEndpoint{}, client.UnsafeDisableDeepCopy)
	switch {
	case err == nil:
		return nil
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("look whether there is an endpoint: %w", err)
	}
	return outcome.Waiting(reason, "Provisioning has ended, and users become inactive; status.active says how many are left.")
}

// leavers counts the users who have yet to become inactive. Where the guard holds them, a
// provider that is disabled does not wait for a person; one that is deleted does, since
// nobody could decide without it, and goes when those are left whose leaving was rejected.
func leavers(idp *v1alpha1.IdentityProvider, c counts) int64 {
	var guard *v1alpha1.DeprovisioningGuard
	if idp.Spec.SCIM != nil {
		guard = idp.Spec.SCIM.Deprovisioning.Guarded()
	}
	switch {
	case guard == nil || guard.OnDisable != v1alpha1.GuardOnDisableHold:
		return c.active
	case idp.DeletionTimestamp.IsZero():
		return c.active - c.rejected - c.held
	default:
		return c.active - c.rejected
	}
}

// showUsers brings what the status says of users up to date, and tells of holds.
func (r *Reconciler) showUsers(pass *outcome.Pass, idp *v1alpha1.IdentityProvider, said mirrored) time.Duration {
	before := mirrorIn(idp)
	next := r.showProgress(idp, said)
	warnOfHolds(pass, idp, before)
	outcome.ObserveHeld(idp, idp.Status.Deprovisioning)
	return next
}

// warnOfHolds sends the events for what the status comes to say of holds.
func warnOfHolds(pass *outcome.Pass, idp *v1alpha1.IdentityProvider, before mirrored) {
	for _, news := range identity.HoldNews(before.deprovisioning, idp.Status.Deprovisioning) {
		pass.Warn(news.Reason, news.Message)
	}
}
