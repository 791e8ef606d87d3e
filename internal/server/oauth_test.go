// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
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

// Callers that make up the ID of a key, while the issuer hangs, neither take the places of
// others nor keep the endpoint's own tokens from being answered.
func TestAnIssuerThatHangsStarvesNobody(t *testing.T) {
	const callers = 1000
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("keys known %v", known), func(t *testing.T) {
			issuer := issuertest.New(t)
			key := issuer.NewKey("1")
			var later atomic.Int64 // how far the clock has been moved
			e := serve(t, func(c *Config) {
				c.AccessTokens = oauth.New(
					oauth.Policy{Issuer: issuer.URL, Audiences: []string{"scim"}, Subjects: []string{"okta"}, CACertificates: issuer.CACertificates()},
					oauth.Options{AllowInternal: true, Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
			})
			good := "Bearer " + issuertest.Sign(t, jose.ES256, key, "1", issuer.Claims(time.Now(), nil))
			if known {
				if a := e.do("GET", "/Users", "", "Authorization", good); a.status != http.StatusOK {
					t.Fatalf("a good token: %d %s", a.status, a.body)
				}
				later.Store(int64(20 * time.Minute))
			}
			issuer.Hangs.Store(true)
			madeUp := "Bearer " + issuertest.Sign(t, jose.ES256, key, "made up", issuer.Claims(time.Now(), nil))

			ctx, cancel := context.WithCancel(t.Context())
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			var calling sync.WaitGroup
			var answered atomic.Int64
			defer calling.Wait()
			defer cancel()
			for range callers {
				calling.Go(func() {
					request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.address+basePath+"/Users", nil)
					request.Header.Set("Authorization", madeUp)
					response, err := client.Do(request)
					if err != nil {
						return
					}
					if _ = response.Body.Close(); response.StatusCode == http.StatusOK {
						t.Error("a made-up key lets its bearer in")
					}
					answered.Add(1)
				})
			}
			e.eventually("the callers are answered, or as many are under way as are served at once", func() bool {
				return answered.Load() >= callers/2 || e.counter("scim_http_requests_in_flight") >= float64(e.limits.Concurrent)
			})
			for range 20 {
				if a := e.do("GET", "/Users", ""); a.status != http.StatusOK {
					t.Fatalf("a token of the endpoint: %d %s", a.status, a.body)
				}
				if !known {
					continue
				}
				if a := e.do("GET", "/Users", "", "Authorization", good); a.status != http.StatusOK {
					t.Fatalf("an access token of a key that is known: %d %s", a.status, a.body)
				}
			}
			const fewWait = 16
			e.eventually("the callers are answered", func() bool { return answered.Load() >= callers-fewWait })
			e.eventually("the issuer is asked, and once", func() bool { return issuer.Hanging.Load() == 1 })
		})
	}
}

// A source that has failed too often has few signatures checked, and a good access token
// that was seen before is let in all the same.
func TestFewSignaturesAreCheckedForASourceThatFails(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	checks := &countedAccessTokens{good: "seen"}
	e := newEndpoint(t, func(c *Config) { c.AccessTokens = checks })
	e.now = func() time.Time { return clock }
	e.start()
	const attempts = 200
	for range attempts {
		if a := e.do("GET", "/Users", "", "Authorization", "Bearer forged"); a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
			t.Fatalf("a forged token: %d %s", a.status, a.body)
		}
	}
	if n, want := checks.verified.Load(), int64(failuresAtOnce+suspectBurst); n != want {
		t.Errorf("%d of %d tokens were looked into, want %d", n, attempts, want)
	}
	if a := e.do("GET", "/Users", "", "Authorization", "Bearer seen"); a.status != http.StatusOK {
		t.Errorf("a good token from the same address: %d %s", a.status, a.body)
	}
	clock = clock.Add(time.Second)
	e.do("GET", "/Users", "", "Authorization", "Bearer new")
	if n, want := checks.verified.Load(), int64(failuresAtOnce+suspectBurst+1); n != want {
		t.Errorf("%d tokens were looked into, want %d", n, want)
	}
}

// countedAccessTokens counts how often a token is verified, and recalls one.
type countedAccessTokens struct {
	good     string
	verified atomic.Int64
}

func (c *countedAccessTokens) Recall(presented string) (string, bool) {
	return "jwt:0", presented == c.good
}

func (c *countedAccessTokens) Verify(context.Context, string) (string, bool, error) {
	c.verified.Add(1)
	return "", false, nil
}

// The body of a request is not read before it is known who asks.
func TestABodyIsReadOnlyOfWhoIsAuthenticated(t *testing.T) {
	e := serve(t)
	a := e.raw([]byte("POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"), http.MethodPost)
	wantError(t, a, http.StatusUnauthorized, "")
}
