// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"scim-operator.io/api/v1alpha1"
)

// site is an HTTPS server that counts its requests, and a Fetcher that trusts it.
type site struct {
	*httptest.Server
	requests atomic.Int64
	fetcher  *Fetcher
}

func newSite(t *testing.T, options FetcherOptions, handler http.HandlerFunc) *site {
	t.Helper()
	s := new(site)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // broken connections are on purpose here
	s.StartTLS()
	t.Cleanup(s.Close)
	options.Egress.Roots = x509.NewCertPool()
	options.Egress.Roots.AddCert(s.Certificate())
	s.fetcher = NewFetcher(options)
	return s
}

var allowed = FetcherOptions{AllowInternal: true}

func TestFetch(t *testing.T) {
	okta := readTestdata(t, "okta.xml")
	s := newSite(t, FetcherOptions{AllowInternal: true, UserAgent: "scim-operator/v1"}, func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "scim-operator/v1" || r.ProtoMajor != 2 {
			t.Errorf("asked by %q over %s", r.UserAgent(), r.Proto)
		}
		_, _ = w.Write(okta)
	})
	document, err := s.fetcher.Fetch(t.Context(), s.URL+"/metadata?appid=1")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(document, okta) {
		t.Errorf("%d bytes came, not the %d that were sent", len(document), len(okta))
	}
}

func TestFetchDoesNotTransferWhatHasNotChanged(t *testing.T) {
	for _, row := range []struct{ name, header, value, asks string }{
		{"an ETag", "ETag", `"v1"`, "If-None-Match"},
		{"Last-Modified", "Last-Modified", "Mon, 01 Jun 2026 12:00:00 GMT", "If-Modified-Since"},
	} {
		t.Run(row.name, func(t *testing.T) {
			content, transferred := "<first/>", 0
			version := row.value
			s := newSite(t, allowed, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get(row.asks) == version {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				transferred++
				w.Header().Set(row.header, version)
				_, _ = fmt.Fprint(w, content)
			})
			fetch := func(want string, transfers int) {
				t.Helper()
				document, err := s.fetcher.Fetch(t.Context(), s.URL)
				if err != nil || string(document) != want || transferred != transfers {
					t.Errorf("got %q and %v after %d transfers, not %q after %d", document, err, transferred, want, transfers)
				}
				clear(document) // the caller's own, not the one that is remembered
			}
			fetch("<first/>", 1)
			fetch("<first/>", 1)
			content, version = "<second/>", strings.Replace(version, "1", "2", 1)
			fetch("<second/>", 2)
			fetch("<second/>", 2)
		})
	}
}

// A server that answers 304 to somebody who has nothing yet sends nothing usable.
func TestFetchWithoutAnythingRemembered(t *testing.T) {
	s := newSite(t, allowed, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if _, err := s.fetcher.Fetch(t.Context(), s.URL); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, not ErrUnreachable", err)
	}
}

func TestFetchFails(t *testing.T) {
	const secret = "s3cr3t"
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.ReplaceAll(to, "HOST", r.Host), http.StatusFound)
		}
	}
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		kind    error
		says    string
	}{
		{"not found", status(404), ErrUnreachable, "answered 404 Not Found"},
		{"server error", status(500), ErrUnreachable, "answered 500"},
		{"no content", status(204), ErrUnreachable, "answered 204"},
		{"an endless answer", endless, ErrTooLarge, "larger than 1024 KiB"},
		{"a small answer that unpacks to a large one", gzipBomb, ErrTooLarge, "larger than 1024 KiB"},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		}, ErrUnreachable, ""},
		{"a broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ErrUnreachable, ""},
		{"a redirect to itself", redirect("https://HOST/?key=" + secret), ErrUnreachable, "more than 3 redirects"},
		{"a redirect to http", redirect("http://HOST/?key=" + secret), ErrForbidden, "it is not https"},
		{"a redirect to a file", redirect("file:///etc/passwd"), ErrForbidden, "it is not https"},
		{"a redirect with a password", redirect("https://user:" + secret + "@HOST/"), ErrForbidden, "user name or password"},
		{"a redirect to nowhere", redirect("https://HOST:port/?key=" + secret), ErrUnreachable, "redirects to what is not a URL"},
		{"a redirect without a target", status(302), ErrUnreachable, "redirects to what is not a URL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, allowed, row.handler)
			_, err := s.fetcher.Fetch(t.Context(), s.URL+"/?key="+secret)
			checkFailure(t, err, row.kind, row.says, secret)
		})
	}
}

func gzipBomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	packer := gzip.NewWriter(w)
	for range 64 {
		if _, err := packer.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
	_ = packer.Close()
}

func checkFailure(t *testing.T, err, kind error, says, secret string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got the error %v, not %v", err, kind)
	}
	want := map[error]string{
		ErrUnreachable: v1alpha1.ReasonMetadataUnreachable,
		ErrForbidden:   v1alpha1.ReasonMetadataURLForbidden,
		ErrTooLarge:    v1alpha1.ReasonMetadataInvalid,
	}[kind]
	if got := Reason(err); got != want {
		t.Errorf("the reason is %s, not %s", got, want)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("%q gives the URL's secret away", err)
	}
}

