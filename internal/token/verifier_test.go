// SPDX-License-Identifier: Apache-2.0

package token

import (
	"strings"
	"sync"
	"testing"
)

func TestVerifier(t *testing.T) {
	first, second := NewDigest(Plaintext(zeroes), issued), NewDigest(Plaintext(ones), issued)
	malformed := Digest{ID: second.ID, SHA256: second.SHA256[:60], CreatedTime: issued}
	for _, row := range []struct {
		name      string
		digests   []Digest
		presented string
		want      string
	}{
		{"the only token", []Digest{first}, zeroes, first.ID},
		{"the older of two", []Digest{first, second}, zeroes, first.ID},
		{"the newer of two", []Digest{first, second}, ones, second.ID},
		{"a token that was withdrawn", []Digest{second}, zeroes, ""},
		{"no digests", nil, zeroes, ""},
		{"nothing presented", []Digest{first, second}, "", ""},
		{"a token with a blank", []Digest{first}, zeroes + " ", ""},
		{"a token in another case", []Digest{second}, strings.ToUpper(ones), ""},
		{"the digest itself", []Digest{first}, first.SHA256, ""},
		{"an endless token", []Digest{first}, strings.Repeat("x", 1<<20), ""},
		{"a malformed digest accepts nobody", []Digest{malformed}, ones, ""},
		{"a malformed digest beside a good one", []Digest{malformed, first}, zeroes, first.ID},
	} {
		t.Run(row.name, func(t *testing.T) {
			var v Verifier
			v.Set(row.digests)
			if id, ok := v.Verify(row.presented); id != row.want || ok != (row.want != "") {
				t.Errorf("got %q and %v, not %q", id, ok, row.want)
			}
		})
	}
}

func TestVerifierAcceptsNothingAtFirst(t *testing.T) {
	var v Verifier
	if id, ok := v.Verify(zeroes); ok || id != "" {
		t.Errorf("a verifier without digests accepts %q", id)
	}
}

func TestVerifierForgetsWhatSetReplaces(t *testing.T) {
	var v Verifier
	v.Set([]Digest{NewDigest(Plaintext(zeroes), issued)})
	v.Set([]Digest{NewDigest(Plaintext(ones), issued)})
	if _, ok := v.Verify(zeroes); ok {
		t.Error("a withdrawn token is still accepted")
	}
	v.Set(nil)
	if _, ok := v.Verify(ones); ok {
		t.Error("a token is accepted without any digest")
	}
}

// A token that stays is accepted at every moment while others come and go.
func TestVerifierWhileDigestsChange(t *testing.T) {
	stays, goes := NewDigest(Plaintext(zeroes), issued), NewDigest(Plaintext(ones), issued)
	var v Verifier
	v.Set([]Digest{stays})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if id, ok := v.Verify(zeroes); !ok || id != stays.ID {
					t.Errorf("the token that stays gives %q and %v", id, ok)
					return
				}
			}
		})
	}
	for range 2000 {
		v.Set([]Digest{goes, stays})
		v.Set([]Digest{stays})
	}
	wg.Wait()
}

func BenchmarkVerify(b *testing.B) {
	var v Verifier
	v.Set([]Digest{NewDigest(Plaintext(zeroes), issued), NewDigest(Plaintext(ones), issued)})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := v.Verify(ones); !ok {
			b.Fatal("not accepted")
		}
	}
}
