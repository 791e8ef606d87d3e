// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"scim-operator.io/internal/guard"
)

const (
	fetchTimeout = 10 * time.Second
	maxRedirects = 3
	// accept names the types of SAML metadata, OpenID discovery documents and JWK Sets.
	accept = "application/samlmetadata+xml, application/json, application/jwk-set+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
)

// FetcherOptions configure a Fetcher.
type FetcherOptions struct {
	// AllowInternal lets it ask loopback, private and other internal addresses too.
	AllowInternal bool
	// Egress is the way to the URLs.
	Egress guard.Egress
	// UserAgent is sent with each request; empty means scim-operator.
	UserAgent string
}

// Fetcher gets metadata documents over HTTPS. It remembers what it got together with
// its ETag or Last-Modified, so that an unchanged document is not sent again.
type Fetcher struct {
	transport *http.Transport
	dialer    *net.Dialer
	userAgent string
	cache     cache
}

// NewFetcher makes a Fetcher.
func NewFetcher(options FetcherOptions) *Fetcher {
	f := &Fetcher{userAgent: options.UserAgent}
	if f.userAgent == "" {
		f.userAgent = "scim-operator"
	}
	f.transport, f.dialer = guard.NewTransport(guard.Options{Egress: options.Egress, AllowInternal: options.AllowInternal})
	return f
}

// Fetch gets the document at an https URL, within ten seconds and after at most three
// redirects. It decodes a document whose charset the answer names. The error is ErrForbidden, ErrUnreachable or ErrTooLarge.
func (f *Fetcher) Fetch(ctx context.Context, address string) ([]byte, error) {
	u, err := checkAddress(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	known, remembered := f.cache.get(address)
	response, err := f.follow(ctx, u, known.validators)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()

	host := response.Request.URL.Host
	switch {
	case response.StatusCode == http.StatusNotModified && remembered:
		return known.body(), nil
	case response.StatusCode != http.StatusOK:
		return nil, fail(ErrUnreachable, "%s answered %d %s", host, response.StatusCode, http.StatusText(response.StatusCode))
	}
	document, err := readBounded(host, response.Body)
	if err != nil {
		return nil, err
	}
	document = inUTF8(document, response.Header)
	f.cache.put(address, document, validatorsOf(response.Header))
	return document, nil
}

// follow asks for a URL, and for those it redirects to. The first answer that is no
// redirect is the caller's to close.
func (f *Fetcher) follow(ctx context.Context, u *url.URL, v validators) (*http.Response, error) {
	for range 1 + maxRedirects {
		response, err := f.ask(ctx, u, v)
		if err != nil {
			return nil, requestError(u.Host, err)
		}
		if !isRedirect(response.StatusCode) {
			return response, nil
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil {
			return nil, fail(ErrUnreachable, "%s redirects to what is not a URL", u.Host)
		}
		if err := checkURL(next); err != nil {
			return nil, requestError("the redirect of "+u.Host, err)
		}
		u = next
	}
	return nil, fail(ErrUnreachable, "%s: more than %d redirects", u.Host, maxRedirects)
}

func (f *Fetcher) ask(ctx context.Context, u *url.URL, v validators) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fail(ErrForbidden, "it cannot be asked")
	}
	request.Header.Set("User-Agent", f.userAgent)
	request.Header.Set("Accept", accept)
	v.addTo(request.Header)
	// Not by an http.Client, which would follow redirects, tell the next host this URL,
	// and quote URLs in its errors.
	return f.transport.RoundTrip(request)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// inUTF8 decodes a document whose charset the answer's Content-Type names.
func inUTF8(document []byte, header http.Header) []byte {
	_, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return document
	}
	return fromCharset(document, parameters["charset"])
}

func readBounded(host string, body io.Reader) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(body, MaxDocument+1))
	switch {
	case err != nil:
		return nil, requestError(host, err)
	case len(document) > MaxDocument:
		return nil, fail(ErrTooLarge, "%s sent more", host)
	default:
		return document, nil
	}
}

func checkAddress(address string) (*url.URL, error) {
	if len(address) > MaxURL {
		return nil, fail(ErrForbidden, "it is longer than %d characters", MaxURL)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fail(ErrForbidden, "it cannot be parsed")
	}
	return u, checkURL(u)
}

// checkURL holds for the URL that was given and for those it redirects to.
func checkURL(u *url.URL) error {
	if forbidden := (*guard.Forbidden)(nil); errors.As(guard.CheckURL(u), &forbidden) {
		return fail(ErrForbidden, "%s", forbidden.Reason)
	}
	return nil
}
