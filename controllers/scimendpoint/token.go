// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/token"
)

// ensureTokens makes the servers accept the tokens that the spec asks for. What is over
// is written down before anything is issued, and a token is delivered, in a Secret whose
// name follows from how many there have been, before it is written down: a manager that
// stops in between is followed by one that finds it there, and makes no other.
//
// It returns when to look again although nothing changes, zero for never.
func (r *Reconciler) ensureTokens(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) (next time.Duration, err error) {
	m, next, err := r.followTokens(ctx, pass, ep)
	next = outcome.Earliest(next, wait.Jitter(r.look, 0.1))
	var failure *outcome.Failure
	switch {
	case errors.As(err, &failure):
		outcome.Set(ep, v1alpha1.ConditionTokenReady, false, failure.Reason, failure.Message)
		return next, err
	case err != nil:
		return next, err
	}
	delivered, sweep, err := r.sweepTokens(ctx, ep, m)
	if err != nil {
		return next, err
	}
	showTokens(ep, &m.record, delivered, r.now())
	return outcome.Earliest(next, sweep), r.tellTokenReady(pass, ep, m, delivered)
}

// followTokens brings the record of the tokens, and with it the digests, up to date.
func (r *Reconciler) followTokens(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) (m *memory, next time.Duration, err error) {
	m, err = r.recall(ctx, ep)
	if err != nil {
		return nil, 0, err
	}
	brought, err := r.readBrought(ctx, ep)
	if err != nil && !errors.As(err, &m.refused) {
		return nil, 0, err
	}
	now := r.now()
	plan := token.Facts{Policy: ep.EffectiveTokenPolicy(), Record: m.record, Brought: brought, Now: now}.Plan()
	if !plan.Issue || !plan.Record.Same(&m.record) {
		err = r.writeRecord(ctx, ep, m, plan.Record)
	}
	if err == nil && plan.Issue {
		err = r.issue(ctx, pass, ep, m)
	}
	if err != nil {
		return nil, 0, err
	}
	for _, n := range plan.Notices {
		if n.Bad {
			pass.Warn(n.Reason, n.Message)
		} else {
			pass.Tell(n.Reason, n.Message)
		}
	}
	if plan.Issue { // what the new one leads to is not in the plan
		plan = token.Facts{Policy: ep.EffectiveTokenPolicy(), Record: m.record, Brought: brought, Now: now}.Plan()
	}
	if !plan.Next.IsZero() {
		next = plan.Next.Sub(now)
	}
	return m, next, nil
}

// writeRecord writes the record, the digests and the servers' key, over the version that
// was read.
func (r *Reconciler) writeRecord(ctx context.Context, ep *v1alpha1.ScimEndpoint, m *memory, record token.Record) error {
	encoded, err := token.EncodeRecord(&record)
	if err != nil {
		return err
	}
	digests, err := token.EncodeDigests(record.Digests())
	if err != nil {
		return err
	}
	key, err := m.serversKey()
	if err != nil {
		return err
	}
	if encoded, err = token.KeepOfRecord(m.stored[v1alpha1.TokenRecordKey], encoded); err != nil {
		return err
	}
	if digests, err = token.KeepOfDigests(m.stored[v1alpha1.DigestsKey], digests); err != nil {
		return err
	}
	desired := render.DigestSecret(ep, digests, encoded, key)
	for name, value := range m.stored {
		if _, known := desired.Data[name]; !known {
			desired.Data[name] = value
		}
	}
	if m.resourceVersion != "" {
		desired.WithResourceVersion(m.resourceVersion)
	}
	written := child.Metadata(secretKind)
	if err := r.children.Apply(ctx, owner(ep), written, desired); err != nil {
		return err
	}
	m.record, m.key, m.stored, m.resourceVersion = record, key, desired.Data, written.ResourceVersion
	return nil
}

