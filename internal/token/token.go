// SPDX-License-Identifier: Apache-2.0

// Package token generates, digests and verifies the bearer tokens with which identity
// providers authenticate.
//
// A token is scimop_, 43 base62 digits that carry 256 random bits, and 6 base62 digits
// that carry the CRC-32 of the 43: secret scanners find it by the prefix and tell it
// from noise by the checksum, without asking anybody. Servers hold only its SHA-256
// digest. That needs no salt and no slow hash, because 256 random bits cannot be
// guessed.
package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	"strings"
)

const (
	// Prefix begins every token.
	Prefix = "scimop_"
	// Pattern is the regular expression by which secret scanners find tokens.
	Pattern = `scimop_[0-9A-Za-z]{49}`

	randomBytes    = 32
	randomDigits   = 43
	checksumDigits = 6
	length         = len(Prefix) + randomDigits + checksumDigits
)

// The ways in which a string fails to be a token. They never quote it.
var (
	ErrPrefix   = errors.New("token: it does not begin with " + Prefix)
	ErrLength   = fmt.Errorf("token: it is not %d characters long", length)
	ErrAlphabet = errors.New("token: it has characters that are neither digits nor ASCII letters")
	ErrChecksum = errors.New("token: the checksum is wrong; it is truncated, mistyped or made up")
)

// Plaintext is a token that can be used. It is redacted wherever it is printed, logged
// or encoded; string(p) gives it away, on purpose and visibly. It must not be the key of
// a map: encoders write keys that are strings as they are.
type Plaintext string

const redacted = Prefix + "[redacted]"

// String redacts the token.
func (Plaintext) String() string { return redacted }

// GoString redacts the token.
func (Plaintext) GoString() string { return redacted }

// Format redacts the token for every verb, %q and %x included.
func (Plaintext) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText redacts the token.
func (Plaintext) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON redacts the token.
func (Plaintext) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue redacts the token for log/slog.
func (Plaintext) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalLog redacts the token for logr.
func (Plaintext) MarshalLog() any { return redacted }

// Generate makes a new token of 256 bits from crypto/rand.
func Generate() (Plaintext, error) {
	var random [randomBytes]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("token: no randomness: %w", err)
	}
	return assemble(random), nil
}

// Check says whether s has the prefix, the length, the alphabet and the checksum of a
// token. It says nothing about whether any server accepts it.
func Check(s string) error {
	body, found := strings.CutPrefix(s, Prefix)
	switch {
	case !found:
		return ErrPrefix
	case len(s) != length:
		return ErrLength
	case !isBase62(body):
		return ErrAlphabet
	case checksum(body[:randomDigits]) != body[randomDigits:]:
		return ErrChecksum
	}
	return nil
}

func assemble(random [randomBytes]byte) Plaintext {
	digits := base62(new(big.Int).SetBytes(random[:]), randomDigits)
	return Plaintext(Prefix + digits + checksum(digits))
}

func checksum(digits string) string {
	sum := crc32.ChecksumIEEE([]byte(digits))
	return base62(new(big.Int).SetUint64(uint64(sum)), checksumDigits)
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// base62 writes n with the given number of digits; n must fit.
func base62(n *big.Int, width int) string {
	out := make([]byte, width)
	base, digit := big.NewInt(int64(len(alphabet))), new(big.Int)
	n = new(big.Int).Set(n)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		out[i] = alphabet[digit.Int64()]
	}
	return string(out)
}

func isBase62(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(alphabet, r) })
}
