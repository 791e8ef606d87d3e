// SPDX-License-Identifier: Apache-2.0

// Package oidc reads what an OpenID provider publishes about its single sign-on, the discovery
// document and the keys that it names, and judges whether it can be used. It fetches nothing.
package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"scim-operator.io/internal/oauth"
)

const (
	// MaxURL is the length of each URL in the discovery document, in characters.
	MaxURL = 2048
	// maxQuoted bounds what an error repeats of what others wrote, in characters.
	maxQuoted = 256
)

// ErrInvalid is the kind of every error of this package: a document is not what the
// specification asks for.
var ErrInvalid = errors.New("the OpenID Connect metadata is invalid")

// Metadata is what an OpenID provider publishes (OpenID Connect Discovery 1.0 §3). It may lack
// anything: Judge tells what.
type Metadata struct {
	Issuer                 string   `json:"issuer"`
	AuthorizationEndpoint  string   `json:"authorization_endpoint"`
	TokenEndpoint          string   `json:"token_endpoint"`
	EndSessionEndpoint     string   `json:"end_session_endpoint"`
	JWKSURL                string   `json:"jwks_uri"`
	ResponseTypesSupported []string `json:"response_types_supported"`
}

// DiscoveryURL returns where the discovery document of an issuer is (OpenID Connect Discovery
// 1.0 §4).
func DiscoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// Parse reads a discovery document.
func Parse(document []byte) (*Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(document, &m); err != nil {
		return nil, invalid("the discovery document %s; check that spec.signOn.oidc.issuer is the issuer of an OpenID provider", notJSON(err))
	}
	return &m, nil
}

// ParseKeys reads the JWK Set behind jwks_uri and returns how many keys can verify ID tokens.
func ParseKeys(document []byte) (int, error) {
	keys, err := oauth.VerifyingKeys(document)
	switch {
	case errors.Is(err, oauth.ErrNoKeys):
		return 0, invalid("there is no key behind its jwks_uri that can verify ID tokens; the identity provider must publish a public signing key, RSA of at least 2048 bits or an elliptic curve")
	case err != nil:
		return 0, invalid("what is behind its jwks_uri %s", notJSON(err))
	default:
		return len(keys), nil
	}
}

// notJSON describes an error of encoding/json without repeating a value.
func notJSON(err error) string {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return fmt.Sprintf("has the JSON type %s in %s", mistyped.Value, quoted(mistyped.Field))
	}
	if mistyped != nil {
		return fmt.Sprintf("has the JSON type %s, not object", mistyped.Value)
	}
	return "is not JSON"
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// quoted returns text of others for an error or a message, bounded.
func quoted(text string) string {
	characters := []rune(strings.ToValidUTF8(text, "�"))
	if len(characters) > maxQuoted {
		characters = append(characters[:maxQuoted], '…')
	}
	return fmt.Sprintf("%q", string(characters))
}
