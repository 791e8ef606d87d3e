// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
)

// maxSweep bounds how many Secrets of old tokens are looked for at a time.
const maxSweep = 64

// deliveredSecret returns the Secret in which the token of that number was delivered, or nil, and
// whether it is the endpoint's. That of an endpoint that is restored, or comes back after its
// provider was disabled, has no controller until adoptToken.
func (r *Reconciler) deliveredSecret(ctx context.Context, ep *v1alpha1.ScimEndpoint, serial int64) (secret *metav1.PartialObjectMetadata, ours bool, err error) {
	secret = child.Metadata(secretKind)
	err = r.live.Get(ctx, client.ObjectKey{Namespace: ep.Namespace, Name: ep.TokenSecretName(serial)}, secret)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read Secret %s: %w", ep.TokenSecretName(serial), err)
	}
	controller := metav1.GetControllerOfNoCopy(secret)
	labelled := labels.SelectorFromSet(owner(ep).Labels).Matches(labels.Set(secret.Labels))
	return secret, labelled && (controller == nil || controller.UID == ep.UID), nil
}

// sweepTokens deletes the Secrets of tokens that are over, and those that have been there
// for as long as the spec lets them, by the API server's clock. One that is not on record
// yet is left: it was delivered by a manager that then stopped. It returns the Secrets that
// stay, by name, and when the next one is due, zero for never.
func (r *Reconciler) sweepTokens(ctx context.Context, ep *v1alpha1.ScimEndpoint, m *memory) (stay map[string]*metav1.PartialObjectMetadata, next time.Duration, err error) {
	now := r.now()
	after := ep.Spec.Token.EffectiveDeleteAfter()
	stay = map[string]*metav1.PartialObjectMetadata{}
	live := map[int64]bool{}
	for _, t := range m.record.Live(now) {
		serial := ep.TokenSerial(t.SecretName)
		if serial == 0 || t.Brought() {
			continue
		}
		live[serial] = true
		secret, ours, err := r.deliveredSecret(ctx, ep, serial)
		if err != nil {
			return nil, 0, err
		}
		if !ours {
			continue
		}
		left := secret.CreationTimestamp.Add(after).Sub(now)
		if after > 0 && left <= 0 {
			if err := r.removeToken(ctx, ep, serial); err != nil {
				return nil, 0, err
			}
			continue
		}
		if err := r.adoptToken(ctx, ep, secret); err != nil {
			return nil, 0, err
		}
		stay[secret.Name] = secret
		if after > 0 {
			next = outcome.Earliest(next, left)
		}
	}
	return stay, next, r.sweepEnded(ctx, ep, m, live)
}

// sweepEnded deletes the Secrets of tokens that are over. It writes down up to which number none
// is left, so that none is looked for twice.
func (r *Reconciler) sweepEnded(ctx context.Context, ep *v1alpha1.ScimEndpoint, m *memory, live map[int64]bool) error {
	swept, clean := m.record.Swept, true
	for serial := m.record.Swept + 1; serial <= min(m.record.Serial, m.record.Swept+maxSweep); serial++ {
		if live[serial] {
			clean = false
			continue
		}
		secret, ours, err := r.deliveredSecret(ctx, ep, serial)
		if err == nil && ours {
			err = r.removeToken(ctx, ep, serial)
		}
		if err != nil {
			return err
		}
		// What is left of a predecessor may become the endpoint's.
		if clean = clean && (ours || secret == nil); clean {
			swept = serial
		}
	}
	if swept == m.record.Swept {
		return nil
	}
	record := m.record
	record.Swept = swept
	return r.writeRecord(ctx, ep, m, record)
}

// removeToken deletes the Secret in which a token of the endpoint was delivered, if there is one.
func (r *Reconciler) removeToken(ctx context.Context, ep *v1alpha1.ScimEndpoint, serial int64) error {
	_, err := r.children.Remove(ctx, owner(ep), ep.TokenSecretName(serial), child.Metadata(secretKind))
	return err
}

// lastSerial returns the highest number of the tokens whose Secrets are named.
func lastSerial(ep *v1alpha1.ScimEndpoint, tokens []v1alpha1.TokenStatus) (last int64) {
	for _, t := range tokens {
		last = max(last, ep.TokenSerial(t.SecretName))
	}
	return last
}

// adoptToken gives the Secret of a token its owners. It writes nothing else of it.
func (r *Reconciler) adoptToken(ctx context.Context, ep *v1alpha1.ScimEndpoint, secret *metav1.PartialObjectMetadata) error {
	owners := render.TokenSecretOwners(ep, secret)
	if equality.Semantic.DeepEqual(owners, secret.OwnerReferences) {
		return nil
	}
	after := secret.DeepCopy()
	after.SetOwnerReferences(owners)
	err := r.client.Patch(ctx, after, client.MergeFromWithOptions(secret, client.MergeFromWithOptimisticLock{}), outcome.Owner)
	if apierrors.IsConflict(err) {
		return outcome.ErrOutdated
	}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("take over Secret %s: %w", secret.Name, err)
	}
	return nil
}
