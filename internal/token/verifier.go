// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"sync/atomic"
)

// maxPresented bounds what is hashed for a caller who has not proved anything yet.
const maxPresented = 4 << 10

// Verifier tells whether a presented token is one of those whose digests it holds. Its
// zero value accepts nothing. It may be used and changed from many goroutines at once.
type Verifier struct {
	accepted atomic.Pointer[[]acceptedDigest]
}

type acceptedDigest struct {
	id  string
	sum [sha256.Size]byte
}

// Set replaces all accepted digests at once. Digests must come from DecodeDigests or
// NewDigest; a malformed one is accepted for nobody.
func (v *Verifier) Set(digests []Digest) {
	accepted := make([]acceptedDigest, 0, len(digests))
	for _, d := range digests {
		if d.check() != nil {
			continue
		}
		a := acceptedDigest{id: d.ID}
		_, _ = hex.Decode(a.sum[:], []byte(d.SHA256)) // check has decoded it before
		accepted = append(accepted, a)
	}
	v.accepted.Store(&accepted)
}

// Verify returns the ID of the digest that the presented token has. The token is hashed
// once and compared with every digest in constant time, whether or not one has matched,
// so that the time taken tells nothing about the digests.
func (v *Verifier) Verify(presented string) (id string, ok bool) {
	accepted := v.accepted.Load()
	if accepted == nil || len(presented) > maxPresented {
		return "", false
	}
	var usual [128]byte // longer than a token of ours
	sum := sha256.Sum256(append(usual[:0], presented...))
	match := -1
	for i := range *accepted {
		equal := subtle.ConstantTimeCompare(sum[:], (*accepted)[i].sum[:])
		match = subtle.ConstantTimeSelect(equal, i, match)
	}
	if match < 0 {
		return "", false
	}
	return (*accepted)[match].id, true
}
