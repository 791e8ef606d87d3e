// SPDX-License-Identifier: Apache-2.0

// Package oauth tells whether an access token of an OAuth 2.0 issuer, a JWT (RFC 7519,
// RFC 9068), lets a client in.
package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// maxToken bounds what is parsed for a caller who has not proved anything yet, in bytes.
	maxToken = 8 << 10
	// leeway is how far the clocks of the issuer and of this machine may differ.
	leeway = 30 * time.Second
	// idDigits of the digest of a subject are enough to tell it from others in a log.
	idDigits = 12
	// IDPrefix begins the IDs of access tokens, so that they are never those of others.
	IDPrefix = "jwt:"
)

// algorithms are asymmetric: with others whoever can check a token can make one.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Policy says which tokens let a client in.
type Policy struct {
	Issuer    string
	JWKSURL   string   // of the issuer's keys; "" when its metadata says where they are
	Audiences []string // of which a token has one
	Subjects  []string // of which a token has one; nil for any
	Claims    []Claim  // that a token has

	// CACertificates in PEM are trusted for the issuer instead of the system's; "" for those.
	CACertificates string
}

// Claim is a claim of which a token must have one of the values.
type Claim struct {
	Name   string
	Values []string
}

// Options configure a Verifier.
type Options struct {
	AllowInternal bool             // the issuer may be at an internal address
	UserAgent     string           // sent with each request
	Now           func() time.Time // nil for the system's clock
}

// Verifier verifies the access tokens of one issuer. It may be used from many goroutines.
type Verifier struct {
	policy Policy
	keys   *keySource
	now    func() time.Time
}

// New makes a Verifier. It asks the issuer for its keys when it needs them.
func New(p Policy, o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{policy: p, keys: newKeySource(&p, o), now: o.Now}
}

// Unavailable is the error of Verify when it cannot be known whether a token is good,
// because the issuer has never told its keys.
type Unavailable struct {
	RetryAfter time.Duration
	Cause      error
}

// Error says why.
func (u *Unavailable) Error() string { return "the issuer's keys are not known: " + u.Cause.Error() }

// Unwrap gives the cause.
func (u *Unavailable) Unwrap() error { return u.Cause }

// Verify tells whether a token lets its bearer in, and gives an ID of the token's subject
// for the log, which does not tell the subject. The error is an *Unavailable.
func (v *Verifier) Verify(ctx context.Context, presented string) (id string, ok bool, err error) {
	if len(presented) > maxToken {
		return "", false, nil
	}
	token, err := jwt.ParseSigned(presented, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return "", false, nil //nolint:nilerr // it is no token: that is the answer
	}
	var claims jwt.Claims
	// Another issuer's key is not looked for here.
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil || claims.Issuer != v.policy.Issuer {
		return "", false, nil //nolint:nilerr // likewise
	}
	header := token.Headers[0]
	keys, err := v.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return "", false, err
	}
	for _, key := range keys {
		var all map[string]any
		if token.Claims(key.Key, &claims, &all) == nil {
			return idOf(&claims), v.policy.admits(&claims, all, v.now()), nil
		}
	}
	return "", false, nil
}

// admits says whether claims whose signature is good are those of a client to let in.
func (p *Policy) admits(claims *jwt.Claims, all map[string]any, now time.Time) bool {
	expected := jwt.Expected{Issuer: p.Issuer, AnyAudience: p.Audiences, Time: now}
	switch {
	case claims.Expiry == nil, len(p.Audiences) == 0, claims.ValidateWithLeeway(expected, leeway) != nil:
		return false
	case p.Subjects != nil && !slices.Contains(p.Subjects, claims.Subject):
		return false
	}
	for _, c := range p.Claims {
		if !slices.ContainsFunc(valuesOf(c.Name, all[c.Name]), func(v string) bool { return slices.Contains(c.Values, v) }) {
			return false
		}
	}
	return true
}

// valuesOf gives what a claim says: one value, or each of several.
func valuesOf(name string, claim any) []string {
	switch claim := claim.(type) {
	case string:
		if name == "scope" || name == "scp" { // RFC 8693 §4.2
			return strings.Fields(claim)
		}
		return []string{claim}
	case bool:
		return []string{strconv.FormatBool(claim)}
	case float64:
		return []string{strconv.FormatFloat(claim, 'f', -1, 64)}
	case []any:
		var values []string
		for _, element := range claim {
			if text, ok := element.(string); ok {
				values = append(values, text)
			}
		}
		return values
	default:
		return nil
	}
}

func idOf(claims *jwt.Claims) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", claims.Issuer, claims.Subject))
	return IDPrefix + hex.EncodeToString(sum[:])[:idDigits]
}
