// SPDX-License-Identifier: Apache-2.0

// Package oauth verifies the access tokens of an OAuth 2.0 issuer, which are JWTs (RFC 7519,
// RFC 9068).
package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/semaphore"
	"k8s.io/utils/lru"

	"scim-operator.io/internal/guard"
)

const (
	// maxToken bounds what is parsed for a caller who has not proved anything yet, in bytes.
	maxToken = 8 << 10
	// leeway is how far the clocks of the issuer and of this machine may differ.
	leeway = 30 * time.Second
	// idDigits of the digest of a subject are enough to tell it from others in a log.
	idDigits = 12
	// maxCandidates bounds the keys that are tried for one token. A token that names no key
	// has one of few that fit its algorithm: the issuer's last, present and next one.
	maxCandidates = 3
	// maxVerified bounds the tokens whose signature is remembered to be good.
	maxVerified = 1024
	// checkPatience is how long a token waits until its signature is checked.
	checkPatience = time.Second
	// headerCritical is the header of RFC 7515 §4.1.11.
	headerCritical = "crit"
	// IDPrefix begins the IDs of access tokens, so that they are never those of others.
	IDPrefix = "jwt:"
)

var errTooManyChecks = errors.New("too many signatures are being checked")

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

	// CACertificates in PEM are trusted for the issuer instead of those of Options.Egress; ""
	// for those.
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
	Egress        guard.Egress     // the way to the issuer
	UserAgent     string           // sent with each request
	Now           func() time.Time // nil for the system's clock
}

// Verifier verifies the access tokens of one issuer. It may be used from many goroutines.
type Verifier struct {
	policy   Policy
	keys     *keySource
	now      func() time.Time
	checks   *semaphore.Weighted // signatures that are being checked
	verified *lru.Cache          // verification by the SHA-256 digest of the token
}

// verification is that of a token that was accepted.
type verification struct {
	id         string
	expires    time.Time
	generation uint64 // of the keys
}

// New makes a Verifier. It asks the issuer for its keys when it needs them.
func New(p Policy, o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{
		policy: p, keys: newKeySource(&p, o), now: o.Now,
		checks:   semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		verified: lru.New(maxVerified),
	}
}

// Unavailable is the error of Verify when it cannot be known whether a token is good: the
// issuer's keys are not known, or too many signatures are being checked.
type Unavailable struct {
	RetryAfter time.Duration
	Cause      error
}

// Error describes the cause.
func (u *Unavailable) Error() string { return "the access token cannot be judged: " + u.Cause.Error() }

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Cause }

// Recall returns the ID of a token that was accepted before with the keys that are in use,
// and that has not expired. It checks no signature and never waits.
func (v *Verifier) Recall(presented string) (id string, ok bool) {
	known, ok := v.verified.Get(sha256.Sum256([]byte(presented)))
	if !ok {
		return "", false
	}
	was := known.(verification)
	if was.generation != v.keys.current() || !v.now().Before(was.expires) {
		return "", false
	}
	return was.id, true
}

// Verify reports whether a token lets its bearer in, and returns an ID of the token's subject
// for the log, which does not tell the subject. The error is an *Unavailable. It waits for
// the issuer only while no key is known, and then for a bounded time and number of callers.
// As many signatures are checked at once as there are processors.
func (v *Verifier) Verify(ctx context.Context, presented string) (id string, ok bool, err error) {
	if len(presented) > maxToken {
		return "", false, nil
	}
	token, err := jwt.ParseSigned(presented, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return "", false, nil //nolint:nilerr // it is no token: that is the answer
	}
	header := &token.Headers[0]
	var claims jwt.Claims
	// Another issuer's key is not looked for here. What is marked critical is not understood.
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil || claims.Issuer != v.policy.Issuer ||
		header.ExtraHeaders[headerCritical] != nil {
		return "", false, nil //nolint:nilerr // likewise
	}
	keys, generation, err := v.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return "", false, err
	}
	if len(keys) == 0 || len(keys) > maxCandidates {
		return "", false, nil
	}
	var all map[string]any
	if ok, err = v.isSigned(ctx, token, keys, &claims, &all); !ok {
		return "", false, err
	}
	if !isAccessToken(header, claims.Audience, all) || !v.policy.admits(&claims, all, v.now()) {
		return idOf(&claims), false, nil
	}
	v.verified.Add(sha256.Sum256([]byte(presented)),
		verification{id: idOf(&claims), expires: claims.Expiry.Time().Add(leeway), generation: generation})
	return idOf(&claims), true, nil
}

// isSigned reports whether one of the keys has signed a token, whose claims it then reads.
// Embedded keys and the URLs of keys in the token's header do not count.
func (v *Verifier) isSigned(ctx context.Context, token *jwt.JSONWebToken, keys []jose.JSONWebKey, claims ...any) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	if err := v.checks.Acquire(ctx, 1); err != nil {
		return false, &Unavailable{RetryAfter: minRetry, Cause: errors.Join(errTooManyChecks, err)}
	}
	defer v.checks.Release(1)
	return slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool { return token.Claims(key.Key, claims...) == nil }), nil
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
