// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"scim-operator.io/internal/oauth/issuertest"
)

// setting is an issuer, a verifier of its tokens and their clock.
type setting struct {
	*issuertest.Issuer
	t        *testing.T
	now      time.Time
	verifier *Verifier
}

func newSetting(t *testing.T, change ...func(*Policy)) *setting {
	t.Helper()
	s := &setting{Issuer: issuertest.New(t), t: t, now: time.Now()}
	p := Policy{Issuer: s.URL, Audiences: []string{"scim", "https://scim.example.com"}, Subjects: []string{"okta", "entra"}, CACertificates: s.CACertificates()}
	for _, c := range change {
		c(&p)
	}
	s.verifier = New(p, Options{AllowInternal: true, Now: func() time.Time { return s.now }})
	return s
}

// wants checks what becomes of a token.
func (s *setting) wants(token string, want bool) {
	s.t.Helper()
	id, ok, err := s.verifier.Verify(s.t.Context(), token)
	switch {
	case err != nil:
		s.t.Errorf("it is not known: %v", err)
	case ok != want:
		s.t.Errorf("let in: %v, want %v", ok, want)
	case ok && (!strings.HasPrefix(id, IDPrefix) || len(id) != len(IDPrefix)+idDigits || strings.Contains(id, "okta")):
		s.t.Errorf("the ID %q", id)
	}
}

// comesToWant waits until a token is judged so: unknown keys are asked for in the background.
func (s *setting) comesToWant(token string, want bool) {
	s.t.Helper()
	s.eventually(fmt.Sprint("let in: ", want), func() bool {
		_, ok, err := s.verifier.Verify(s.t.Context(), token)
		return err == nil && ok == want
	})
}

// eventually waits for a condition.
func (s *setting) eventually(what string, condition func() bool) {
	s.t.Helper()
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); !condition(); runtime.Gosched() {
		if time.Now().After(deadline) {
			s.t.Fatalf("it never came to this: %s", what)
		}
	}
}

func (s *setting) wantsLater(token string) {
	s.t.Helper()
	_, ok, err := s.verifier.Verify(s.t.Context(), token)
	var later *Unavailable
	if ok || !errors.As(err, &later) || later.RetryAfter <= 0 {
		s.t.Errorf("let in: %v, error %v; want to be told to come later", ok, err)
	}
}

func TestClaims(t *testing.T) {
	type claims = map[string]any
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, row := range []struct {
		name    string
		changes claims
		want    bool
	}{
		{"a good token", nil, true},
		{"the other audience", claims{"aud": "https://scim.example.com"}, true},
		{"one of several audiences", claims{"aud": []string{"other", "scim"}}, true},
		{"another audience", claims{"aud": "other"}, false},
		{"no audience", claims{"aud": nil}, false},
		{"the other subject", claims{"sub": "entra"}, true},
		{"another subject", claims{"sub": "okta2"}, false},
		{"no subject", claims{"sub": nil}, false},
		{"another issuer", claims{"iss": "https://evil.example.com"}, false},
		{"no issuer", claims{"iss": nil}, false},
		{"expired", claims{"exp": at(-time.Minute)}, false},
		{"expired a moment ago", claims{"exp": at(-10 * time.Second)}, true},
		{"without an end", claims{"exp": nil}, false},
		{"not yet valid", claims{"nbf": at(time.Minute)}, false},
		{"issued in the future", claims{"iat": at(time.Minute)}, false},
		{"issued a moment ahead", claims{"iat": at(10 * time.Second), "nbf": at(10 * time.Second)}, true},
		{"an end that is no time", claims{"exp": "tomorrow"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetting(t)
			key := s.NewKey("1")
			s.wants(issuertest.Sign(t, jose.ES256, key, "1", s.Claims(s.now, row.changes)), row.want)
		})
	}
}

func TestRequiredClaims(t *testing.T) {
	for _, row := range []struct {
		name  string
		claim string
		value any
		want  bool
	}{
		{"the value", "azp", "a", true},
		{"another of the values", "azp", "b", true},
		{"another value", "azp", "c", false},
		{"none", "azp", nil, false},
		{"in a list", "azp", []string{"x", "a"}, true},
		{"not in the list", "azp", []string{"x"}, false},
		{"a word among others, where the claim is no list", "azp", "a b", false},
		{"a scope", "scope", "openid a", true},
		{"another scope", "scope", "openid ab", false},
		{"an object", "azp", map[string]any{"a": "a"}, false},
		{"true", "flag", true, true},
		{"a number", "flag", 7, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetting(t, func(p *Policy) {
				p.Subjects, p.Claims = nil, []Claim{{Name: row.claim, Values: []string{"a", "b", "true", "7"}}}
			})
			key := s.NewKey("1")
			s.wants(issuertest.Sign(t, jose.ES256, key, "1", s.Claims(s.now, map[string]any{row.claim: row.value})), row.want)
		})
	}
}

