// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"scim-operator.io/internal/token"
)

func TestAuthentication(t *testing.T) {
	e := serve(t)
	secret := string(testToken)
	basic := func(credentials string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
	}
	for _, row := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"the token", []string{"Bearer " + secret}, 200},
		{"the scheme in lower case", []string{"bearer " + secret}, 200},
		{"the scheme in capitals", []string{"BEARER " + secret}, 200},
		{"blanks around the token", []string{"Bearer   " + secret + "  "}, 200},
		{"Basic with a user", []string{basic("okta:" + secret)}, 200},
		{"Basic without a user", []string{basic(":" + secret)}, 200},
		{"Basic, scheme in lower case", []string{"b" + basic("u:" + secret)[1:]}, 200},
		{"no header", nil, 401},
		{"an empty header", []string{""}, 401},
		{"the scheme alone", []string{"Bearer"}, 401},
		{"the token alone", []string{secret}, 401},
		{"another scheme", []string{"Token " + secret}, 401},
		{"another token", []string{"Bearer " + strings.Repeat("x", len(secret))}, 401},
		{"a prefix of the token", []string{"Bearer " + secret[:len(secret)-1]}, 401},
		{"more than the token", []string{"Bearer " + secret + "x"}, 401},
		{"the token as the user", []string{basic(secret + ":")}, 401},
		{"Basic that is not base64", []string{"Basic ???"}, 401},
		{"Basic without a colon", []string{basic(secret)}, 401},
		{"two headers", []string{"Bearer " + secret, "Bearer " + secret}, 401},
		{"a very long token", []string{"Bearer " + strings.Repeat("x", 20<<10)}, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+"/Users", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header["Authorization"] = row.headers
			a := e.send(http.DefaultClient, request)
			if row.status == http.StatusOK {
				if a.status != http.StatusOK {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				return
			}
			wantError(t, a, row.status, "")
			challenges := a.header["Www-Authenticate"]
			if !slices.Equal(challenges, []string{`Bearer realm="SCIM"`, `Basic realm="SCIM", charset="UTF-8"`}) {
				t.Errorf("challenges %q", challenges)
			}
			if detail := a.json(t)["detail"].(string); !strings.HasPrefix(detail, "the access token is missing or not valid (") {
				t.Errorf("the detail says more than it should: %q", detail)
			}
		})
	}
	if logged := e.logs.String(); strings.Contains(logged, secret[:12]) || strings.Contains(logged, secret[12:]) {
		t.Error("a token is in the log")
	}
}

// Only who has a token that was good is told that it has expired.
func TestAnExpiredToken(t *testing.T) {
	e := serve(t)
	expired := token.NewDigest("scimop_expired", time.Now().Add(-time.Hour))
	expired.ExpiresTime = time.Now().Add(-time.Minute)
	verifier := &token.Verifier{}
	verifier.Set([]token.Digest{expired, token.NewDigest(testToken, time.Now())})
	e.tokens = verifier
	for presented, want := range map[string]string{
		"scimop_expired":       "the access token has expired, or has been replaced by another one",
		"scimop_expire":        "the access token is missing or not valid",
		"scimop_expired\u0020": "the access token has expired", // blanks around it are none of it
		expired.ID:             "the access token is missing or not valid",
	} {
		request, err := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+"/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+presented)
		a := e.send(http.DefaultClient, request)
		wantError(t, a, http.StatusUnauthorized, "")
		if detail := a.json(t)["detail"].(string); !strings.HasPrefix(detail, want) {
			t.Errorf("%q: %s", presented, detail)
		}
	}
}

// However often it is sent: an identity provider that is told "later" goes on for ever.
func TestAnExpiredTokenIsNotSlowed(t *testing.T) {
	e := serve(t)
	expired := token.NewDigest("scimop_expired", time.Now().Add(-time.Hour))
	expired.ExpiresTime = time.Now().Add(-time.Minute)
	verifier := &token.Verifier{}
	verifier.Set([]token.Digest{expired})
	e.tokens = verifier
	for range 100 {
		wantError(t, e.do("GET", "/Users", "", "Authorization", "Bearer scimop_expired"), http.StatusUnauthorized, "")
	}
	slowed := 0
	for range 100 {
		if e.do("GET", "/Users", "", "Authorization", "Bearer scimop_guessed").status == http.StatusTooManyRequests {
			slowed++
		}
	}
	if slowed == 0 {
		t.Error("nobody who guesses is slowed")
	}
}

func TestNobodyIsToldWhatExistsWithoutAToken(t *testing.T) {
	e := serve(t)
	for _, path := range []string{"/", "/scim/v2", "/scim/v2/Users", "/scim/v2/Nonsense", "/scim/v2/Schemas", "/scim/v2/Me", "/metrics"} {
		a := e.raw([]byte("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"), http.MethodGet)
		wantError(t, a, http.StatusUnauthorized, "")
	}
}

func TestPausedAndNotYetServing(t *testing.T) {
	e := serve(t)
	e.state.paused.Store(true)
	a := e.do("POST", "/Users", `{"userName":"x"}`)
	wantError(t, a, http.StatusServiceUnavailable, "")
	if got := a.header.Get("Retry-After"); got != "120" {
		t.Errorf("paused: Retry-After %q", got)
	}
	wantError(t, e.do("GET", "/ServiceProviderConfig", ""), http.StatusServiceUnavailable, "")
	wantError(t, e.do("GET", "/Users", "", "Authorization", "Bearer wrong"), http.StatusUnauthorized, "")
	if len(e.store.records) != 0 {
		t.Error("a paused endpoint has changed something")
	}

	e.state.paused.Store(false)
	reason := errors.New("the digests are not known")
	e.state.failure.Store(&reason)
	a = e.do("GET", "/Users", "", "Authorization", "Bearer wrong")
	wantError(t, a, http.StatusServiceUnavailable, "")
	if got := a.header.Get("Retry-After"); got != "2" {
		t.Errorf("starting: Retry-After %q", got)
	}
	e.waitForLog(reason.Error())

	e.state.failure.Store(nil)
	if a = e.do("POST", "/Users", `{"userName":"x"}`); a.status != http.StatusCreated {
		t.Errorf("status %d after the pause: %s", a.status, a.body)
	}
}

// waitForLog waits for a line that is written after the answer has been sent.
func (e *endpoint) waitForLog(text string) {
	e.t.Helper()
	e.eventually("the log contains "+text, func() bool { return strings.Contains(e.logs.String(), text) })
}

func (e *endpoint) eventually(what string, holds func() bool) {
	e.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			e.t.Fatalf("it never came to pass that %s; log:\n%s", what, e.logs)
		case <-tick.C:
		}
	}
}
