// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"scim-operator.io/internal/guard"
)

const (
	// keysLifetime is how old keys may be until they are asked for again. They stay in use
	// when the issuer does not answer.
	keysLifetime = 15 * time.Minute
	// minRefetch is how often keys are asked for at most, whatever tokens say.
	minRefetch = 10 * time.Second

	// minRetry is how long who is told to come later waits at least.
	minRetry = time.Second

	fetchTimeout = 10 * time.Second
	maxDocument  = 1 << 20 // bytes
	maxKeys      = 100
	minRSABits   = 2048
)

var errNotAsked = errors.New("they have not been asked for yet")

// keySource has the keys of an issuer.
type keySource struct {
	issuer, jwksURL string
	client          *http.Client
	userAgent       string
	unusable        error // what is wrong with the CAs: then the issuer is never asked
	now             func() time.Time
	fetches         singleflight.Group

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when the keys were asked for that are known; zero when none are
	tried   time.Time // when they were asked for the last time
	asking  bool      // that has not ended
	err     error     // of that
}

func newKeySource(p *Policy, o Options) *keySource {
	roots, err := rootsOf(p.CACertificates)
	if err != nil {
		err = fmt.Errorf("the CA certificates for it: %w", err)
	}
	transport, _ := guard.NewTransport(o.AllowInternal, roots)
	return &keySource{
		issuer: p.Issuer, jwksURL: p.JWKSURL, userAgent: o.UserAgent, unusable: err, now: o.Now,
		client: &http.Client{
			Transport: transport, Timeout: fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// find gives the issuer's keys of an ID, or all when there is no ID, that are for an
// algorithm; none when the issuer has no such key. It asks the issuer when none is known,
// but not too often: whoever makes up IDs is told no meanwhile, and so is, for that short
// time, who has a token of a new key. The error is an *Unavailable: no key at all is known.
func (s *keySource) find(ctx context.Context, id, algorithm string) ([]jose.JSONWebKey, error) {
	seen := s.look(id, algorithm)
	if len(seen.found) == 0 && seen.wait == 0 {
		select {
		case <-s.fetches.DoChan("", s.refresh):
		case <-ctx.Done():
		}
		seen = s.look(id, algorithm)
	} else if seen.old { // good enough meanwhile
		_ = s.fetches.DoChan("", s.refresh)
	}
	switch {
	case seen.known:
		return seen.found, nil
	case seen.err != nil:
		return nil, &Unavailable{RetryAfter: max(seen.wait, minRetry), Cause: seen.err}
	default:
		return nil, &Unavailable{RetryAfter: minRetry, Cause: errors.Join(errNotAsked, ctx.Err())}
	}
}

// sight is what is known of an issuer's keys at a moment.
type sight struct {
	found []jose.JSONWebKey // what was looked for
	known bool              // there are keys, whatever was looked for
	old   bool              // they are to be asked for anew
	wait  time.Duration     // until the issuer may be asked
	err   error             // of the last time that it was
}

// look finds keys among those known.
func (s *keySource) look(id, algorithm string) sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := sight{known: len(s.keys) > 0, err: s.err}
	for _, key := range s.keys {
		if (id == "" || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == algorithm) {
			seen.found = append(seen.found, key)
		}
	}
	now := s.now()
	if !s.tried.IsZero() && !s.asking {
		seen.wait = max(0, s.tried.Add(minRefetch).Sub(now))
	}
	seen.old = now.Sub(s.fetched) > keysLifetime && seen.wait == 0 && !s.asking
	return seen
}

// refresh asks the issuer for its keys, for all who wait, and takes down what it says.
func (s *keySource) refresh() (any, error) {
	began := s.now()
	s.mu.Lock()
	if !s.tried.IsZero() && began.Before(s.tried.Add(minRefetch)) {
		s.mu.Unlock() // somebody else has just done so
		return nil, nil
	}
	s.tried, s.asking = began, true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = false
	if s.err = err; err == nil {
		s.keys, s.fetched = keys, began
	}
	return nil, nil
}

func (s *keySource) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	if s.unusable != nil {
		return nil, s.unusable
	}
	from := s.jwksURL
	if from == "" {
		var err error
		if from, err = s.discover(ctx); err != nil {
			return nil, err
		}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, from, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, encoded := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		// One that is for something else, or of a kind that is not known, is none of these.
		if json.Unmarshal(encoded, &key) == nil && usable(&key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer has no key that signs tokens")
	}
	return keys, nil
}

func usable(key *jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	k, isRSA := key.Key.(*rsa.PublicKey)
	return !isRSA || k.N.BitLen() >= minRSABits
}

// discover asks the issuer where its keys are (OpenID Connect Discovery 1.0 §4, RFC 8414).
func (s *keySource) discover(ctx context.Context) (string, error) {
	issuer, err := url.Parse(s.issuer)
	if err != nil {
		return "", errors.New("the issuer is no URL")
	}
	path := strings.TrimSuffix(issuer.EscapedPath(), "/")
	origin := issuer.Scheme + "://" + issuer.Host
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	err = s.get(ctx, origin+path+"/.well-known/openid-configuration", &metadata)
	if errors.Is(err, errNotFound) {
		err = s.get(ctx, origin+"/.well-known/oauth-authorization-server"+path, &metadata)
	}
	switch {
	case err != nil:
		return "", err
	case metadata.Issuer != s.issuer:
		return "", errors.New("the metadata is that of another issuer")
	}
	return metadata.JWKSURI, nil
}

var errNotFound = errors.New("404 Not Found")

// get reads a JSON document. Errors name the host and no more of a URL.
func (s *keySource) get(ctx context.Context, from string, into any) error {
	u, err := url.Parse(from)
	if err != nil {
		return errors.New("what should lead to the keys is no URL")
	}
	if err := guard.CheckURL(u); err != nil {
		return fmt.Errorf("%s: %w", u.Hostname(), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("%s cannot be asked", u.Hostname())
	}
	// Keys have a type of their own (RFC 7517 §8.5), and some issuers give them as no other.
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", s.userAgent)
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", u.Hostname(), withoutURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("%s: %w", u.Hostname(), errNotFound)
	default:
		return fmt.Errorf("%s answered %d", u.Hostname(), response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", u.Hostname(), err)
	case len(document) > maxDocument:
		return fmt.Errorf("%s sent more than %d bytes", u.Hostname(), maxDocument)
	case json.Unmarshal(document, into) != nil:
		return fmt.Errorf("%s sent what is not the JSON expected", u.Hostname())
	}
	return nil
}

// withoutURL takes the URL out of an error of a request.
func withoutURL(err error) error {
	var call *url.Error
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