func TestSignatures(t *testing.T) {
	s := newSetting(t)
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwardsPublic, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.Publish(
		jose.JSONWebKey{Key: strong.Public(), KeyID: "rsa"},
		jose.JSONWebKey{Key: curve.Public(), KeyID: "ec", Algorithm: "ES384", Use: "sig"},
		jose.JSONWebKey{Key: edwardsPublic, KeyID: "ed"},
		jose.JSONWebKey{Key: strong.Public(), KeyID: "encryption", Use: "enc"},
		jose.JSONWebKey{Key: strong.Public(), KeyID: "other algorithm", Algorithm: "RS512"},
		jose.JSONWebKey{Key: []byte("a secret that everybody can read"), KeyID: "shared"},
	)
	claims := s.Claims(s.now, nil)
	der, err := x509.MarshalPKIXPublicKey(strong.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := issuertest.Sign(t, jose.RS256, strong, "rsa", claims)
	parts := strings.Split(good, ".")
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	s.wants(good, true) // the keys are known from here on
	for _, row := range []struct {
		name, token string
		want        bool
	}{
		{"PS512", issuertest.Sign(t, jose.PS512, strong, "rsa", claims), true},
		{"ES384", issuertest.Sign(t, jose.ES384, curve, "ec", claims), true},
		{"EdDSA", issuertest.Sign(t, jose.EdDSA, edwards, "ed", claims), true},
		{"without the ID of a key", issuertest.Sign(t, jose.ES384, curve, "", claims), true},
		{"the key of a stranger", issuertest.Sign(t, jose.ES384, stranger, "ec", claims), false},
		{"a key for encryption", issuertest.Sign(t, jose.RS256, strong, "encryption", claims), false},
		{"a key for another algorithm", issuertest.Sign(t, jose.RS256, strong, "other algorithm", claims), false},
		{"HS256 with the public key", issuertest.Sign(t, jose.HS256, public, "rsa", claims), false},
		{"HS256 with a published secret", issuertest.Sign(t, jose.HS256, []byte("a secret that everybody can read"), "shared", claims), false},
		{"alg none", encode(map[string]any{"alg": "none", "typ": "JWT"}) + "." + parts[1] + ".", false},
		{"alg none with a signature", encode(map[string]any{"alg": "none", "kid": "rsa"}) + "." + parts[1] + "." + parts[2], false},
		{"other claims under the signature", parts[0] + "." + encode(s.Claims(s.now, map[string]any{"sub": "entra"})) + "." + parts[2], false},
		{"no signature", parts[0] + "." + parts[1] + ".", false},
		{"a part too few", parts[0] + "." + parts[1], false},
		{"a token of the endpoint", "scimop_x", false},
		{"nothing", "", false},
		{"too long", issuertest.Sign(t, jose.RS256, strong, "rsa", s.Claims(s.now, map[string]any{"x": strings.Repeat("x", maxToken)})), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.t = t
			s.wants(row.token, row.want)
		})
	}
}

func TestKeysAreKeptAndRefreshed(t *testing.T) {
	s := newSetting(t)
	sign := func(key any, id string) string { return issuertest.Sign(t, jose.ES256, key, id, s.Claims(s.now, nil)) }
	first := s.NewKey("1")
	for range 3 {
		s.wants(sign(first, "1"), true)
	}
	if n := s.Fetches.Load(); n != 1 {
		t.Errorf("the keys were asked for %d times, want once", n)
	}

	second := s.NewKey("2")
	s.wants(sign(second, "2"), false) // it was asked a moment ago
	s.now = s.now.Add(minRefetch)
	s.comesToWant(sign(second, "2"), true)
	s.wants(sign(first, "1"), false) // it is not published any more
	if n := s.Fetches.Load(); n != 2 {
		t.Errorf("the keys were asked for %d times, want twice", n)
	}

	s.Down.Store(true)
	s.now = s.now.Add(2 * keysLifetime)
	s.wants(sign(second, "2"), true) // those known stay in use
	third := s.NewKey("3")
	s.wantsLater(sign(third, "3")) // those known are too old to say no
	s.eventually("the issuer has been asked", func() bool { return s.verifier.keys.look("", "").err != nil })
	s.Down.Store(false)
	s.now = s.now.Add(minRefetch)
	s.comesToWant(sign(third, "3"), true)
}

