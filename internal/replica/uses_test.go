// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

func TestNewsOfTokens(t *testing.T) {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	one, two := token.Use{ID: "1", LastUsed: noon}, token.Use{ID: "2", LastUsed: noon.Add(-time.Hour)}
	type tokens = map[string]time.Time
	of := func(uses ...token.Use) []token.Use { return uses }
	for _, row := range []struct {
		name  string
		soFar uses
		shown view
		want  *uses
	}{
		{"nothing was used", uses{}, view{lastUsed: tokens{"1": {}}}, nil},
		{"a first use", uses{tokens: of(one)}, view{lastUsed: tokens{"1": {}}}, &uses{tokens: of(one)}},
		{"a use five minutes after one that another replica has told of", uses{tokens: of(one)}, view{lastUsed: tokens{"1": noon.Add(-5 * time.Minute)}}, nil},
		{"a use ten minutes after the one that shows", uses{tokens: of(one)}, view{lastUsed: tokens{"1": noon.Add(-10 * time.Minute)}}, &uses{tokens: of(one)}},
		{"a use before the one that shows", uses{tokens: of(one)}, view{lastUsed: tokens{"1": noon.Add(time.Second)}}, nil},
		{"a token that does not show", uses{tokens: of(one)}, view{lastUsed: tokens{"2": {}}}, nil},
		{"one of two is new", uses{tokens: of(one, two)}, view{lastUsed: tokens{"1": {}, "2": two.LastUsed}}, &uses{tokens: of(one, two)}},
		{"a first access token", uses{oauth: noon}, view{}, &uses{oauth: noon}},
		{"an access token five minutes after a request", uses{oauth: noon}, view{lastRequest: noon.Add(-5 * time.Minute)}, nil},
		{"an access token ten minutes after a request", uses{oauth: noon}, view{lastRequest: noon.Add(-10 * time.Minute)}, &uses{oauth: noon}},
		{"an access token, and a token that is known", uses{oauth: noon, tokens: of(two)},
			view{lastUsed: tokens{"2": two.LastUsed}, lastRequest: two.LastUsed}, &uses{oauth: noon, tokens: of(two)}},
	} {
		if diff := cmp.Diff(row.want, news(row.soFar, &row.shown), cmp.AllowUnexported(uses{})); diff != "" {
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
	if more := news(b.usesSoFar(), b.roster.view()); more != nil {
		t.Errorf("b would tell of %v", more)
	}

	b.NoteOAuth()
	eventually(t, "b tells of an access token", func() bool {
		for _, server := range f.current().Status.Servers {
			if server.Name == "b" && server.LastOAuthTime != nil {
				return time.Since(server.LastOAuthTime.Time) < time.Minute
			}
		}
		return false
	})
}
