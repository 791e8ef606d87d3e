// SPDX-License-Identifier: Apache-2.0

package server

import (
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

// authenticate gives the ID of the token that the request presents.
func (s *Server) authenticate(r *http.Request) (tokenID string, err error) {
	presented, ok := credentials(r.Header["Authorization"])
	if ok {
		tokenID, ok = s.tokens.Verify(presented)
	}
	if !ok {
		s.metrics.authFailures.Inc()
		return "", errUnauthorized(tokenID)
	}
	return tokenID, nil
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
