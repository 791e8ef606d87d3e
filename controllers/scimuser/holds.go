// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// gather is how long users join a hold before it is sealed and shown.
const gather = 10 * time.Second

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

// report seals the hold that a person is to look at next and brings status.deprovisioning up
// to date, or says how long to wait: a hold that begins or ends is shown at once, how many are
// left of it at most once in ten seconds.
func (u *usher) report(ctx context.Context, endpoint client.ObjectKey, w *walk) (time.Duration, error) {
	v, wait, err := u.sealNext(ctx, endpoint, w)
	if err != nil {
		return 0, err
	}
	b, err := u.boardOf(ctx, endpoint)
	if err != nil || b == nil {
		return wait, err
	}
	desired := &v1alpha1.DeprovisioningStatus{Policy: w.terms.Deprovisioning.EffectivePolicy()}
	if guard := w.terms.Deprovisioning.Guarded(); guard != nil {
		desired.Window = &metav1.Duration{Duration: guard.EffectiveWindow()}
	}
	v.describe(w.terms, desired)
	if _, served := b.Object.(*v1alpha1.ScimEndpoint); !served && desired.HoldID == "" && desired.Rejected == nil {
		desired = nil
	}
	before := *b.shown
	if equality.Semantic.DeepEqual(before, desired) {
		return wait, nil
	}
	now := u.now()
	if pause := reportInterval - now.Sub(w.reported); pause > 0 && !urgent(before, desired) {
		return outcome.Earliest(wait, pause), nil
	}
	patch := client.MergeFrom(b.DeepCopyObject().(client.Object))
	*b.shown = desired
	if err := u.client.Status().Patch(ctx, b.Object, patch, outcome.Owner); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return wait, nil
		}
		return 0, fmt.Errorf("write who is held: %w", err)
	}
	w.reported = now
	u.announce(b, w, before, desired)
	return wait, nil
}

// urgent says whether more has changed than how many.
func urgent(before, after *v1alpha1.DeprovisioningStatus) bool {
	if before == nil || after == nil {
		return true
	}
	return before.HoldID != after.HoldID || before.Digest != after.Digest || before.Verdict != after.Verdict ||
		before.RefusedVerdict != after.RefusedVerdict ||
		(before.Queued == nil) != (after.Queued == nil) || (before.Rejected == nil) != (after.Rejected == nil)
}

// sealNext seals the open hold when no other waits for a person and users have had time to
// join it, or says how long that takes. What is sealed is on record before anybody is shown it.
func (u *usher) sealNext(ctx context.Context, endpoint client.ObjectKey, w *walk) (v overview, wait time.Duration, err error) {
	v = u.census.view(endpoint, w.terms)
	if v.waiting != nil || v.open == nil {
		return v, 0, nil
	}
	if wait = v.open.since.Add(u.gather).Sub(u.now()); wait > 0 {
		return v, wait, nil
	}
	anchor, err := anchorOf(ctx, u.client, endpoint)
	if err != nil || anchor == nil {
		return v, 0, err // nobody could decide
	}
	next := slices.DeleteFunc(identity.SealedHolds(anchor.GetAnnotations()), func(s identity.SealedHold) bool {
		return !v.named[s.HoldID] || s.HoldID == v.open.id
	})
	next = append(next, identity.Seal(v.open.id, u.census.seal(endpoint, v.open.id)))
	text, err := identity.FormatSealedHolds(next)
	if err != nil {
		return v, 0, fmt.Errorf("record a hold: %w", err)
	}
	patch := client.MergeFromWithOptions(anchor.DeepCopyObject().(client.Object), client.MergeFromWithOptimisticLock{})
	annotations := anchor.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.HoldsAnnotation] = text
	anchor.SetAnnotations(annotations)
	if err := u.client.Patch(ctx, anchor, patch, outcome.Owner); err != nil {
		return v, 0, fmt.Errorf("record a hold: %w", err)
	}
	w.terms.Sealed = next
	return u.census.view(endpoint, w.terms), 0, nil
}

// announce sends the events for what the status says for the first time, whatever else keeps
// the object from being Ready. What was there before may have come from a cache that lags, so
// it remembers what it has said of the hold that is shown.
func (u *usher) announce(b *board, w *walk, before, now *v1alpha1.DeprovisioningStatus) {
	if of := b.kind + " " + ptr.Deref(now, v1alpha1.DeprovisioningStatus{}).HoldID; w.announcedOf != of {
		w.announcedOf, w.announced = of, map[identity.News]bool{}
	}
	for _, news := range identity.HoldNews(before, now) {
		if !w.announced[news] {
			w.announced[news] = true
			outcome.Warn(u.events, b.Object, news.Reason, news.Message)
		}
	}
}
