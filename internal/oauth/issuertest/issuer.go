// SPDX-License-Identifier: Apache-2.0

// Package issuertest is an OAuth 2.0 issuer for tests: a real HTTPS server with metadata
// and keys, that makes the tokens that a test asks for.
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issuer is a running issuer.
type Issuer struct {
	*httptest.Server
	// Fetches counts how often its keys were asked for.
	Fetches atomic.Int64
	// Down makes it answer 503.
	Down atomic.Bool
	// Hangs makes it keep requests without an answer until they are given up.
	Hangs atomic.Bool
	// Hanging counts the requests that are kept so.
	Hanging atomic.Int64
	// Metadata is the path of its metadata.
	Metadata string

	t    testing.TB
	mu   sync.Mutex
	keys []jose.JSONWebKey // public
}

// New starts an issuer that ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := newIssuer(t)
	i.StartTLS()
	return i
}

// NewAt starts an issuer that ends with the test and calls itself by another URL, for which
// the configuration has a certificate. It is reached through a proxy.
func NewAt(t testing.TB, url string, config *tls.Config) *Issuer {
	t.Helper()
	i := newIssuer(t)
	i.TLS = config
	i.StartTLS()
	i.URL = url
	return i
}

func newIssuer(t testing.TB) *Issuer {
	i := &Issuer{t: t, Metadata: "/.well-known/openid-configuration"}
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	t.Cleanup(i.Close)
	t.Cleanup(i.CloseClientConnections) // before that: requests that hang end
	return i
}

// CACertificates trust the issuer, in PEM.
func (i *Issuer) CACertificates() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw}))
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	var document any
	switch {
	case i.Hangs.Load():
		i.Hanging.Add(1)
		defer i.Hanging.Add(-1)
		<-r.Context().Done()
		return
	case i.Down.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case r.URL.Path == i.Metadata:
		document = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
	case r.URL.Path == "/keys":
		i.Fetches.Add(1)
		// As the API server of Kubernetes does it.
		if !strings.Contains(r.Header.Get("Accept"), "application/jwk-set+json") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		i.mu.Lock()
		defer i.mu.Unlock()
		document = map[string]any{"keys": append([]any{map[string]any{"kty": "unheard-of", "kid": "x"}}, anyOf(i.keys)...)}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(document)
}

func anyOf(keys []jose.JSONWebKey) []any {
	var list []any
	for _, k := range keys {
		list = append(list, k)
	}
	return list
}

// NewKey makes a key that the issuer publishes, and withdraws those before it.
func (i *Issuer) NewKey(id string) crypto.PrivateKey {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.Publish(jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"})
	return key
}

// Publish replaces the keys that the issuer publishes.
func (i *Issuer) Publish(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Claims are those of a good token, with changes; nil takes a claim away.
func (i *Issuer) Claims(now time.Time, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": i.URL, "sub": "okta", "aud": "scim", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// Sign makes a token of the type JWT.
func Sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	return SignWith(t, algorithm, key, id, claims, map[jose.HeaderKey]any{jose.HeaderType: "JWT"})
}

// SignWith makes a token with headers of its own beside the algorithm and the ID of the key.
func SignWith(t testing.TB, algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any, headers map[jose.HeaderKey]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: maps.Clone(headers)}
	if id != "" {
		options = options.WithHeader(jose.HeaderKey("kid"), id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
