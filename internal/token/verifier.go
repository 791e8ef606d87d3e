// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// maxPresented bounds what is hashed for a caller who has not proved anything yet.
const maxPresented = 4 << 10

// Verifier tells whether a presented token is one of those whose digests it holds, and
// remembers when each was last accepted. Its zero value accepts nothing. It may be used
// and changed from many goroutines at once.
type Verifier struct {
	accepted atomic.Pointer[[]acceptedDigest]
	now      func() time.Time // time.Now when nil
}

type acceptedDigest struct {
	id       string
	sum      [sha256.Size]byte
	expires  time.Time
	lastUsed *atomic.Int64 // in Unix seconds, zero for never
}

// Set replaces all accepted digests at once. Digests must come from DecodeDigests or
// NewDigest; a malformed one is accepted for nobody.
func (v *Verifier) Set(digests []Digest) {
	accepted := make([]acceptedDigest, 0, len(digests))
	for _, d := range digests {
		if d.check() != nil {
			continue
		}
		a := acceptedDigest{id: d.ID, expires: d.ExpiresTime, lastUsed: v.lastUse(d.ID)}
		_, _ = hex.Decode(a.sum[:], []byte(d.SHA256)) // check has decoded it before
		accepted = append(accepted, a)
	}
	v.accepted.Store(&accepted)
}

// lastUse is where the last use of a token is kept, whatever becomes of other tokens.
func (v *Verifier) lastUse(id string) *atomic.Int64 {
	if known := v.accepted.Load(); known != nil {
		for _, a := range *known {
			if a.id == id {
				return a.lastUsed
			}
		}
	}
	return new(atomic.Int64)
}

// Verify returns the ID of the digest that the presented token has; with false, the token
// was the right one and has expired. The token is hashed once and compared with every
// digest in constant time, whether or not one has matched, so that the time taken tells
// nothing about the digests.
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
	found := &(*accepted)[match]
	now := v.clock()
	if !found.expires.IsZero() && !now.Before(found.expires) {
		return found.id, false
	}
	if seconds := now.Unix(); found.lastUsed.Load() < seconds {
		found.lastUsed.Store(seconds)
	}
	return found.id, true
}

// Use is when a token was last accepted, in whole seconds.
type Use struct {
	ID       string
	LastUsed time.Time
}

// Uses are the last uses of those of the tokens that have been used since the process
// began, in the order of the digests.
func (v *Verifier) Uses() []Use {
	var uses []Use
	if accepted := v.accepted.Load(); accepted != nil {
		for _, a := range *accepted {
			if seconds := a.lastUsed.Load(); seconds > 0 {
				uses = append(uses, Use{ID: a.id, LastUsed: time.Unix(seconds, 0).UTC()})
			}
		}
	}
	return uses
}

func (v *Verifier) clock() time.Time {
	if v.now == nil {
		return time.Now()
	}
	return v.now()
}
