// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/token"
)

// maxTokens is how many tokens the status shows.
const maxTokens = 2

// ensureToken makes sure that the servers have the digest of a token, and that at most
// one token is ever issued unasked: the digest Secret says that it was, and should that
// be lost, the status does.
func (r *Reconciler) ensureToken(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	digests, err := r.digests(ctx, pass, ep)
	if err == nil {
		err = r.applyDigests(ctx, ep, digests)
	}
	var failure *outcome.Failure
	switch {
	case errors.As(err, &failure):
		outcome.Set(ep, v1alpha1.ConditionTokenReady, false, failure.Reason, failure.Message)
		return err
	case err != nil:
		return err
	}
	ep.Status.Tokens = tokensIn(ep, digests)
	return r.tellTokenReady(ctx, ep)
}

// tellTokenReady says where the token is to be had, which is nowhere once its Secret has
// been deleted. The IdentityProvider looks for the Secret when it sees this change.
func (r *Reconciler) tellTokenReady(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	key := client.ObjectKey{Namespace: ep.Namespace, Name: ep.TokenSecretName()}
	delivered, err := r.children.Exists(ctx, key, &corev1.Secret{})
	if err != nil {
		return err
	}
	message := "A token has been issued. The Secret in which it was delivered has been deleted."
	if delivered {
		message = fmt.Sprintf("A token has been issued and delivered in Secret %s; the Secret may be deleted once the token has been copied.", key.Name)
	}
	outcome.Set(ep, v1alpha1.ConditionTokenReady, true, v1alpha1.ReasonTokenIssued, message)
	return nil
}

// digests returns the digests that the servers have, or else the digest of the token
// that was delivered (the operator stopped between the two), or else of a new token.
func (r *Reconciler) digests(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) ([]token.Digest, error) {
	stored, err := r.storedDigests(ctx, ep)
	if err != nil || stored != nil {
		return stored, err
	}
	delivered, err := r.deliveredDigest(ctx, ep)
	if err != nil || delivered != nil {
		return delivered, err
	}
	return r.issue(ctx, pass, ep)
}

// storedDigests reads the digest Secret. Nil means that it holds nothing usable.
func (r *Reconciler) storedDigests(ctx context.Context, ep *v1alpha1.ScimEndpoint) ([]token.Digest, error) {
	var secret corev1.Secret
	found, err := r.children.Read(ctx, owner(ep), ep.DigestSecretName(), &secret)
	if err != nil || !found {
		return nil, err
	}
	digests, err := token.DecodeDigests(secret.Data[v1alpha1.DigestsKey])
	if err == nil && len(digests) > 0 {
		return digests, nil
	}
	return nil, nil
}

// deliveredDigest digests the token in the plaintext Secret. Nil means that there is no
// such Secret.
func (r *Reconciler) deliveredDigest(ctx context.Context, ep *v1alpha1.ScimEndpoint) ([]token.Digest, error) {
	var secret corev1.Secret
	found, err := r.children.Read(ctx, owner(ep), ep.TokenSecretName(), &secret)
	if err != nil || !found {
		return nil, err
	}
	plaintext := string(secret.Data[v1alpha1.TokenKey])
	if err := token.Check(plaintext); err != nil {
		return nil, outcome.Stalled(v1alpha1.ReasonTokenDigestsLost,
			"Secret %s does not hold a token, and the digests are lost: %v. %s", secret.Name, err, tokenLostAdvice(ep))
	}
	digest := token.NewDigest(token.Plaintext(plaintext), secret.CreationTimestamp.Time)
	if issued := ep.Status.Tokens; len(issued) > 0 && !containsToken(issued, digest.ID) {
		return nil, outcome.Stalled(v1alpha1.ReasonTokenDigestsLost,
			"Secret %s holds a token that was never issued for this endpoint, and the digests of the one that was are lost. %s",
			secret.Name, tokenLostAdvice(ep))
	}
	return []token.Digest{digest}, nil
}

// issue makes a token and delivers it, unless one was issued before.
func (r *Reconciler) issue(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) ([]token.Digest, error) {
	if err := r.mayIssue(ctx, ep); err != nil {
		return nil, err
	}
	plaintext, err := token.Generate()
	if err != nil {
		return nil, fmt.Errorf("generate a token: %w", err)
	}
	secret := render.TokenSecret(ep, string(plaintext))
	err = r.client.Create(ctx, secret, outcome.Owner)
	if apierrors.IsAlreadyExists(err) {
		return nil, outcome.ErrOutdated
	}
	if err != nil {
		return nil, fmt.Errorf("deliver the token in Secret %s: %w", secret.Name, withoutToken(err, string(plaintext)))
	}
	pass.Tell(v1alpha1.ReasonTokenIssued, fmt.Sprintf("A token was issued and delivered in Secret %s.", secret.Name))
	return []token.Digest{token.NewDigest(plaintext, secret.CreationTimestamp.Time)}, nil
}

// mayIssue asks the API server, because the cache may not yet know that a token was
// issued or that the endpoint is another one by now.
func (r *Reconciler) mayIssue(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	var current v1alpha1.ScimEndpoint
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(ep), &current); err != nil {
		if apierrors.IsNotFound(err) {
			return outcome.ErrOutdated
		}
		return fmt.Errorf("read the endpoint again: %w", err)
	}
	switch {
	case current.UID != ep.UID, !current.DeletionTimestamp.IsZero():
		return outcome.ErrOutdated
	case len(current.Status.Tokens) > 0:
		return outcome.Stalled(v1alpha1.ReasonTokenDigestsLost,
			"A token was issued, but both Secret %s and Secret %s are gone, so that servers can check no token. %s",
			ep.DigestSecretName(), ep.TokenSecretName(), tokenLostAdvice(ep))
	default:
		return nil
	}
}

func (r *Reconciler) applyDigests(ctx context.Context, ep *v1alpha1.ScimEndpoint, digests []token.Digest) error {
	encoded, err := token.EncodeDigests(digests)
	if err != nil {
		return err
	}
	return r.children.Apply(ctx, owner(ep), &corev1.Secret{}, render.DigestSecret(ep, encoded))
}

// tokensIn shows the newest digests, without the digests.
func tokensIn(ep *v1alpha1.ScimEndpoint, digests []token.Digest) []v1alpha1.TokenStatus {
	newest := slices.SortedStableFunc(slices.Values(digests), func(a, b token.Digest) int {
		return b.CreatedTime.Compare(a.CreatedTime)
	})
	newest = newest[:min(len(newest), maxTokens)]
	tokens := make([]v1alpha1.TokenStatus, len(newest))
	for i, d := range newest {
		tokens[i] = v1alpha1.TokenStatus{ID: d.ID, SecretName: ep.TokenSecretName(), CreatedTime: metav1.NewTime(d.CreatedTime)}
	}
	return tokens
}

func containsToken(tokens []v1alpha1.TokenStatus, id string) bool {
	return slices.ContainsFunc(tokens, func(t v1alpha1.TokenStatus) bool { return t.ID == id })
}

func tokenLostAdvice(ep *v1alpha1.ScimEndpoint) string {
	return fmt.Sprintf("Restore Secret %s from a backup, or delete ScimEndpoint %s to get a new one with a new token; users and groups stay.",
		ep.DigestSecretName(), ep.Name)
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
