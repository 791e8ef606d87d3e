// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"scim-operator.io/internal/oauth"
	"scim-operator.io/internal/oauth/issuertest"
)

func TestAnIssuerIsAnAuthenticationScheme(t *testing.T) {
	for issuer, want := range map[string]string{
		"":                     "Bearer token*, HTTP Basic",
		"https://id.acme.test": "OAuth 2.0 access token*, Bearer token, HTTP Basic",
	} {
		e := serve(t, func(c *Config) { c.Issuer = issuer })
		var names []string
		for _, scheme := range e.do("GET", "/ServiceProviderConfig", "").json(t)["authenticationSchemes"].([]any) {
			s := scheme.(map[string]any)
			name := s["name"].(string)
			if s["primary"] == true {
				name += "*"
			}
			if names = append(names, name); strings.HasPrefix(name, "OAuth") &&
				(s["type"] != "oauthbearertoken" || !strings.Contains(s["description"].(string), issuer)) {
				t.Errorf("the scheme of the issuer is %v", s)
			}
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("with the issuer %q the schemes are %s", issuer, got)
		}
	}
}

func TestAccessTokensOfAnIssuer(t *testing.T) {
	issuer := issuertest.New(t)
	key := issuer.NewKey("1")
	var later atomic.Int64 // how far the clock has been moved
	e := serve(t, func(c *Config) {
		c.AccessTokens = oauth.New(
			oauth.Policy{Issuer: issuer.URL, Audiences: []string{"scim"}, Subjects: []string{"okta"}, CACertificates: issuer.CACertificates()},
			oauth.Options{AllowInternal: true, Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	})
	token := func(changes map[string]any) string {
		return "Bearer " + issuertest.Sign(t, jose.ES256, key, "1", issuer.Claims(time.Now(), changes))
	}
	issuer.Down.Store(true)
	a := e.do("GET", "/Users", "", "Authorization", token(nil))
	wantError(t, a, http.StatusServiceUnavailable, "")
	if a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	if a := e.do("GET", "/Users", ""); a.status != http.StatusOK {
		t.Errorf("a token of the endpoint, while the issuer is silent: %d %s", a.status, a.body)
	}

	issuer.Down.Store(false)
	later.Store(int64(time.Minute))
	if a := e.do("POST", "/Users", `{"userName":"ada"}`, "Authorization", token(nil)); a.status != http.StatusCreated {
		t.Errorf("a good token: %d %s", a.status, a.body)
	}
	if a := e.do("GET", "/Users?cursor=&count=1", "", "Authorization", token(nil)); a.status != http.StatusOK {
		t.Errorf("a page: %d %s", a.status, a.body)
	}
	a = e.do("GET", "/Users", "", "Authorization", token(map[string]any{"sub": "somebody"}))
	wantError(t, a, http.StatusUnauthorized, "")
	if detail := a.json(t)["detail"].(string); !strings.HasPrefix(detail, "the access token is missing or not valid (") {
		t.Errorf("the detail says more than it should: %q", detail)
	}

	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	madeUp := func() *answer {
		return e.do("GET", "/Users", "", "Authorization",
			"Bearer "+issuertest.Sign(t, jose.ES256, stranger, "made up", issuer.Claims(time.Now(), nil)))
	}
	before := e.counter("scim_http_authentication_failures_total")
	for range failuresAtOnce - 1 { // one has failed before
		wantError(t, madeUp(), http.StatusUnauthorized, "")
	}
	wantError(t, madeUp(), http.StatusTooManyRequests, "")
	if counted := e.counter("scim_http_authentication_failures_total") - before; counted != failuresAtOnce {
		t.Errorf("%v failures are counted, want %d", counted, failuresAtOnce)
	}
	if a := e.do("GET", "/Users", "", "Authorization", token(nil)); a.status != http.StatusOK {
		t.Errorf("a good token from the same address: %d %s", a.status, a.body)
	}

	lines := e.auditLines(3 + failuresAtOnce)
	if lines[0]["outcome"] != "failed" || lines[0]["status"] != 503.0 {
		t.Errorf("while the issuer was silent: %v", lines[0])
	}
	if id, _ := lines[1]["tokenID"].(string); !strings.HasPrefix(id, oauth.IDPrefix) || strings.Contains(id, "okta") {
		t.Errorf("the token is named %q", id)
	}
}