// A token is good no longer than its key is published, although its signature is remembered.
func TestTokensAreRecalled(t *testing.T) {
	s := newSetting(t)
	sign := func(key any, id string) string { return issuertest.Sign(t, jose.ES256, key, id, s.Claims(s.now, nil)) }
	recalled := func(token string) bool { _, ok := s.verifier.Recall(token); return ok }
	first := sign(s.NewKey("1"), "1")
	if recalled(first) {
		t.Error("a token is recalled that was never verified")
	}
	s.wants(first, true)
	if !recalled(first) {
		t.Error("a good token is not recalled")
	}
	if other := first[:len(first)-1]; recalled(other) {
		t.Error("another token is recalled")
	}
	s.now = s.now.Add(2 * time.Hour)
	if recalled(first) {
		t.Error("a token is recalled that has expired")
	}
	second := sign(s.NewKey("2"), "2")
	s.comesToWant(second, true)
	s.NewKey("3")
	s.now = s.now.Add(2 * keysLifetime)
	s.eventually("the key has been withdrawn", func() bool { return !recalled(second) })
	s.wants(second, false)
}

func TestAnIssuerThatHangsHoldsUpNobody(t *testing.T) {
	s := newSetting(t)
	good := issuertest.Sign(t, jose.ES256, s.NewKey("1"), "1", s.Claims(s.now, nil))
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	madeUp := issuertest.Sign(t, jose.ES256, stranger, "made up", s.Claims(s.now, nil))
	s.Hangs.Store(true)
	t.Run("before keys are known few wait", func(t *testing.T) {
		const callers = 100
		var answered atomic.Int64
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for range callers {
			all.Go(func() {
				_, ok, err := s.verifier.Verify(ctx, madeUp)
				if later := new(Unavailable); ok || !errors.As(err, &later) {
					t.Errorf("let in: %v, error %v", ok, err)
				}
				answered.Add(1)
			})
		}
		s.eventually("all others are told to come later", func() bool { return answered.Load() >= callers-maxWaiting })
		s.eventually("the issuer is asked once", func() bool { return s.Hanging.Load() == 1 })
		cancel()
		all.Wait()
	})
	t.Run("once keys are known nobody waits", func(*testing.T) {
		s.Hangs.Store(false)
		s.CloseClientConnections()
		s.eventually("the issuer has been given up", func() bool { return !s.verifier.keys.look("", "").asking })
		s.now = s.now.Add(minRefetch)
		s.wants(good, true)
		s.Hangs.Store(true)
		s.now = s.now.Add(minRefetch)
		s.wants(madeUp, false)
		s.eventually("the issuer is asked in the background", func() bool { return s.Hanging.Load() == 1 })
		s.wants(good, true)
		s.now = s.now.Add(2 * keysLifetime)
		s.wantsLater(madeUp) // the keys known are too old to say no
	})
}

// Whoever makes up IDs of keys has the issuer asked no more often, and does not keep a key
// that it has changed to from being known soon.
func TestMadeUpKeysDoNotHammerTheIssuer(t *testing.T) {
	s := newSetting(t)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(key any, id string) string { return issuertest.Sign(t, jose.ES256, key, id, s.Claims(s.now, nil)) }
	s.wants(sign(s.NewKey("1"), "1"), true)
	rotated := s.NewKey("2")
	const seconds = 60
	accepted := -1
	for second := range seconds {
		for i := range 5 {
			s.wants(sign(stranger, fmt.Sprint("made up ", second, i)), false)
		}
		s.eventually("the issuer has been asked lately", func() bool { return s.verifier.keys.look("", "").wait > 0 })
		if _, ok, _ := s.verifier.Verify(t.Context(), sign(rotated, "2")); ok && accepted < 0 {
			accepted = second
		}
		s.now = s.now.Add(time.Second)
	}
	if n, most := s.Fetches.Load(), int64(1+seconds*time.Second/minRefetch); n > most {
		t.Errorf("the keys were asked for %d times in a minute, want %d at most", n, most)
	}
	if accepted < 0 || time.Duration(accepted)*time.Second > minRefetch {
		t.Errorf("the issuer's new key is known after %d seconds, want %s at most", accepted, minRefetch)
	}
}

