// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// usePrecision is how often the last use of a token is written anew at most. Servers
	// write what they know of it as often.
	usePrecision = 10 * time.Minute
	// clockSkew is how far ahead a server's clock may be for what it says to count.
	clockSkew = time.Minute
	// usageRetry waits for the cache to have the endpoint that somebody else has written.
	usageRetry = time.Second
)

// usage shows in the status of endpoints when their tokens were last used, as their servers
// say. It is a controller of its own: that a client has come costs one small patch in ten
// minutes, and does not make the endpoint reconcile.
type usage struct {
	client client.Client
	now    func() time.Time
}

func (u *usage) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimendpoint-usage").
		For(&v1alpha1.ScimEndpoint{}).
		WithOptions(controller.Options{ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(u)
}

// Reconcile brings the times of one endpoint up to date. It reads the cache alone.
func (u *usage) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ep := &v1alpha1.ScimEndpoint{}
	if err := u.client.Get(ctx, req.NamespacedName, ep); err != nil || !ep.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := ep.DeepCopy()
	result := ctrl.Result{RequeueAfter: showUses(ep, u.now())}
	if equality.Semantic.DeepEqual(before.Status, ep.Status) {
		return result, nil
	}
	// Others write to the list of tokens, too.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := u.client.Status().Patch(ctx, ep, patch, outcome.Owner)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: usageRetry}, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("write when tokens were last used: %w", err)
	}
	return result, nil
}

// showUses shows when each token was last used, and when a client was last let in, by
// whatever token. It returns when there is more to show, zero for never.
func showUses(ep *v1alpha1.ScimEndpoint, now time.Time) (next time.Duration) {
	var last *metav1.Time
	for i := range ep.Status.Tokens {
		var wait time.Duration
		t := &ep.Status.Tokens[i]
		t.LastUsedTime, wait = notTooSoon(lastUse(ep.Status.Servers, t.ID, now), t.LastUsedTime, now)
		next = outcome.Earliest(next, wait)
		last = later(last, t.LastUsedTime)
	}
	for i := range ep.Status.Servers {
		last = later(last, credible(ep.Status.Servers[i].LastOAuthTime, now))
	}
	var wait time.Duration
	ep.Status.LastRequestTime, wait = notTooSoon(last, ep.Status.LastRequestTime, now)
	return outcome.Earliest(next, wait)
}

// lastUse is the last of what the servers say of a token, nil for nothing.
func lastUse(servers []v1alpha1.ServerStatus, id string, now time.Time) (last *metav1.Time) {
	for i := range servers {
		for _, use := range servers[i].Tokens {
			if use.ID == id {
				last = later(last, credible(&use.LastUsedTime, now))
			}
		}
	}
	return last
}

// credible is what a server says of a time, unless its clock is far ahead.
func credible(said *metav1.Time, now time.Time) *metav1.Time {
	if said != nil && said.After(now.Add(clockSkew)) {
		return nil
	}
	return said
}

// notTooSoon is the later of what is known and what is shown, unless it would be written
// too soon after that; then it stays, and it returns how long to wait.
func notTooSoon(known, shown *metav1.Time, now time.Time) (last *metav1.Time, wait time.Duration) {
	last = later(shown, known)
	if shown == nil || last.Equal(shown) {
		return last, 0
	}
	if wait = usePrecision - now.Sub(shown.Time); wait > 0 {
		return shown, wait
	}
	return last, 0
}

func later(a, b *metav1.Time) *metav1.Time {
	if a == nil || b != nil && a.Before(b) {
		return b
	}
	return a
}
