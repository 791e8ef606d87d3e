// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/token"
)

// referenceRetry: nothing tells of a Secret that is somebody else's.
const referenceRetry = time.Minute

// readBrought digests the token in the Secret that the spec refers to. It is somebody
// else's Secret, which the cache must not hold, so that it is read each time. The failure
// says no more of what is in it than that it will not do.
func (r *Reconciler) readBrought(ctx context.Context, ep *v1alpha1.ScimEndpoint) (*token.Digest, error) {
	ref := ep.Spec.Token.Reference()
	if ref == nil {
		return nil, nil
	}
	var secret corev1.Secret
	err := r.live.Get(ctx, client.ObjectKey{Namespace: ep.Namespace, Name: ref.Name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, outcome.Waiting(v1alpha1.ReasonTokenSecretNotFound,
			"There is no Secret %s, to which spec.token.secretRef refers.", ref.Name).After(referenceRetry)
	}
	if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", ref.Name, err)
	}
	if secret.Type == v1alpha1.TokenSecretType || secret.Type == v1alpha1.DigestSecretType {
		return nil, outcome.Stalled(v1alpha1.ReasonTokenTooWeak,
			"Secret %s, to which spec.token.secretRef refers, is the operator's own: name one that somebody else maintains.", ref.Name).After(referenceRetry)
	}
	plaintext, found := secret.Data[ref.Key]
	if !found {
		return nil, outcome.Waiting(v1alpha1.ReasonTokenSecretNotFound,
			"Secret %s, to which spec.token.secretRef refers, has no key %s.", ref.Name, ref.Key).After(referenceRetry)
	}
	if err := token.CheckBrought(string(plaintext)); err != nil {
		return nil, outcome.Stalled(v1alpha1.ReasonTokenTooWeak,
			"What is in Secret %s under the key %s is not accepted as a token: %v.", ref.Name, ref.Key, err).After(referenceRetry)
	}
	digest := token.NewDigest(token.Plaintext(plaintext), r.now())
	return &digest, nil
}
