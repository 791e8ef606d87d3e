// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
)

// TokenVerifier tells whether a presented token is accepted, in constant time, and
// under which ID the log may name it.
type TokenVerifier interface {
	// An ID with false belongs to a token that is the right one and has expired.
	Verify(presented string) (id string, ok bool)
}

// AccessTokens verifies the access tokens of an OAuth 2.0 issuer.
type AccessTokens interface {
	// Recall returns the ID of a token that was accepted before and is still good. It is
	// cheap and never waits.
	Recall(presented string) (id string, ok bool)
	// Verify reports whether a token lets its bearer in, and under which ID the log may name
	// it. The error means that this cannot be known at the moment.
	Verify(ctx context.Context, presented string) (id string, ok bool, err error)
}

// authenticate returns the ID of the token that the request presents. It runs before a
// request takes one of the bounded places, so what it costs is bounded by itself: a token of
// the endpoint's own is compared and waits for nothing, and of a source that has failed too
// often few access tokens are looked into.
func (s *Server) authenticate(r *http.Request) (tokenID string, err error) {
	presented, ok := credentials(r.Header["Authorization"])
	if !ok {
		return "", s.unauthorized(r)
	}
	tokenID, ok = s.tokens.Verify(presented)
	switch {
	case ok:
		return tokenID, nil
	case tokenID != "": // its bearer guesses nothing, and has to be told
		s.metrics.authFailures.Inc()
		return "", errUnauthorized(tokenID)
	case s.accessTokens == nil:
		return "", s.unauthorized(r)
	}
	return s.authenticateAccessToken(r, presented)
}

func (s *Server) authenticateAccessToken(r *http.Request, presented string) (tokenID string, err error) {
	if tokenID, ok := s.accessTokens.Recall(presented); ok {
		return tokenID, nil
	}
	if !s.failures.mayTry(s.clientAddress(r), s.now()) {
		return "", s.unauthorized(r)
	}
	tokenID, ok, err := s.accessTokens.Verify(r.Context(), presented)
	switch {
	case err != nil:
		return "", errTokenUnjudged(err)
	case !ok:
		return "", s.unauthorized(r)
	}
	return tokenID, nil
}

// unauthorized counts a request without a good token and returns its refusal.
func (s *Server) unauthorized(r *http.Request) error {
	s.metrics.authFailures.Inc()
	return s.slowed(r, errUnauthorized(""))
}

// slowed is the refusal of credentials, or 429 where their source has failed too often. A
// request without any guesses nothing, and is always asked for them: there are clients
// that send them only then.
func (s *Server) slowed(r *http.Request, refusal error) error {
	if len(r.Header["Authorization"]) == 0 {
		return refusal
	}
	wait := s.failures.note(s.clientAddress(r), s.now())
	if wait == 0 {
		return refusal
	}
	s.metrics.authSlowed.Inc()
	return errTooManyFailures(wait)
}

// credentials takes the token from `Bearer <token>` (RFC 6750 §2.1), or from
// `Basic <user:token>` (RFC 7617) with any user, as clients that know only passwords
// send it. A request with several Authorization headers has none.
func credentials(headers []string) (token string, ok bool) {
	if len(headers) != 1 {
		return "", false
	}
	scheme, value, _ := strings.Cut(strings.TrimSpace(headers[0]), " ")
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return "", false
	case strings.EqualFold(scheme, "Bearer"):
		return value, true
	case strings.EqualFold(scheme, "Basic"):
		return password(value)
	default:
		return "", false
	}
}

func password(encoded string) (string, bool) {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	_, password, found := strings.Cut(string(decoded), ":")
	return password, found && password != ""
}
