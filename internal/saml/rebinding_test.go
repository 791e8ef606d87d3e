// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/guard/guardtest"
)

// TestFetchIsNotFooledByDNS: a name is public when it is looked up the first time and
// internal the second. The address that counts is the one that is dialled.
func TestFetchIsNotFooledByDNS(t *testing.T) {
	s := newSite(t, FetcherOptions{}, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	resolver := guardtest.NewResolver(t, func(string) []netip.Addr {
		if asked.Add(1) == 1 {
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	})
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "metadata.example.com.")
	if err != nil || len(first) != 1 || !guard.Public(first[0]) {
		t.Fatalf("the first lookup gives %v and %v, not a public address", first, err)
	}

	s.fetcher.dialer.Resolver = resolver
	_, err = s.fetcher.Fetch(t.Context(), "https://"+net.JoinHostPort("metadata.example.com.", port)+"/")
	checkFailure(t, err, ErrForbidden, "127.0.0.1 is an internal address", "\x00")
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
}
