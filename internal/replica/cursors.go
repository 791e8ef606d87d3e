// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"crypto/hkdf"
	"crypto/sha256"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"scim-operator.io/internal/token"
)

// cursorKeys are the keys of the cursors that clients are given. Every replica derives
// the same ones from the Secret with the digests, which all of them read and nobody
// else: one for each token, from its digest, which only whoever has the token could know
// too, and the Secret's UID, which is random and no client is told. So a cursor made
// before a restart, or by another replica, or under a token since changed, still opens.
type cursorKeys struct {
	byToken map[string][32]byte
	all     [][32]byte
}

const cursorKeyInfo = "scim-operator.io/cursor/v1"

func newCursorKeys(secret *corev1.Secret, digests []token.Digest) (*cursorKeys, error) {
	keys := &cursorKeys{byToken: make(map[string][32]byte, len(digests))}
	for _, d := range digests {
		derived, err := hkdf.Key(sha256.New, []byte(d.SHA256), []byte(secret.UID), cursorKeyInfo, 32)
		if err != nil {
			return nil, err
		}
		key := [32]byte(derived)
		keys.byToken[d.ID] = key
		keys.all = append(keys.all, key)
	}
	return keys, nil
}

// SealingKey implements server.CursorKeys. Who was let in by another token than one of the
// endpoint's gets the key of its first.
func (r *Replica) SealingKey(tokenID string) (key [32]byte, ok bool) {
	keys := r.cursors.Load()
	if keys == nil || len(keys.all) == 0 {
		return key, false
	}
	if key, ok = keys.byToken[tokenID]; !ok && strings.Contains(tokenID, ":") {
		return keys.all[0], true
	}
	return key, ok
}

// OpeningKeys implements server.CursorKeys.
func (r *Replica) OpeningKeys() [][32]byte {
	if keys := r.cursors.Load(); keys != nil {
		return keys.all
	}
	return nil
}
