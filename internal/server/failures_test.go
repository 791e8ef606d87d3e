// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveAt is a server whose clock the test moves and which believes its own machine about
// where requests come from.
func serveAt(t *testing.T, clock *time.Time) *endpoint {
	t.Helper()
	e := newEndpoint(t, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	e.now = func() time.Time { return *clock }
	e.start()
	return e
}

func TestWhoFailsTooOftenIsSlowedAndNobodyElse(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := serveAt(t, &clock)
	wrong := func(from string) *answer {
		return e.do("GET", "/Users", "", "X-Forwarded-For", from, "Authorization", "Bearer wrong")
	}
	const idp, other = "198.51.100.7", "198.51.100.8"
	for range failuresAtOnce {
		wantError(t, wrong(idp), http.StatusUnauthorized, "")
	}
	a := wrong(idp)
	wantError(t, a, http.StatusTooManyRequests, "")
	if got, want := a.header.Get("Retry-After"), strconv.Itoa(int(failureInterval/time.Second)); got != want {
		t.Errorf("Retry-After %q, want %q", got, want)
	}
	if detail := a.json(t)["detail"].(string); !strings.HasPrefix(detail, "too many requests without a valid access token") {
		t.Errorf("detail %q", detail)
	}
	if a := e.do("GET", "/Users", "", "X-Forwarded-For", idp); a.status != http.StatusOK {
		t.Errorf("the right token from the same address: %d %s", a.status, a.body)
	}
	wantError(t, e.do("GET", "/Users", "", "X-Forwarded-For", idp, "Authorization", ""), http.StatusTooManyRequests, "")
	wantError(t, e.raw([]byte("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+idp+"\r\n\r\n"), "GET"), http.StatusUnauthorized, "")
	wantError(t, wrong(other), http.StatusUnauthorized, "")

	clock = clock.Add(failureInterval)
	wantError(t, wrong(idp), http.StatusUnauthorized, "")
	wantError(t, wrong(idp), http.StatusTooManyRequests, "")

	for name, want := range map[string]float64{
		"scim_http_authentication_failures_total": failuresAtOnce + 6,
		"scim_http_authentication_slowed_total":   3,
	} {
		if got := e.counter(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestSourcesOfFailures(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name, first, second string
		one                 bool
	}{
		{"an address", "198.51.100.7", "198.51.100.7", true},
		{"two addresses", "198.51.100.7", "198.51.100.8", false},
		{"two addresses of one IPv6 host", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"two IPv6 networks", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFailures()
			for range failuresAtOnce {
				if wait := f.note(netip.MustParseAddr(row.first), now); wait != 0 {
					t.Fatalf("slowed too early: %v", wait)
				}
			}
			if slowed := f.note(netip.MustParseAddr(row.second), now) > 0; slowed != row.one {
				t.Errorf("slowed: %v, want %v", slowed, row.one)
			}
		})
	}
}

func TestSourcesOfFailuresAreBounded(t *testing.T) {
	f := newFailures()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	address := netip.MustParseAddr("10.0.0.1")
	for range maxSources + 100 {
		f.note(address, now)
		address = address.Next()
	}
	if n := f.sources.Len(); n != maxSources {
		t.Errorf("%d sources are remembered, want %d", n, maxSources)
	}
}
