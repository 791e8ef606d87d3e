// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"scim-operator.io/internal/store"
)

// CursorKeys gives the keys that cursors are sealed with: the same on every replica of an
// endpoint, before and after a restart, and unknown to clients.
type CursorKeys interface {
	// SealingKey is the key, of 32 bytes, for the client that presented the token of this
	// ID; false when there is none.
	SealingKey(tokenID string) (key [32]byte, ok bool)
	// OpeningKeys are all the keys with which a cursor may have been sealed that is still
	// to be honoured: a client may change its token in the middle of a walk.
	OpeningKeys() [][32]byte
}

// place is where a walk goes on: behind a position in the list of one resource type. Of
// several types listed one after the other, those before it have been walked.
type place struct {
	typeName string
	position *store.Position // nil: at the beginning of the type
}

const (
	cursorVersion = 1
	// maxCursor bounds what is looked at of a cursor: those made here are much shorter.
	maxCursor = 2 << 10
)

// sealCursor makes a cursor, which opens for the same query alone, until it expires.
func (s *Server) sealCursor(tokenID string, p parameters, scope string, at place) (string, error) {
	return s.seal(tokenID, at.append(nil, s.now().Add(s.limits.CursorTimeout)), p.fingerprint(scope))
}

// openCursor says where a cursor's walk goes on. Errors are invalidCursor, also when the
// query is not that of the walk, and expiredCursor (RFC 9865 §2.1).
func (s *Server) openCursor(p parameters, scope string) (place, error) {
	opened, err := s.open(p.cursor, p.fingerprint(scope))
	if err != nil {
		return place{}, err
	}
	at, expires, ok := readPlace(opened)
	switch {
	case !ok:
		return place{}, errInvalidCursor() // of another version of this server
	case !s.now().Before(expires):
		return place{}, errExpiredCursor(s.limits.CursorTimeout)
	}
	return at, nil
}

// seal makes what clients and other replicas hand back: opaque and tamper-proof, as AES-GCM
// makes it. It opens only together with what it is bound to.
func (s *Server) seal(tokenID string, plain, bound []byte) (string, error) {
	key, ok := s.cursors.SealingKey(tokenID)
	if !ok {
		return "", errNoCursorKey()
	}
	sealer, err := newSealer(key)
	if err != nil {
		return "", err
	}
	sealed := sealer.Seal(nil, nil, plain, bound) //nolint:gosec // it makes a random nonce itself
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open gives what was sealed, or invalidCursor.
func (s *Server) open(sealed string, bound []byte) ([]byte, error) {
	decoded, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(sealed) > maxCursor {
		return nil, errInvalidCursor()
	}
	for _, key := range s.cursors.OpeningKeys() {
		sealer, err := newSealer(key)
		if err != nil {
			return nil, err
		}
		if opened, err := sealer.Open(nil, nil, decoded, bound); err == nil {
			return opened, nil
		}
	}
	return nil, errInvalidCursor()
}

// newSealer gives authenticated encryption that puts a random nonce in front.
func newSealer(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// fingerprint is what a cursor is bound to: everything that decides on the resources and
// their order, and on what is shown of each. The size of a page may change on the way.
func (p parameters) fingerprint(scope string) []byte {
	h := sha256.New()
	var length [8]byte
	for _, part := range []string{scope, p.filter, p.sortBy, p.sortOrder, p.attributes, p.excluded} {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

func (at place) append(b []byte, expires time.Time) []byte {
	b = append(b, cursorVersion)
	b = binary.AppendVarint(b, expires.Unix())
	b = appendText(b, at.typeName)
	if at.position == nil {
		return b
	}
	b = appendText(b, at.position.Key)
	b = appendText(b, at.position.ID)
	return binary.AppendVarint(b, at.position.Created)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readPlace reads what append wrote.
func readPlace(b []byte) (at place, expires time.Time, ok bool) {
	r := placeReader{rest: b}
	version := r.byte()
	expires = time.Unix(r.varint(), 0)
	at.typeName = r.text()
	if len(r.rest) > 0 {
		at.position = &store.Position{Key: r.text(), ID: r.text(), Created: r.varint()}
	}
	return at, expires, version == cursorVersion && !r.failed && len(r.rest) == 0
}

type placeReader struct {
	rest   []byte
	failed bool
}

func (r *placeReader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *placeReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *placeReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.take(n)
	return v
}

func (r *placeReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.take(n)
	return v
}

func (r *placeReader) text() string {
	length, n := binary.Uvarint(r.rest)
	if n <= 0 || length > maxCursor {
		r.failed = true
		return ""
	}
	r.take(n)
	return string(r.take(int(length)))
}
