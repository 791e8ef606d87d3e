// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/rsa"
	"encoding/json"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys    = 100
	minRSABits = 2048
)

// ErrNoKeys is returned for a JWK Set in which no key can verify a token.
var ErrNoKeys = errors.New("the issuer has no key that signs tokens")

// keySet is a JWK Set (RFC 7517 §5).
type keySet struct {
	Keys []json.RawMessage `json:"keys"`
}

// VerifyingKeys returns the public keys of a JWK Set that can verify tokens, of its first 100
// keys. It passes over every other key.
func VerifyingKeys(document []byte) ([]jose.JSONWebKey, error) {
	var set keySet
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, err
	}
	return set.verifying()
}

func (s keySet) verifying() ([]jose.JSONWebKey, error) {
	var keys []jose.JSONWebKey
	for _, encoded := range s.Keys[:min(len(s.Keys), maxKeys)] {
		var key jose.JSONWebKey
		// One that is for something else, or of a kind that is not known, is none of these.
		if json.Unmarshal(encoded, &key) == nil && usable(&key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	return keys, nil
}

func usable(key *jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	k, isRSA := key.Key.(*rsa.PublicKey)
	return !isRSA || k.N.BitLen() >= minRSABits
}
