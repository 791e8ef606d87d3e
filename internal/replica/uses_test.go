// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

func TestNewsOfTokens(t *testing.T) {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	one, two := token.Use{ID: "1", LastUsed: noon}, token.Use{ID: "2", LastUsed: noon.Add(-time.Hour)}
	for _, row := range []struct {
		name  string
		uses  []token.Use
		shown map[string]time.Time
		want  []token.Use
	}{
		{"nothing was used", nil, map[string]time.Time{"1": {}}, nil},
		{"a first use", []token.Use{one}, map[string]time.Time{"1": {}}, []token.Use{one}},
		{"a use that another replica has told of half a minute ago", []token.Use{one}, map[string]time.Time{"1": noon.Add(-30 * time.Second)}, nil},
		{"a use a minute after the one that shows", []token.Use{one}, map[string]time.Time{"1": noon.Add(-time.Minute)}, []token.Use{one}},
		{"a use before the one that shows", []token.Use{one}, map[string]time.Time{"1": noon.Add(time.Second)}, nil},
		{"a token that does not show", []token.Use{one}, map[string]time.Time{"2": {}}, nil},
		{"one of two is new", []token.Use{one, two}, map[string]time.Time{"1": {}, "2": two.LastUsed}, []token.Use{one, two}},
	} {
		if diff := cmp.Diff(row.want, news(row.uses, row.shown)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

// Of two replicas, each tells of what it was asked, in its own entry, and then is silent.
func TestReplicasTellWhichTokensAreUsed(t *testing.T) {
	f := newFixture(t)
	const presented = token.Plaintext("scimop_one")
	f.writeDigests(digestsOf(t, presented))
	id := token.NewDigest(presented, time.Now()).ID
	a, b := f.start("a"), f.start("b")
	for _, r := range []*running{a, b} {
		r.joins(t)
		eventually(t, "the token is known", func() bool { return r.tokensKnown.Load() })
	}
	if _, ok := a.Verify(string(presented)); !ok {
		t.Fatal("the token is not accepted")
	}
	show := func(last *metav1.Time) {
		t.Helper()
		endpoint := f.current()
		before := endpoint.DeepCopy()
		endpoint.Status.Tokens = []v1alpha1.TokenStatus{{ID: id, SecretName: "x", CreatedTime: metav1.Now(), LastUsedTime: last}}
		if err := admin.Status().Patch(background, endpoint, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	show(nil)
	told := func() map[string]metav1.Time {
		all := map[string]metav1.Time{}
		for _, server := range f.current().Status.Servers {
			for _, use := range server.Tokens {
				if use.ID == id {
					all[server.Name] = use.LastUsedTime
				}
			}
		}
		return all
	}
	eventually(t, "a tells of the use, and b of none", func() bool { _, ok := told()["a"]; return ok && len(told()) == 1 })
	last := told()["a"]
	if err := a.enter(background); err != nil {
		t.Fatal(err)
	}
	if again := told()["a"]; !again.Equal(&last) {
		t.Errorf("entering again makes the use of %s one of %s", last, again)
	}
	show(&last)
	eventually(t, "b sees what is known", func() bool { return b.roster.view().lastUsed[id].Equal(last.Time) })
	if _, ok := b.Verify(string(presented)); !ok {
		t.Fatal("the token is not accepted")
	}
	if uses := news(b.tokens.Uses(), b.roster.view().lastUsed); uses != nil {
		t.Errorf("b would tell of %v", uses)
	}
}

// A cursor is sealed under a token that is then replaced: it opens in the overlap and when
// that is over, and no more once the token was revoked.
func TestCursorsSurviveARotation(t *testing.T) {
	old, next := token.NewDigest("scimop_old", time.Now()), token.NewDigest("scimop_next", time.Now())
	observe := func(digests ...token.Digest) *Replica {
		t.Helper()
		encoded, err := token.EncodeDigests(digests)
		if err != nil {
			t.Fatal(err)
		}
		r := &Replica{}
		r.observeDigests(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: "7d1f"}, Data: map[string][]byte{v1alpha1.DigestsKey: encoded}}, true)
		return r
	}
	key, _ := observe(old).SealingKey(old.ID)
	opens := func(r *Replica) bool {
		for _, k := range r.OpeningKeys() {
			if k == key {
				return true
			}
		}
		return false
	}
	over := old
	over.ExpiresTime = time.Now().Add(-time.Minute)
	if !opens(observe(old, next)) || !opens(observe(over, next)) {
		t.Error("a rotation ends the walks that are under way")
	}
	if opens(observe(next)) {
		t.Error("a cursor outlives its token's revocation")
	}
}
