// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	// maxRevoked is how many revoked IDs are remembered, the newest.
	maxRevoked = 64
	// maxEncodedRecord bounds an encoded record: some 300 bytes a token, with room to spare.
	maxEncodedRecord = 16 << 10
)

// Record is what the operator remembers of an endpoint's tokens. It is kept beside the
// digests, which follow from it, and written with them at once.
type Record struct {
	// Generation is the newest generation of the spec for which there has been a token,
	// zero for none.
	Generation int64 `json:"generation"`
	// Serial counts the tokens that were issued.
	Serial int64 `json:"serial"`
	// Swept is up to which serial no Secret of a token is left.
	Swept int64 `json:"swept,omitempty"`
	// Tokens that are in force, or have ended not long ago. At most one has no RetireTime:
	// the newest.
	Tokens []Token `json:"tokens"`
	// Revoked are the IDs of tokens that are never accepted again.
	Revoked []string `json:"revoked,omitempty"`
}

// Token is one token without its plaintext.
type Token struct {
	Digest
	// SecretName names the Secret in which it was delivered, or from which it was taken.
	SecretName string `json:"secretName"`
	// Generation of the spec for which it was issued; zero for one that was brought.
	Generation int64 `json:"generation,omitempty"`
	// RetireTime is when its overlap with the token that has replaced it ends; zero while
	// none has.
	RetireTime time.Time `json:"retireTime,omitzero"`
}

// Brought says that somebody else made the token.
func (t *Token) Brought() bool { return t.Generation == 0 }

// Replaced says that another token has taken its place.
func (t *Token) Replaced() bool { return !t.RetireTime.IsZero() }

// End is when the token ceases to be accepted, zero for never.
func (t *Token) End() time.Time {
	if t.RetireTime.IsZero() || !t.ExpiresTime.IsZero() && t.ExpiresTime.Before(t.RetireTime) {
		return t.ExpiresTime
	}
	return t.RetireTime
}

func (t *Token) ended(now time.Time) bool {
	end := t.End()
	return !end.IsZero() && !now.Before(end)
}

// Live are the tokens that are in force, the newest first.
func (r *Record) Live(now time.Time) []Token {
	live := slices.DeleteFunc(slices.Clone(r.Tokens), func(t Token) bool { return t.ended(now) })
	slices.SortStableFunc(live, func(a, b Token) int {
		switch {
		case a.Replaced() == b.Replaced():
			return b.CreatedTime.Compare(a.CreatedTime)
		case a.Replaced():
			return 1
		default:
			return -1
		}
	})
	return live
}

// Newest is the token that none has replaced, whether or not it has expired; nil when it
// was revoked, or there never was any.
func (r *Record) Newest() *Token {
	for i := range r.Tokens {
		if !r.Tokens[i].Replaced() {
			return &r.Tokens[i]
		}
	}
	return nil
}

// Digests are what servers are told: also of tokens that have ended, so that a client
// hears that its token has expired.
func (r *Record) Digests() []Digest {
	digests := make([]Digest, len(r.Tokens))
	for i := range r.Tokens {
		digests[i] = r.Tokens[i].Digest
		digests[i].ExpiresTime = r.Tokens[i].End()
	}
	return digests
}

func (r *Record) clone() Record {
	c := *r
	c.Tokens, c.Revoked = slices.Clone(r.Tokens), slices.Clone(r.Revoked)
	return c
}

// Same says whether nothing in another record is different.
func (r *Record) Same(other *Record) bool {
	a, errA := EncodeRecord(r)
	b, errB := EncodeRecord(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// EncodeRecord writes the value of v1alpha1.TokenRecordKey: the same record always gives
// the same bytes.
func EncodeRecord(r *Record) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	c := r.clone()
	if c.Tokens == nil {
		c.Tokens = []Token{}
	}
	return json.Marshal(c)
}

// DecodeRecord reads the value of v1alpha1.TokenRecordKey, and refuses what EncodeRecord would.
// Fields that a newer release has added are passed over; see KeepOfRecord.
func DecodeRecord(encoded []byte) (*Record, error) {
	if len(encoded) > maxEncodedRecord {
		return nil, fmt.Errorf("token: a record of %d bytes; at most %d are read", len(encoded), maxEncodedRecord)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	var r Record
	if err := decoder.Decode(&r); err != nil {
		return nil, fmt.Errorf("token: the record cannot be read: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("token: something follows the record")
	}
	return &r, r.check()
}

func (r *Record) check() error {
	newest := 0
	for i := range r.Tokens {
		if !r.Tokens[i].Replaced() {
			newest++
		}
		if r.Tokens[i].SecretName == "" {
			return fmt.Errorf("token: token %d of the record has no Secret", i)
		}
	}
	switch {
	case newest > 1:
		return fmt.Errorf("token: %d tokens of the record are the newest", newest)
	case r.Generation < 0 || r.Serial < 0 || r.Swept < 0:
		return errors.New("token: the record counts below zero")
	case len(r.Revoked) > maxRevoked:
		return fmt.Errorf("token: %d revoked ids; at most %d are remembered", len(r.Revoked), maxRevoked)
	}
	return checkDigests(r.Digests())
}