func TestWhereKeysAre(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*setting)
		policy func(*setting, *Policy)
		later  string // what is wrong
	}{
		{name: "OpenID Connect Discovery"},
		{name: "RFC 8414", change: func(s *setting) { s.Metadata = "/.well-known/oauth-authorization-server" }},
		{name: "told by the administrator", change: func(s *setting) { s.Metadata = "-" },
			policy: func(s *setting, p *Policy) { p.JWKSURL = s.URL + "/keys" }},
		{name: "nowhere", change: func(s *setting) { s.Metadata = "-" }, later: "404"},
		{name: "without TLS", policy: func(s *setting, p *Policy) { p.JWKSURL = strings.Replace(s.URL, "https", "http", 1) + "/keys" }, later: "not https"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetting(t)
			if row.change != nil {
				row.change(s)
			}
			policy := s.verifier.policy
			if row.policy != nil {
				row.policy(s, &policy)
			}
			s.verifier = New(policy, Options{AllowInternal: true, Now: func() time.Time { return s.now }})
			token := issuertest.Sign(t, jose.ES256, s.NewKey("1"), "1", s.Claims(s.now, nil))
			if row.later == "" {
				s.wants(token, true)
				return
			}
			s.wantsLater(token)
			if _, _, err := s.verifier.Verify(t.Context(), token); err == nil || !strings.Contains(err.Error(), row.later) {
				t.Errorf("error %v, want one about %q", err, row.later)
			}
		})
	}
}

func TestInternalAddressesAreNotAsked(t *testing.T) {
	s := newSetting(t)
	s.verifier = New(s.verifier.policy, Options{})
	token := issuertest.Sign(t, jose.ES256, s.NewKey("1"), "1", s.Claims(s.now, nil))
	s.wantsLater(token)
	if _, _, err := s.verifier.Verify(t.Context(), token); err == nil || !strings.Contains(err.Error(), "is an internal address") {
		t.Errorf("error %v", err)
	}
	if n := s.Fetches.Load(); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestCACertificates(t *testing.T) {
	authority := func() string {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	another := authority()
	half := another[:len(another)/2]
	for _, row := range []struct {
		name  string
		given func(good string) string
		later string // what is wrong
	}{
		{"the issuer's", func(good string) string { return good }, ""},
		{"among others, with remarks", func(good string) string { return "# ours\n" + another + "\n# theirs\n" + good }, ""},
		{"another's", func(string) string { return another }, "certificate signed by unknown authority"},
		{"the system's", func(string) string { return "" }, "certificate signed by unknown authority"},
		{"no PEM", func(string) string { return "certificates" }, "there is no certificate in PEM"},
		{"only the line it begins with", func(string) string { return "-----BEGIN CERTIFICATE-----" }, "of 1 blocks that begin, 0 can be read"},
		{"one that was cut off", func(good string) string { return good + half }, "of 2 blocks that begin, 1 can be read"},
		{"one that was cut off before it", func(good string) string { return half + "\n" + good }, "of 2 blocks that begin, 1 can be read"},
		{"one that is none", func(good string) string {
			return good + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
		}, "certificate 2 cannot be read"},
		{"a key", func(good string) string {
			return good + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
		}, "block 2 is not a certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSetting(t)
			policy := s.verifier.policy
			policy.CACertificates = row.given(s.CACertificates())
			s.verifier = New(policy, Options{AllowInternal: true})
			token := issuertest.Sign(t, jose.ES256, s.NewKey("1"), "1", s.Claims(s.now, nil))
			if row.later == "" {
				s.wants(token, true)
			} else {
				s.wantsLater(token)
				if _, _, err := s.verifier.Verify(t.Context(), token); err == nil || !strings.Contains(err.Error(), row.later) {
					t.Errorf("error %v, want one about %q", err, row.later)
				}
			}
			unusable := row.later != "" && !strings.Contains(row.later, "unknown authority")
			if err := CheckCACertificates(policy.CACertificates); (err != nil) != unusable {
				t.Errorf("the check says %v", err)
			}
		})
	}
}
