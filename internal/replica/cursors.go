// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"crypto/hkdf"
	"crypto/sha256"

	corev1 "k8s.io/api/core/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

const cursorKeyInfo = "scim-operator.io/cursor/v1"

// sharedKey is what every server of the endpoint has and nobody else: the operator writes
// it once into the Secret with the digests, so that it outlives tokens, and servers. It is
// nil until then.
func sharedKey(secret *corev1.Secret) []byte {
	if key := secret.Data[v1alpha1.ServersKey]; len(key) == v1alpha1.ServersKeySize {
		return key
	}
	return nil
}

// newCursorKeys are the keys of the cursors that clients are given, the one that seals
// first. Every replica derives the same ones, so that a cursor made before a restart, or by
// another replica, or under a token since changed, still opens. Until there is a shared key
// they come from the digests, which only whoever has a token could know too, and the
// Secret's UID, which is random and no client is told; what was sealed then opens after.
func newCursorKeys(secret *corev1.Secret, digests []token.Digest) ([][32]byte, error) {
	var keys [][32]byte
	add := func(from, salt []byte) error {
		derived, err := hkdf.Key(sha256.New, from, salt, cursorKeyInfo, 32)
		if err == nil {
			keys = append(keys, [32]byte(derived))
		}
		return err
	}
	if shared := sharedKey(secret); shared != nil {
		if err := add(shared, nil); err != nil {
			return nil, err
		}
	}
	for _, d := range digests {
		if err := add([]byte(d.SHA256), []byte(secret.UID)); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// SealingKey implements server.CursorKeys: it is the same for all who were let in.
func (r *Replica) SealingKey(string) (key [32]byte, ok bool) {
	keys := r.OpeningKeys()
	if len(keys) == 0 {
		return key, false
	}
	return keys[0], true
}

// OpeningKeys implements server.CursorKeys.
func (r *Replica) OpeningKeys() [][32]byte {
	if keys := r.cursors.Load(); keys != nil {
		return *keys
	}
	return nil
}
