// SPDX-License-Identifier: Apache-2.0

package token

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

func TestVerifierKeepsToItsClock(t *testing.T) {
	now := issued
	v := Verifier{now: func() time.Time { return now }}
	short, long := NewDigest(Plaintext(zeroes), issued), NewDigest(Plaintext(ones), issued)
	short.ExpiresTime = issued.Add(time.Hour)
	v.Set([]Digest{short, long})
	for _, row := range []struct {
		name      string
		after     time.Duration
		presented string
		id        string
		ok        bool
	}{
		{"a second before its end", time.Hour - time.Second, zeroes, short.ID, true},
		{"at its end", time.Hour, zeroes, short.ID, false},
		{"long after its end", 10000 * time.Hour, zeroes, short.ID, false},
		{"a wrong token learns nothing", 10000 * time.Hour, zeroes[:55], "", false},
		{"without an end", 10000 * time.Hour, ones, long.ID, true},
	} {
		now = issued.Add(row.after)
		if id, ok := v.Verify(row.presented); id != row.id || ok != row.ok {
			t.Errorf("%s: got %q and %v", row.name, id, ok)
		}
	}
}

func TestVerifierRemembersUses(t *testing.T) {
	now := issued
	v := Verifier{now: func() time.Time { return now }}
	first, second := NewDigest(Plaintext(zeroes), issued), NewDigest(Plaintext(ones), issued)
	first.ExpiresTime = issued.Add(time.Hour)
	v.Set([]Digest{first, second})
	if uses := v.Uses(); uses != nil {
		t.Errorf("nothing was used, and there is %v", uses)
	}
	v.Verify(zeroes)
	v.Verify("something else")
	v.Set([]Digest{second, first}) // a use is not forgotten when other tokens come and go
	now = issued.Add(2 * time.Hour)
	v.Verify(zeroes) // expired: that is no use
	want := []Use{{ID: first.ID, LastUsed: issued.UTC().Truncate(time.Second)}}
	if diff := cmp.Diff(want, v.Uses()); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	v.Set([]Digest{second})
	if uses := v.Uses(); uses != nil {
		t.Errorf("a token that is gone was used: %v", uses)
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
