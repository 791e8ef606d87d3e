// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"scim-operator.io/internal/oauth/issuertest"
)

// Every row is a token that the issuer has signed, with the right issuer, audience, subject
// and time: only its kind decides.
func TestOnlyAccessTokensLetAClientIn(t *testing.T) {
	type values = map[string]any
	for _, row := range []struct {
		name   string
		typ    any // of the header; nil for none
		claims values
		want   bool
	}{
		{"RFC 9068", "at+jwt", values{"client_id": "okta"}, true},
		{"RFC 9068, the whole media type", "application/at+jwt", nil, true},
		{"RFC 9068, in another case", "AT+JWT", nil, true},
		{"RFC 9068 with a claim that ID tokens have", "at+jwt", values{"nonce": "n"}, true},
		{"an access token of the type JWT", "JWT", nil, true},
		{"an access token without a type", nil, nil, true},
		{"Okta's access token", nil, values{"cid": "0oa1", "scp": []string{"scim"}, "ver": 1}, true},
		{"Entra ID's access token, v1", "JWT", values{"appid": "5d1f", "appidacr": "1", "roles": []string{"Scim"}, "ver": "1.0"}, true},
		{"Entra ID's access token, v2, of an application for itself", "JWT", values{"aud": "scim", "azp": "scim", "azpacr": "1", "ver": "2.0"}, true},
		{"Keycloak's access token", "JWT", values{"typ": "Bearer", "azp": "scim", "scope": "profile email"}, true},
		{"a token of a Kubernetes ServiceAccount", nil, values{"kubernetes.io": values{"namespace": "idp"}}, true},

		{"an ID token with a nonce", "JWT", values{"nonce": "n"}, false},
		{"an ID token without a type, with a nonce", nil, values{"nonce": "n"}, false},
		{"an ID token beside an access token", "JWT", values{"at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}, false},
		{"an ID token beside a code", "JWT", values{"c_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}, false},
		{"an ID token for the client that asked for it", "JWT", values{"azp": "scim", "email": "ada@example.com"}, false},
		{"an ID token for several, with the client that asked for it", "JWT", values{"aud": []string{"scim", "app"}, "azp": "app"}, false},
		{"Keycloak's ID token", "JWT", values{"typ": "ID", "azp": "other"}, false},
		{"Keycloak's refresh token", "JWT", values{"typ": "Refresh"}, false},
		{"Amazon Cognito's ID token", nil, values{"token_use": "id"}, false},
		{"a logout token", "logout+jwt", values{"events": values{}}, false},
		{"a logout token of the type JWT", "JWT", values{"events": values{"http://schemas.openid.net/event/backchannel-logout": values{}}}, false},
		{"a security event", "secevent+jwt", nil, false},
		{"a proof of possession", "dpop+jwt", nil, false},
		{"a client's assertion", "client-authentication+jwt", nil, false},
		{"a type that is no text", 7, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetting(t)
			headers := map[jose.HeaderKey]any{}
			if row.typ != nil {
				headers[jose.HeaderType] = row.typ
			}
			s.wants(issuertest.SignWith(t, jose.ES256, s.NewKey("1"), "1", s.Claims(s.now, row.claims), headers), row.want)
		})
	}
}

// What a token's header says of keys does not count: only a published key does.
func TestHeadersChooseNoKey(t *testing.T) {
	s := newSetting(t)
	good := s.NewKey("1")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	embedded := jose.JSONWebKey{Key: stranger.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}
	for _, row := range []struct {
		name    string
		key     any
		id      string
		headers map[jose.HeaderKey]any
		want    bool
	}{
		{"the published key", good, "1", nil, true},
		{"the key of a stranger, embedded", stranger, "1", map[jose.HeaderKey]any{"jwk": embedded}, false},
		{"the key of a stranger, embedded and without an ID", stranger, "", map[jose.HeaderKey]any{"jwk": embedded}, false},
		{"the URL of a stranger's keys", stranger, "1", map[jose.HeaderKey]any{"jku": "https://evil.example.com/keys"}, false},
		{"the URL of a stranger's certificate", stranger, "1", map[jose.HeaderKey]any{"x5u": "https://evil.example.com/cert"}, false},
		{"the published key and the URL of other keys", good, "1", map[jose.HeaderKey]any{"jku": "https://evil.example.com/keys"}, true},
		{"an extension that must be understood", good, "1", map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1}, false},
		{"an unencoded payload that must be understood", good, "1", map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true}, false},
		{"an empty list of what must be understood", good, "1", map[jose.HeaderKey]any{"crit": []string{}}, false},
		{"the ID of a key as a path", good, "../1", nil, false},
		{"the ID of another key", good, "2", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			s.wants(issuertest.SignWith(t, jose.ES256, row.key, row.id, s.Claims(s.now, nil), row.headers), row.want)
		})
	}
	if n := s.Fetches.Load(); n != 1 {
		t.Errorf("keys were asked for %d times, want once", n)
	}
}

// A token that names no key is tried with the few keys that fit its algorithm, and with none
// when there are more: what an unknown caller sends costs few checks of a signature.
func TestATokenThatNamesNoKeyIsTriedWithFew(t *testing.T) {
	for _, row := range []struct {
		name            string
		fitting, others int
		want            bool
	}{
		{"the only key", 1, 0, true},
		{"the only one that fits", 1, 50, true},
		{"the last, the present and the next one", maxCandidates, 10, true},
		{"one of more", maxCandidates + 1, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetting(t)
			var published []jose.JSONWebKey
			var signer *ecdsa.PrivateKey
			add := func(curve elliptic.Curve, n int) (last *ecdsa.PrivateKey) {
				for range n {
					key, err := ecdsa.GenerateKey(curve, rand.Reader)
					if err != nil {
						t.Fatal(err)
					}
					published = append(published, jose.JSONWebKey{Key: key.Public(), KeyID: fmt.Sprint(len(published))})
					last = key
				}
				return last
			}
			add(elliptic.P384(), row.others)
			signer = add(elliptic.P256(), row.fitting)
			s.Publish(published...)
			s.wants(issuertest.Sign(t, jose.ES256, signer, "", s.Claims(s.now, nil)), row.want)
			s.wants(issuertest.Sign(t, jose.ES256, signer, published[len(published)-1].KeyID, s.Claims(s.now, nil)), true)
		})
	}
}