func TestFetchForbidsURLs(t *testing.T) {
	const secret = "s3cr3t"
	for _, row := range []struct{ name, url, says string }{
		{"plain http", "http://idp.example.com/?key=" + secret, "it is not https"},
		{"a file", "file:///etc/" + secret, "it is not https"},
		{"a path", "/metadata?key=" + secret, "it is not https"},
		{"no host", "https:///metadata?key=" + secret, "it has no host"},
		{"a password", "https://user:" + secret + "@idp.example.com/", "it contains a user name or password"},
		{"not a URL", "https://idp.example.com:port/" + secret, "it cannot be parsed"},
		{"an endless URL", "https://idp.example.com/" + strings.Repeat(secret, 400), "it is longer than 2048 characters"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := NewFetcher(allowed).Fetch(t.Context(), row.url)
			checkFailure(t, err, ErrForbidden, row.says, secret)
		})
	}
}

func TestFetchDoesNotDialInternalAddresses(t *testing.T) {
	s := newSite(t, FetcherOptions{}, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254", "10.96.0.1"} {
		_, err := s.fetcher.Fetch(t.Context(), "https://"+net.JoinHostPort(strings.Trim(host, "[]"), port)+"/")
		checkFailure(t, err, ErrForbidden, "is an internal address", "\x00")
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
}

// Every hop is dialled under the same check: here the first address is let through in
// the place of a public one, and the second is not.
func TestFetchChecksTheAddressOfEveryRedirect(t *testing.T) {
	internal := newSite(t, FetcherOptions{}, func(http.ResponseWriter, *http.Request) {})
	public := newSite(t, FetcherOptions{}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, internal.URL, http.StatusFound)
	})
	refuse := public.fetcher.dialer.Control
	public.fetcher.dialer.Control = func(network, address string, c syscall.RawConn) error {
		if address == public.Listener.Addr().String() {
			return nil
		}
		return refuse(network, address, c)
	}
	_, err := public.fetcher.Fetch(t.Context(), public.URL)
	checkFailure(t, err, ErrForbidden, "is an internal address", "\x00")
	if public.requests.Load() != 1 || internal.requests.Load() != 0 {
		t.Errorf("%d requests to the first host and %d to the one it redirects to", public.requests.Load(), internal.requests.Load())
	}
}

func TestFetchFollowsThreeRedirects(t *testing.T) {
	s := newSite(t, allowed, func(w http.ResponseWriter, r *http.Request) {
		if r.Referer() != "" {
			t.Errorf("the next host learns the URL %q", r.Referer())
		}
		if len(r.URL.Path) < len("/xxx") {
			http.Redirect(w, r, r.URL.Path+"x?key=s3cr3t", http.StatusFound)
			return
		}
		_, _ = fmt.Fprint(w, "<here/>")
	})
	document, err := s.fetcher.Fetch(t.Context(), s.URL+"/")
	if err != nil || string(document) != "<here/>" {
		t.Errorf("got %q and %v", document, err)
	}
}

func TestFetchGivesUp(t *testing.T) {
	s := newSite(t, allowed, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.fetcher.Fetch(ctx, s.URL)
	checkFailure(t, err, ErrUnreachable, "did not answer in time", "\x00")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v hides that the deadline passed", err)
	}
}

func TestFetchRefusesAnUnknownCertificate(t *testing.T) {
	s := newSite(t, allowed, func(http.ResponseWriter, *http.Request) {})
	_, err := NewFetcher(allowed).Fetch(t.Context(), s.URL)
	checkFailure(t, err, ErrUnreachable, "certificate", "\x00")
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
}

// An error ends up in a condition's message: if it differed with every attempt, so
// would the status.
func TestFetchSaysTheSameEveryTime(t *testing.T) {
	s := newSite(t, allowed, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, first := s.fetcher.Fetch(t.Context(), s.URL)
	_, second := s.fetcher.Fetch(t.Context(), s.URL)
	if first == nil || second == nil || first.Error() != second.Error() {
		t.Errorf("first %q, then %q", first, second)
	}
	s.Close()
	_, first = s.fetcher.Fetch(t.Context(), s.URL)
	_, second = s.fetcher.Fetch(t.Context(), s.URL)
	if first == nil || second == nil || first.Error() != second.Error() {
		t.Errorf("first %q, then %q", first, second)
	}
}

func TestFetcherTakesNoProxyFromTheEnvironment(t *testing.T) {
	if NewFetcher(FetcherOptions{}).transport.Proxy != nil {
		t.Error("that proxy would be given names, and dial addresses that have not been checked")
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	document := make([]byte, MaxDocument)
	for i := range 3 * maxCached / MaxDocument {
		c.put(fmt.Sprint("https://idp/", i), document, validators{etag: "x"})
	}
	if want := maxCached / MaxDocument; c.size != maxCached || len(c.entries) != want {
		t.Errorf("%d documents with %d bytes are remembered, not %d", len(c.entries), c.size, want)
	}
	for address := range c.entries {
		c.put(address, document, validators{}) // nothing to ask with the next time
	}
	if c.size != 0 || len(c.entries) != 0 {
		t.Errorf("%d documents with %d bytes are still remembered", len(c.entries), c.size)
	}
	if v := validatorsOf(http.Header{"Etag": {strings.Repeat("x", maxValidator+1)}}); v != (validators{}) {
		t.Error("an endless ETag is remembered")
	}
}
