// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
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
	"golang.org/x/sync/semaphore"
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

	// maxWaiting bounds the callers that wait for the first keys. Further callers are told
	// to come later at once.
	maxWaiting = 16

	fetchTimeout = 10 * time.Second
	maxDocument  = 1 << 20 // bytes
)

var (
	errNotAsked = errors.New("they have not been asked for yet")
	errOutdated = errors.New("the key of the token is not among the keys known, which are being refreshed")
)

// keySource has the keys of an issuer.
type keySource struct {
	issuer, jwksURL string
	client          *http.Client
	userAgent       string
	unusable        error // what is wrong with the CAs: then the issuer is never asked
	now             func() time.Time
	fetches         singleflight.Group

	waiting *semaphore.Weighted // callers that wait for the first keys

	mu         sync.Mutex
	keys       []jose.JSONWebKey
	generation uint64    // counts the sets of keys that have been fetched
	fetched    time.Time // when the keys were asked for that are known; zero when none are
	tried      time.Time // when they were asked for the last time
	asking     bool      // that has not ended
	err        error     // of that
}

func newKeySource(p *Policy, o Options) *keySource {
	roots, err := rootsOf(p.CACertificates)
	if err != nil {
		err = fmt.Errorf("the CA certificates for it: %w", err)
	}
	transport, _ := guard.NewTransport(guard.Options{Egress: o.Egress, AllowInternal: o.AllowInternal, Roots: roots})
	return &keySource{
		issuer: p.Issuer, jwksURL: p.JWKSURL, userAgent: o.UserAgent, unusable: err, now: o.Now,
		waiting: semaphore.NewWeighted(maxWaiting),
		client: &http.Client{
			Transport: transport, Timeout: fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// find returns the issuer's keys of an ID, or all keys when the ID is empty, that are for
// an algorithm, and the generation of the set that they are from.
//
// Once keys are known, no caller waits for the issuer: an issuer that hangs, and callers
// that make up IDs, hold up nobody. A key that the known set does not have is refused when
// the set is fresh, and otherwise cannot be judged until the set has been refreshed, which
// happens in the background and not more often than minRefetch. While no set is known, up to
// maxWaiting callers wait for the first one. The error is an *Unavailable.
func (s *keySource) find(ctx context.Context, id, algorithm string) ([]jose.JSONWebKey, uint64, error) {
	seen := s.look(id, algorithm)
	if !seen.known {
		s.await(ctx, seen.wait)
		seen = s.look(id, algorithm)
	}
	if seen.known && seen.wait == 0 && !seen.asking && (seen.stale || len(seen.found) == 0) {
		_ = s.fetches.DoChan("", s.refresh)
	}
	switch {
	case len(seen.found) > 0, seen.known && !seen.stale:
		return seen.found, seen.generation, nil
	case seen.known:
		return nil, 0, &Unavailable{RetryAfter: max(seen.wait, minRetry), Cause: errors.Join(errOutdated, seen.err)}
	case seen.err != nil:
		return nil, 0, &Unavailable{RetryAfter: max(seen.wait, minRetry), Cause: seen.err}
	default:
		return nil, 0, &Unavailable{RetryAfter: minRetry, Cause: errors.Join(errNotAsked, ctx.Err())}
	}
}

// await waits for the first keys, unless the issuer may not be asked yet or enough callers
// wait already.
func (s *keySource) await(ctx context.Context, wait time.Duration) {
	if wait > 0 || !s.waiting.TryAcquire(1) {
		return
	}
	defer s.waiting.Release(1)
	select {
	case <-s.fetches.DoChan("", s.refresh):
	case <-ctx.Done():
	}
}

// current returns the generation of the keys that are in use, and refreshes them in the
// background when they are old.
func (s *keySource) current() uint64 {
	seen := s.look("", "")
	if seen.known && seen.stale && seen.wait == 0 && !seen.asking {
		_ = s.fetches.DoChan("", s.refresh)
	}
	return seen.generation
}

// sight is what is known of an issuer's keys at a moment.
type sight struct {
	found      []jose.JSONWebKey // what was looked for
	generation uint64
	known      bool          // there are keys, whatever was looked for
	stale      bool          // they are older than keysLifetime
	asking     bool          // the issuer is being asked
	wait       time.Duration // until the issuer may be asked
	err        error         // of the last time that it was
}

// look finds keys among those known.
func (s *keySource) look(id, algorithm string) sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	seen := sight{generation: s.generation, known: len(s.keys) > 0, asking: s.asking, err: s.err,
		stale: now.Sub(s.fetched) > keysLifetime}
	for _, key := range s.keys {
		if algorithm != "" && (id == "" || key.KeyID == id) && fits(&key, algorithm) {
			seen.found = append(seen.found, key)
		}
	}
	if !s.tried.IsZero() && !s.asking {
		seen.wait = max(0, s.tried.Add(minRefetch).Sub(now))
	}
	return seen
}

// fits reports whether a key can have signed with an algorithm.
func fits(key *jose.JSONWebKey, algorithm string) bool {
	if key.Algorithm != "" {
		return key.Algorithm == algorithm
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return algorithm == curveAlgorithms[k.Curve.Params().Name]
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	default:
		return false
	}
}

// curveAlgorithms are the algorithms of elliptic curves (RFC 7518 §3.4).
var curveAlgorithms = map[string]string{"P-256": string(jose.ES256), "P-384": string(jose.ES384), "P-521": string(jose.ES512)}

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
		s.generation++
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
	var set keySet
	if err := s.get(ctx, from, &set); err != nil {
		return nil, err
	}
	return set.verifying()
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
