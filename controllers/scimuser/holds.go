// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// board is the object that shows who is held, and where in its status.
type board struct {
	client.Object
	kind  string
	shown **v1alpha1.DeprovisioningStatus
}

// boardOf is the endpoint, or the provider while nothing is served and somebody may yet have
// to decide; nil when there is neither. While the endpoint is there, the provider shows what
// the endpoint does, by a controller of its own.
func (u *usher) boardOf(ctx context.Context, key client.ObjectKey) (*board, error) {
	ep, idp := &v1alpha1.ScimEndpoint{}, &v1alpha1.IdentityProvider{}
	err := u.client.Get(ctx, key, ep)
	switch {
	case err == nil && ep.DeletionTimestamp.IsZero():
		return &board{ep, "ScimEndpoint", &ep.Status.Deprovisioning}, nil
	case err == nil:
		return nil, nil
	case client.IgnoreNotFound(err) != nil:
		return nil, err
	}
	if err := u.client.Get(ctx, key, idp); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return &board{idp, "IdentityProvider", &idp.Status.Deprovisioning}, nil
}

// report brings status.deprovisioning up to date, or says how long to wait: a hold that
// begins or ends is shown at once, how large it is at most once in ten seconds.
func (u *usher) report(ctx context.Context, endpoint client.ObjectKey, w *walk) (time.Duration, error) {
	b, err := u.boardOf(ctx, endpoint)
	if err != nil || b == nil {
		return 0, err
	}
	desired := u.holds(endpoint, w.terms)
	if _, served := b.Object.(*v1alpha1.ScimEndpoint); !served && desired.HoldID == "" {
		desired = nil
	}
	before := *b.shown
	if equality.Semantic.DeepEqual(before, desired) {
		return 0, nil
	}
	now := u.now()
	urgent := before == nil || desired == nil || before.HoldID != desired.HoldID || before.Verdict != desired.Verdict
	if wait := reportInterval - now.Sub(w.reported); wait > 0 && !urgent {
		return wait, nil
	}
	patch := client.MergeFrom(b.DeepCopyObject().(client.Object))
	*b.shown = desired
	if err := u.client.Status().Patch(ctx, b.Object, patch, outcome.Owner); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return 0, nil
		}
		return 0, fmt.Errorf("write who is held: %w", err)
	}
	w.reported = now
	u.announce(b, w, before, desired)
	return 0, nil
}

// holds is what there is to show of an endpoint.
func (u *usher) holds(endpoint client.ObjectKey, t *identity.Terms) *v1alpha1.DeprovisioningStatus {
	s := &v1alpha1.DeprovisioningStatus{Policy: t.Deprovisioning.EffectivePolicy()}
	if guard := t.Deprovisioning.Guarded(); guard != nil {
		s.Window = &metav1.Duration{Duration: guard.EffectiveWindow()}
	}
	u.census.show(endpoint, t, s)
	return s
}

// announce sends an event when the status says of a hold for the first time that it waits
// for a person, whatever else keeps the object from being Ready. What was there before may
// have come from a cache that lags, so it remembers whom it has called.
func (u *usher) announce(b *board, w *walk, before, now *v1alpha1.DeprovisioningStatus) {
	if now == nil || now.HoldID == "" {
		w.announced = nil // no hold comes back under its ID
		return
	}
	call := b.kind + " " + now.HoldID
	if now.Verdict != "" || w.announced[call] {
		return
	}
	if w.announced == nil {
		w.announced = map[string]bool{}
	}
	w.announced[call] = true
	if before == nil || before.HoldID != now.HoldID {
		outcome.Warn(u.events, b.Object, v1alpha1.ReasonDeprovisioningHeld, identity.HeldMessage(now.HoldID))
	}
}
