// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/token"
)

// lostLook is how soon the Secrets of the tokens are looked for again when all of them are lost,
// as while a backup is restored.
const lostLook = 15 * time.Second

// memory is what is known of an endpoint's tokens.
type memory struct {
	record token.Record
	// key is what the servers share; empty while they have none.
	key []byte
	// stored is what the Secret of the record holds. What a newer release has put there is kept.
	stored map[string][]byte
	// resourceVersion of the Secret that the record was read from; empty when there is none.
	resourceVersion string
	// blank says that nothing is known because there never was a token.
	blank bool
	// refused says why the token that the spec refers to is not accepted, or nil.
	refused *outcome.Failure
}

// serversKey is the key that the servers share, or the one that they are to have. It is
// nobody else's: it lets nobody in, and follows from no token.
func (m *memory) serversKey() ([]byte, error) {
	if len(m.key) == v1alpha1.ServersKeySize {
		return m.key, nil
	}
	key := make([]byte, v1alpha1.ServersKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key for the servers: %w", err)
	}
	return key, nil
}

// recall reads the record of the tokens. Where it is lost, what can be is restored: from
// the digests, or else from the Secrets of those tokens that the status names.
func (r *Reconciler) recall(ctx context.Context, ep *v1alpha1.ScimEndpoint) (*memory, error) {
	m := &memory{}
	var secret corev1.Secret
	found, err := r.children.ReadLive(ctx, owner(ep), ep.DigestSecretName(), &secret)
	if err != nil {
		return nil, err
	}
	if found {
		m.resourceVersion, m.key, m.stored = secret.ResourceVersion, secret.Data[v1alpha1.ServersKey], secret.Data
		if record, err := token.DecodeRecord(secret.Data[v1alpha1.TokenRecordKey]); err == nil {
			m.record = *record
			return m, nil
		}
		if digests, err := token.DecodeDigests(secret.Data[v1alpha1.DigestsKey]); err == nil && len(digests) > 0 {
			m.record, err = r.restore(ctx, ep, fromDigests(ep, digests))
			return m, err
		}
	}
	if !everIssued(ep) {
		m.blank = true
		return m, nil
	}
	tokens, err := r.fromSecrets(ctx, ep)
	if err != nil {
		return nil, err
	}
	m.record, err = r.restore(ctx, ep, tokens)
	if err != nil {
		return nil, err
	}
	// With an OAuth issuer the servers need the Secret, and no token in it.
	if len(tokens) == 0 && ep.Spec.OAuth == nil && ep.Spec.Token.Reference() == nil && ep.Spec.Token.EffectiveGeneration() <= m.record.Generation {
		return nil, outcome.Stalled(v1alpha1.ReasonTokenDigestsLost,
			"There has been a token, but Secret %s is lost, and the Secrets in which tokens were delivered are gone or hold others, so that servers can check no token. "+
				"Restore Secret %s from a backup, or raise spec.token.generation above %d to get a new token.",
			ep.DigestSecretName(), ep.DigestSecretName(), m.record.Generation).After(min(r.look, lostLook))
	}
	return m, nil
}

// everIssued says whether the status remembers a token.
func everIssued(ep *v1alpha1.ScimEndpoint) bool {
	return len(ep.Status.Tokens) > 0 || ep.Status.TokenGeneration != nil
}

// restore makes a record of the tokens that are left. It counts on from every token whose
// name is still to be seen somewhere.
func (r *Reconciler) restore(ctx context.Context, ep *v1alpha1.ScimEndpoint, tokens []token.Token) (token.Record, error) {
	record := token.Record{
		Tokens: tokens, Generation: ptr.Deref(ep.Status.TokenGeneration, v1alpha1.FirstTokenGeneration),
		Serial: max(lastSerial(ep, ep.Status.Tokens), recordOf(ep).TokenSerial),
	}
	for range maxSweep {
		_, ours, err := r.deliveredSecret(ctx, ep, record.Serial+1)
		if err != nil {
			return record, err
		}
		if !ours {
			break
		}
		record.Serial++
	}
	record.Swept = max(0, record.Serial-maxSweep)
	// Only the newest goes on as long as it lives.
	slices.SortStableFunc(record.Tokens, func(a, b token.Token) int { return a.CreatedTime.Compare(b.CreatedTime) })
	for i := range record.Tokens[:max(0, len(record.Tokens)-1)] {
		t := &record.Tokens[i]
		if t.RetireTime = t.ExpiresTime; t.RetireTime.IsZero() {
			t.RetireTime = r.now().UTC().Add(ep.Spec.Token.EffectiveOverlap())
		}
	}
	return record, nil
}

// fromDigests are the tokens whose digests the servers have.
func fromDigests(ep *v1alpha1.ScimEndpoint, digests []token.Digest) []token.Token {
	tokens := make([]token.Token, len(digests))
	for i, d := range digests {
		tokens[i] = token.Token{Digest: d, SecretName: ep.TokenSecretName(1), Generation: v1alpha1.FirstTokenGeneration}
		if shown := shownToken(ep, d.ID); shown != nil {
			tokens[i].SecretName, tokens[i].Generation = shown.SecretName, ptr.Deref(shown.Generation, 0)
		}
	}
	return tokens
}

// fromSecrets are those tokens of the status whose Secret still holds them, the newest
// last.
func (r *Reconciler) fromSecrets(ctx context.Context, ep *v1alpha1.ScimEndpoint) ([]token.Token, error) {
	var tokens []token.Token
	for _, shown := range slices.Backward(ep.Status.Tokens) {
		if ep.TokenSerial(shown.SecretName) == 0 {
			continue // the reference is read anyway
		}
		digest, err := r.deliveredDigest(ctx, ep, shown.SecretName)
		var unfit *outcome.Failure
		switch {
		case errors.As(err, &unfit) && unfit.Reason == v1alpha1.ReasonTokenDigestsLost, err == nil && digest == nil:
			continue
		case err != nil:
			return nil, err
		case digest.ID != shown.ID:
			continue
		}
		digest.CreatedTime = shown.CreatedTime.UTC()
		if shown.ExpiresTime != nil {
			digest.ExpiresTime = shown.ExpiresTime.UTC()
		}
		tokens = append(tokens, token.Token{
			Digest: *digest, SecretName: shown.SecretName, Generation: ptr.Deref(shown.Generation, v1alpha1.FirstTokenGeneration),
		})
	}
	return tokens, nil
}

func shownToken(ep *v1alpha1.ScimEndpoint, id string) *v1alpha1.TokenStatus {
	i := slices.IndexFunc(ep.Status.Tokens, func(t v1alpha1.TokenStatus) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &ep.Status.Tokens[i]
}
