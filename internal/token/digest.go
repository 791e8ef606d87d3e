// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// MaxDigests is how many digests one endpoint may have.
	MaxDigests = 16
	// idDigits is the length of an ID: the first hexadecimal digits of the digest.
	idDigits = 12
	// maxEncoded bounds the encoded list: some 170 bytes a digest, with room to spare.
	maxEncoded = 8 << 10
)

// Digest is what may be known about a token by those who must not know the token.
type Digest struct {
	// ID is the first 12 hexadecimal digits of SHA256. It may be logged.
	ID string `json:"id"`
	// SHA256 of the whole token, 64 hexadecimal digits in lower case.
	SHA256 string `json:"sha256"`
	// CreatedTime is when the token was issued, in UTC and whole seconds.
	CreatedTime time.Time `json:"createdTime"`
	// ExpiresTime is when the token ends; zero for never.
	ExpiresTime time.Time `json:"expiresTime,omitzero"`
}

// NewDigest digests a token that was issued at the given time.
func NewDigest(token Plaintext, created time.Time) Digest {
	sum := sha256.Sum256([]byte(token))
	digits := hex.EncodeToString(sum[:])
	return Digest{ID: digits[:idDigits], SHA256: digits, CreatedTime: created.UTC().Truncate(time.Second)}
}

// EncodeDigests writes the value of v1alpha1.DigestsKey: the same digests always give the same
// bytes. It refuses what DecodeDigests would refuse.
func EncodeDigests(digests []Digest) ([]byte, error) {
	if err := checkDigests(digests); err != nil {
		return nil, err
	}
	if digests == nil {
		digests = []Digest{}
	}
	return json.Marshal(digests)
}

// DecodeDigests reads the value of v1alpha1.DigestsKey. It refuses malformed or repeated digests
// and more than MaxDigests. Fields that a newer release has added are passed over.
func DecodeDigests(encoded []byte) ([]Digest, error) {
	if len(encoded) > maxEncoded {
		return nil, fmt.Errorf("token: %d bytes of digests; at most %d are read", len(encoded), maxEncoded)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	var digests []Digest
	if err := decoder.Decode(&digests); err != nil {
		return nil, fmt.Errorf("token: the list of digests cannot be read: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("token: something follows the list of digests")
	}
	if err := checkDigests(digests); err != nil {
		return nil, err
	}
	return digests, nil
}

func checkDigests(digests []Digest) error {
	if len(digests) > MaxDigests {
		return fmt.Errorf("token: %d digests; at most %d are allowed", len(digests), MaxDigests)
	}
	seen := make(map[string]bool, len(digests))
	for i, d := range digests {
		if err := d.check(); err != nil {
			return fmt.Errorf("token: digest %d: %w", i, err)
		}
		if seen[d.ID] {
			return fmt.Errorf("token: digest %d: id %s is there twice", i, d.ID)
		}
		seen[d.ID] = true
	}
	return nil
}

func (d Digest) check() error {
	raw, err := hex.DecodeString(d.SHA256)
	switch {
	case err != nil || len(raw) != sha256.Size || hex.EncodeToString(raw) != d.SHA256:
		return errors.New("sha256 is not 64 hexadecimal digits in lower case")
	case d.ID != d.SHA256[:idDigits]:
		return fmt.Errorf("id is not the first %d digits of sha256", idDigits)
	case d.CreatedTime.IsZero():
		return errors.New("createdTime is missing")
	}
	return nil
}
