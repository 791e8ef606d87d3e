// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const issuer = "https://login.acme.com/tenant"

// discovery is a usable discovery document with changes; nil takes a member away.
func discovery(t *testing.T, changes map[string]any) []byte {
	t.Helper()
	document := map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                issuer + "/authorize",
		"token_endpoint":                        issuer + "/token",
		"jwks_uri":                              issuer + "/keys",
		"response_types_supported":              []string{"code", "id_token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
	for name, value := range changes {
		if document[name] = value; value == nil {
			delete(document, name)
		}
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestWhichDiscoveryDocumentsAreUsable(t *testing.T) {
	long := "https://login.acme.com/" + strings.Repeat("x", MaxURL)
	for _, row := range []struct {
		name     string
		document []byte
		wrong    string
	}{
		{"a usable one", discovery(t, nil), ""},
		{"without a list of response types", discovery(t, map[string]any{"response_types_supported": nil}), ""},
		{"the hybrid flow alone", discovery(t, map[string]any{"response_types_supported": []string{"code id_token"}}), ""},
		{"with a logout", discovery(t, map[string]any{"end_session_endpoint": issuer + "/logout"}), ""},
		{"with what nobody asks for", discovery(t, map[string]any{"claims_supported": 7}), ""},

		{"HTML", []byte("<html>"), "the discovery document is not JSON"},
		{"nothing", nil, "the discovery document is not JSON"},
		{"a list", []byte("[]"), "the discovery document has the JSON type array, not object"},
		{"an issuer that is a number", discovery(t, map[string]any{"issuer": 1}), `has the JSON type number in "issuer"`},
		{"no issuer", discovery(t, map[string]any{"issuer": nil}), "has no issuer"},
		{"another issuer", discovery(t, map[string]any{"issuer": "https://evil.example"}), `is that of the issuer "https://evil.example"`},
		{"an issuer with a slash at its end", discovery(t, map[string]any{"issuer": issuer + "/"}), `write spec.signOn.oidc.issuer exactly so`},
		{"a long issuer", discovery(t, map[string]any{"issuer": long}), "…\""},
		{"no authorization endpoint", discovery(t, map[string]any{"authorization_endpoint": nil}), "authorization_endpoint is missing"},
		{"no token endpoint", discovery(t, map[string]any{"token_endpoint": nil}), "token_endpoint is missing"},
		{"no keys", discovery(t, map[string]any{"jwks_uri": nil}), "jwks_uri is missing"},
		{"plain HTTP", discovery(t, map[string]any{"authorization_endpoint": "http://login.acme.com/"}), "authorization_endpoint is not HTTPS: it begins with http://"},
		{"a script", discovery(t, map[string]any{"authorization_endpoint": "javascript://x/%0aalert(1)"}), "is not HTTPS: it begins with javascript://"},
		{"a path", discovery(t, map[string]any{"token_endpoint": "/token"}), "token_endpoint is not an absolute URL"},
		{"a password", discovery(t, map[string]any{"token_endpoint": "https://a:secret@login.acme.com"}), "token_endpoint contains a user name or password"},
		{"a long URL", discovery(t, map[string]any{"jwks_uri": long}), "jwks_uri is longer than 2048 characters"},
		{"a logout over plain HTTP", discovery(t, map[string]any{"end_session_endpoint": "http://login.acme.com/"}), "end_session_endpoint is not HTTPS"},
		{"the implicit flow alone", discovery(t, map[string]any{"response_types_supported": []string{"id_token", "id_token token"}}), "offers no response type with code"},
	} {
		t.Run(row.name, func(t *testing.T) {
			metadata, err := Parse(row.document)
			if err == nil {
				err = Judge(metadata, issuer)
			}
			requireInvalid(t, err, row.wrong)
		})
	}
}

func requireInvalid(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("error %v, want none", err)
	case words != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), words)):
		t.Errorf("error %v, want %q", err, words)
	case err != nil && (len([]rune(err.Error())) > 700 || strings.Contains(err.Error(), "secret")):
		t.Errorf("error of %d characters: %v", len(err.Error()), err)
	}
}

func TestWhichKeysAreReadable(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := func(keys ...any) []byte {
		encoded, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	public := jose.JSONWebKey{Key: curve.Public(), KeyID: "1", Use: "sig"}
	for _, row := range []struct {
		name     string
		document []byte
		keys     int
		wrong    string
	}{
		{"one", set(public), 1, ""},
		{"two kinds", set(public, jose.JSONWebKey{Key: strong.Public(), KeyID: "2"}), 2, ""},
		{"beside what is not known", set(map[string]any{"kty": "unheard-of"}, public), 1, ""},
		{"for encryption alone", set(jose.JSONWebKey{Key: curve.Public(), Use: "enc"}), 0, "no key behind its jwks_uri that can verify ID tokens"},
		{"a private one", set(jose.JSONWebKey{Key: curve, Use: "sig"}), 0, "no key behind its jwks_uri"},
		{"a shared secret", set(jose.JSONWebKey{Key: []byte("of-the-issuer"), Use: "sig"}), 0, "no key behind its jwks_uri"},
		{"none", set(), 0, "no key behind its jwks_uri"},
		{"HTML", []byte("<html>"), 0, "what is behind its jwks_uri is not JSON"},
		{"an object for a list", []byte(`{"keys": {}}`), 0, `what is behind its jwks_uri has the JSON type object in "keys"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			keys, err := ParseKeys(row.document)
			requireInvalid(t, err, row.wrong)
			if keys != row.keys {
				t.Errorf("%d keys, want %d", keys, row.keys)
			}
		})
	}
}

func TestWhereTheDiscoveryDocumentIs(t *testing.T) {
	for from, want := range map[string]string{
		"https://accounts.google.com":                 "https://accounts.google.com/.well-known/openid-configuration",
		"https://acme.eu.auth0.com/":                  "https://acme.eu.auth0.com/.well-known/openid-configuration",
		"https://login.microsoftonline.com/acme/v2.0": "https://login.microsoftonline.com/acme/v2.0/.well-known/openid-configuration",
	} {
		if got := DiscoveryURL(from); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://a"}`))
	f.Add([]byte(`{"keys":[{"kty":"EC"}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if m, err := Parse(document); err == nil {
			_ = Judge(m, issuer)
		} else if !errors.Is(err, ErrInvalid) {
			t.Errorf("error %v", err)
		}
		if keys, err := ParseKeys(document); err == nil && (keys < 1 || keys > 100) {
			t.Errorf("%d keys", keys)
		}
	})
}
