// SPDX-License-Identifier: Apache-2.0

package replica

import (
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

// observeDigests takes over the digests of the tokens to accept. When the Secret is
// gone nobody is let in, but with "later" instead of "no", which would make identity
// providers give up. Digests that cannot be read change nothing: those known stay.
func (r *Replica) observeDigests(object client.Object, _ bool) {
	log := r.config.Log.WithName("tokens")
	secret, ok := object.(*corev1.Secret)
	if !ok {
		if r.tokensKnown.Swap(false) {
			log.Error(nil, "the Secret with the digests of the tokens is gone")
		}
		r.tokens.Set(nil)
		return
	}
	digests, err := token.DecodeDigests(secret.Data[v1alpha1.DigestsKey])
	if err != nil {
		log.Error(err, "the digests of the tokens cannot be read", "secret", secret.Name)
		return
	}
	if sharedKey(secret) == nil {
		log.Info("the servers have no key in common yet; those of the tokens serve meanwhile", "secret", secret.Name)
	}
	keys, err := newCursorKeys(secret, digests)
	if err != nil {
		log.Error(err, "the keys of cursors cannot be derived")
		return
	}
	names, err := newNameKey(secret, digests)
	if err != nil {
		log.Error(err, "the key of names in the audit log cannot be derived")
		return
	}
	r.names.Store(names)
	r.cursors.Store(&keys) // first: whoever is let in has a key
	r.tokens.Set(digests)
	r.tokensKnown.Store(true)
	log.Info("digests loaded", "tokens", len(digests), "resourceVersion", secret.ResourceVersion)
}
