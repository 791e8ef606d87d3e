// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/guard/guardtest"
)

// Metadata comes through a proxy, from a host with a certificate of a private CA. Each
// redirect is judged as the first URL is.
func TestFetchThroughAProxy(t *testing.T) {
	const secret = "s3cr3t"
	ca := guardtest.NewCA(t)
	site := ca.Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inside":
			http.Redirect(w, r, "https://inside.example.com/", http.StatusFound)
		case "/refused":
			http.Redirect(w, r, "https://refused.example.com/", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "<here/>")
		}
	}), "idp.example.com")
	served := site.Listener.Addr().String()
	proxy := guardtest.NewProxy(t, map[string]string{"93.184.216.34:443": served, "10.96.0.1:443": served}, nil)
	proxy.Authorization = "Basic b3BlcmF0b3I6czNjcjN0" // operator:s3cr3t
	through, err := guard.NewProxy(guard.ProxyOptions{URL: strings.Replace(proxy.URL, "://", "://operator:"+secret+"@", 1)})
	if err != nil {
		t.Fatal(err)
	}
	fetcher := NewFetcher(FetcherOptions{Egress: guard.Egress{Proxy: through, Roots: ca.Roots()}})
	fetcher.dialer.Resolver = guardtest.NewResolver(t, func(name string) []netip.Addr {
		switch name {
		case "idp.example.com.":
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}
		case "refused.example.com.":
			return []netip.Addr{netip.MustParseAddr("8.8.8.8")}
		case "inside.example.com.":
			return []netip.Addr{netip.MustParseAddr("10.96.0.1")}
		default:
			return nil
		}
	})
	document, err := fetcher.Fetch(t.Context(), "https://idp.example.com/metadata")
	if err != nil || string(document) != "<here/>" {
		t.Fatalf("got %q and %v", document, err)
	}
	_, err = fetcher.Fetch(t.Context(), "https://idp.example.com/inside")
	checkFailure(t, err, ErrForbidden, "inside.example.com: 10.96.0.1 is an internal address", secret)
	_, err = fetcher.Fetch(t.Context(), "https://idp.example.com/refused")
	checkFailure(t, err, ErrUnreachable, "refused.example.com: the egress proxy answered 502 Bad Gateway", secret)
	_, err = fetcher.Fetch(t.Context(), "https://unknown.example.com/")
	checkFailure(t, err, ErrUnreachable, "unknown.example.com does not exist in DNS", secret)
	proxy.Authorization = "Basic other"
	_, err = fetcher.Fetch(t.Context(), "https://idp.example.com/metadata")
	checkFailure(t, err, ErrUnreachable, "idp.example.com: the egress proxy refuses the user name and the password", secret)
	if targets := proxy.Targets(); slices.Contains(targets, "10.96.0.1:443") {
		t.Errorf("the proxy was asked for %v", targets)
	}
}