// issue delivers a token, or takes the one that was delivered before its digest could be
// written down, and writes its digest down.
func (r *Reconciler) issue(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint, m *memory) error {
	name := ep.TokenSecretName(m.record.Serial + 1)
	digest, err := r.deliveredDigest(ctx, ep, name)
	if err == nil && digest == nil {
		digest, err = r.deliver(ctx, ep, m, name)
	}
	if err != nil {
		return err
	}
	if err := r.writeRecord(ctx, ep, m, m.record.Issued(*digest, ep.EffectiveTokenPolicy(), name, r.now())); err != nil {
		return err
	}
	message := fmt.Sprintf("Token %s was issued and delivered in Secret %s.", digest.ID, name)
	if live := m.record.Live(r.now()); len(live) > 1 {
		message += fmt.Sprintf(" The one before it, %s, goes on working until %s.", live[1].ID, stamp(live[1].End()))
	}
	pass.Tell(v1alpha1.ReasonTokenIssued, message)
	return nil
}

// deliveredDigest digests the token in a Secret of the operator's. Nil means that there is
// no such Secret.
func (r *Reconciler) deliveredDigest(ctx context.Context, ep *v1alpha1.ScimEndpoint, name string) (*token.Digest, error) {
	var secret corev1.Secret
	found, err := r.children.ReadLive(ctx, owner(ep), name, &secret)
	if err != nil || !found {
		return nil, err
	}
	plaintext := string(secret.Data[v1alpha1.TokenKey])
	if err := token.Check(plaintext); err != nil {
		return nil, outcome.Stalled(v1alpha1.ReasonTokenDigestsLost,
			"Secret %s does not hold a token, and stands where the next one is to be delivered: %v. Delete it.", name, err)
	}
	digest := token.NewDigest(token.Plaintext(plaintext), secret.CreationTimestamp.Time)
	return &digest, nil
}

// deliver makes a token and puts it into a new Secret.
func (r *Reconciler) deliver(ctx context.Context, ep *v1alpha1.ScimEndpoint, m *memory, name string) (*token.Digest, error) {
	if err := r.mayIssue(ctx, ep, m); err != nil {
		return nil, err
	}
	plaintext, err := token.Generate()
	if err != nil {
		return nil, fmt.Errorf("generate a token: %w", err)
	}
	secret := render.TokenSecret(ep, name, string(plaintext))
	err = r.client.Create(ctx, secret, outcome.Owner)
	if apierrors.IsAlreadyExists(err) {
		return nil, outcome.ErrOutdated
	}
	if err != nil {
		return nil, fmt.Errorf("deliver the token in Secret %s: %w", name, withoutToken(err, string(plaintext)))
	}
	digest := token.NewDigest(plaintext, r.now())
	return &digest, nil
}

// mayIssue asks the API server, because the cache may not yet know that the token was
// issued or that the endpoint is another one by now.
func (r *Reconciler) mayIssue(ctx context.Context, ep *v1alpha1.ScimEndpoint, m *memory) error {
	var current v1alpha1.ScimEndpoint
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(ep), &current); err != nil {
		if apierrors.IsNotFound(err) {
			return outcome.ErrOutdated
		}
		return fmt.Errorf("read the endpoint again: %w", err)
	}
	recallStatus(&current)
	var digests corev1.Secret
	err := r.live.Get(ctx, client.ObjectKey{Namespace: ep.Namespace, Name: ep.DigestSecretName()}, &digests)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the digests again: %w", err)
	}
	if current.UID != ep.UID || !current.DeletionTimestamp.IsZero() ||
		digests.ResourceVersion != m.resourceVersion ||
		m.blank && everIssued(&current) {
		return outcome.ErrOutdated
	}
	return nil
}

// withoutToken keeps an error from repeating the token: what an admission webhook says
// about a Secret is in nobody's hands here.
func withoutToken(err error, plaintext string) error {
	text := err.Error()
	if strings.Contains(text, plaintext) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(plaintext))) {
		return errors.New("refused with a message that is withheld because it contains the token")
	}
	return err
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
