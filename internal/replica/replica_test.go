// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"encoding/json"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/store"
	"scim-operator.io/internal/token"
)

var background = context.Background()

func TestOneReplicaAsksNobody(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	if !a.Alone() {
		t.Error("a replica without peers is not alone")
	}
	if got, err := a.Revisions(background, 0); err != nil || !reflect.DeepEqual(got, store.Revisions{}) {
		t.Errorf("Revisions: %v, %v", got, err)
	}
	if a.asked.Load() != 0 {
		t.Error("it has asked itself")
	}
}

func TestReplicasFindEachOtherAndAsk(t *testing.T) {
	f := newFixture(t)
	a, b, c := f.start("a"), f.start("b"), f.start("c")
	for _, r := range []*running{a, b, c} {
		r.joins(t)
	}
	// Who has joined is known to all the others from the first moment.
	for _, r := range []*running{a, b, c} {
		if got := len(r.roster.view().peers); got != 2 {
			t.Errorf("%s knows %d peers, want 2", r.config.Name, got)
		}
	}
	b.revisions.Store(&store.Revisions{Users: 7, Groups: 100, Types: map[string]uint64{"Device": 5, "Printer": 8}})
	c.revisions.Store(&store.Revisions{Users: 90, Groups: 2, Types: map[string]uint64{"Device": 6}})
	want := store.Revisions{Users: 90, Groups: 100, Types: map[string]uint64{"Device": 6, "Printer": 8}}
	if a.Alone() {
		t.Error("a replica with peers is alone")
	}
	if got, err := a.Revisions(background, 0); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Revisions: %v, %v", got, err)
	}
	if b.asked.Load() != 1 || c.asked.Load() != 1 {
		t.Errorf("asked %d and %d times, want once each", b.asked.Load(), c.asked.Load())
	}
	bookmarks := a.Bookmarks(background, "page")
	slices.Sort(bookmarks)
	if !slices.Equal(bookmarks, []string{"page at b", "page at c"}) {
		t.Errorf("Bookmarks: %q", bookmarks)
	}
}

// However many pages are asked for at once, the peer hears of each.
func TestManyQuestionsAboutBookmarks(t *testing.T) {
	f := newFixture(t)
	a, b := f.start("a"), f.start("b")
	a.joins(t)
	b.joins(t)
	var asking sync.WaitGroup
	for range 2 * maxConnsOfOne {
		asking.Go(func() {
			if got := a.Bookmarks(background, "page"); !slices.Equal(got, []string{"page at b"}) {
				t.Errorf("Bookmarks: %q", got)
			}
		})
	}
	asking.Wait()
	if _, err := a.Revisions(background, 0); err != nil {
		t.Errorf("the peer is not heard any more: %v", err)
	}
}

func TestAPeerThatLeavesIsForgottenAndRemembered(t *testing.T) {
	f := newFixture(t)
	a, b := f.start("a"), f.start("b")
	a.joins(t)
	b.joins(t)
	before := a.Epoch()
	b.stop()
	if err := b.Leave(background); err != nil {
		t.Fatal(err)
	}
	if got := f.names(); got != "a " {
		t.Errorf("entered: %q, want only a", got)
	}
	eventually(t, "a forgets b", func() bool { return len(a.roster.view().peers) == 0 })
	if a.Epoch() == before {
		t.Error("what b had acknowledged is unknown now, and the epoch does not say so")
	}
	if err := b.Leave(background); err != nil {
		t.Errorf("leaving twice: %v", err)
	}
}

func TestASilentPeerMakesReadersAskTheAPIServer(t *testing.T) {
	f := newFixture(t)
	a := f.start("a", func(c *Config) { c.AskTimeout = 50 * time.Millisecond })
	a.joins(t)
	own := f.current().Status.Servers[0]
	f.setServers(own, v1alpha1.ServerStatus{Name: "b", Address: silentServer(t).Listener.Addr().String(), Incarnation: "1"})
	eventually(t, "a hears of b", func() bool { return len(a.roster.view().peers) == 1 })
	a.silent.last = patience // however slow this machine is
	if _, err := a.Revisions(background, 0); err == nil {
		t.Fatal("a peer has not answered, and nobody is told")
	}
	if got := a.Bookmarks(background, "page"); len(got) != 0 {
		t.Errorf("a silent peer remembers %q", got)
	}
	_, err := a.Revisions(background, 0)
	if err == nil || !strings.Contains(err.Error(), "a moment ago") {
		t.Errorf("the silent peer is waited for again: %v", err)
	}
	if !a.joined.Load() {
		t.Error("a peer that falls silent stops its peers from serving")
	}
}

func TestAPeerThatRestartedIsNotTrusted(t *testing.T) {
	f := newFixture(t)
	a, b := f.start("a"), f.start("b")
	a.joins(t)
	b.joins(t)
	// b dies without leaving, and its container starts again at the same address.
	address := b.server.Listener.Addr().String()
	b.stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	epoch := a.Epoch()
	restarted := f.startOn(listener, "b")
	restarted.joins(t)
	if a.Epoch() == epoch {
		t.Error("b has forgotten what it had acknowledged, and a does not know that")
	}
	if !a.roster.view().knows(peer{Name: "b", Incarnation: restarted.incarnation}) {
		t.Error("b serves before a knows it")
	}
	restarted.revisions.Store(&store.Revisions{Users: 5})
	if got, err := a.Revisions(background, 0); err != nil || got.Users != 5 {
		t.Errorf("Revisions: %v, %v", got, err)
	}
}

func TestAnswersOfSomebodyElseAreRefused(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	other := newFixture(t).start("other")
	other.joins(t)
	own := f.current().Status.Servers[0]
	for name, impostor := range map[string]v1alpha1.ServerStatus{
		"another name":        {Name: "b", Address: other.config.Address, Incarnation: other.incarnation},
		"another incarnation": {Name: "other", Address: other.config.Address, Incarnation: "former"},
	} {
		f.setServers(own, impostor)
		eventually(t, "a hears of "+name, func() bool { return a.roster.view().knows(peer{impostor.Name, impostor.Address, impostor.Incarnation}) })
		if _, err := a.Revisions(background, 0); err == nil {
			t.Errorf("%s is believed", name)
		}
		if got := a.Bookmarks(background, "page"); len(got) != 0 {
			t.Errorf("%s is believed to remember %q", name, got)
		}
	}
}

func TestJoiningWaitsForEveryPeer(t *testing.T) {
	f := newFixture(t)
	silent := v1alpha1.ServerStatus{Name: "gone", Address: silentServer(t).Listener.Addr().String(), Incarnation: "1"}
	f.setServers(silent)
	a := f.start("a")
	eventually(t, "a is entered", func() bool { return strings.Contains(f.names(), "a ") })
	eventually(t, "a sees its entry", func() bool { return a.roster.view().listed })
	if a.Serving() == nil {
		t.Error("a serves although a peer has not confirmed it")
	}
	// The controller finds that the pod is gone.
	f.setServers(own(f, "a"))
	a.joins(t)
}

func own(f *fixture, name string) v1alpha1.ServerStatus {
	for _, s := range f.current().Status.Servers {
		if s.Name == name {
			return s
		}
	}
	f.t.Fatalf("%s is not entered", name)
	return v1alpha1.ServerStatus{}
}

func TestAPeerSilentForTooLongCountsAsLost(t *testing.T) {
	f := newFixture(t)
	f.setServers(v1alpha1.ServerStatus{Name: "gone", Address: "127.0.0.1:1", Incarnation: "1"})
	f.start("a", func(c *Config) { c.LostAfter = 300 * time.Millisecond }).joins(t)
}

func TestAPeerThatDoesNotKnowUsIsNotLost(t *testing.T) {
	f := newFixture(t)
	// A peer that answers, and whose watch is broken.
	deaf := f.start("deaf")
	deaf.joins(t)
	deaf.network.setCut(true)
	a := f.start("a", func(c *Config) { c.LostAfter = time.Millisecond })
	eventually(t, "a is entered", func() bool { return a.roster.view().listed })
	confirmed, heard, err := a.askToConfirm(background, a.roster.view().peers[0])
	if confirmed || !heard {
		t.Fatalf("confirmed %v, heard %v: %v", confirmed, heard, err)
	}
	if a.joined.Load() {
		t.Error("a has joined although a peer that answers does not know it")
	}
	deaf.network.setCut(false)
	a.joins(t)
}

func TestTheEndpointIsDeletedAndMadeAnew(t *testing.T) {
	f := newFixture(t)
	f.writeDigests(digestsOf(t, "scimop_one"))
	a := f.start("a")
	eventually(t, "a serves", func() bool { return a.Serving() == nil })
	if err := admin.Delete(background, f.endpoint); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a stops serving", func() bool { return a.Serving() != nil })
	if _, err := a.Revisions(background, 0); err == nil {
		t.Error("the peers of an endpoint that does not exist are believed to be known")
	}
	f.endpoint = f.createEndpoint()
	eventually(t, "a serves again", func() bool { return a.Serving() == nil })
	if got := f.names(); got != "a " {
		t.Errorf("entered: %q", got)
	}
	a.stop()
	if err := admin.Delete(background, f.endpoint); err != nil {
		t.Fatal(err)
	}
	if err := a.Leave(background); err != nil {
		t.Errorf("leaving an endpoint that is gone: %v", err)
	}
}

func TestAnEntryThatWasRemovedComesBack(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	f.setServers()
	eventually(t, "a enters itself again", func() bool { return f.names() == "a " })
	a.joins(t)
}

func TestAnEntryRemovedWhileJoiningComesBack(t *testing.T) {
	f := newFixture(t)
	b := f.start("b")
	b.joins(t)
	b.network.setCut(true) // it answers, and hears of nobody any more
	a := f.start("a")
	eventually(t, "a enters itself", func() bool { return f.names() == "a b " || f.names() == "b a " })
	entered := f.current().ResourceVersion
	f.setServers(own(f, "b"))
	eventually(t, "a enters itself again", func() bool {
		return f.current().ResourceVersion != entered && len(f.current().Status.Servers) == 2
	})
	if a.Serving() == nil {
		t.Error("a serves without b's confirmation")
	}
}

// TestWhoeverKeepsRemovingAnEntryIsGivenInTo shows for how long a replica stays away
// whose entry is removed again and again.
func TestWhoeverKeepsRemovingAnEntryIsGivenInTo(t *testing.T) {
	var gone removals
	least, most := time.Duration(float64(firstAway)*0.99), firstAway*2
	for range 12 {
		if d := gone.after(time.Second); d < min(least, maxAway) || d > most {
			t.Fatalf("it stays away for %v, not for %v to %v", d, least, most)
		}
		least, most = least*2, min(most*2, maxAway+maxAway/4)
	}
	for range 1000 {
		if d := gone.after(time.Second); d < maxAway || d > maxAway+maxAway/4 {
			t.Fatalf("it stays away for %v", d)
		}
	}
	if d := gone.after(longEnough); d > 2*firstAway {
		t.Errorf("after a long time it stays away for %v", d)
	}
}

func TestPause(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	for _, provisioning := range []v1alpha1.Provisioning{v1alpha1.ProvisioningPaused, v1alpha1.ProvisioningEnabled} {
		endpoint := f.current()
		before := endpoint.DeepCopy()
		endpoint.Spec.Provisioning = provisioning
		if err := admin.Patch(background, endpoint, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the endpoint is "+string(provisioning), func() bool {
			return a.Paused() == (provisioning == v1alpha1.ProvisioningPaused)
		})
	}
}

func TestConsistency(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	if a.Eventual() {
		t.Error("left out, reads are eventual")
	}
	for _, consistency := range []v1alpha1.Consistency{v1alpha1.ConsistencyEventual, v1alpha1.ConsistencyStrong} {
		endpoint := f.current()
		before := endpoint.DeepCopy()
		endpoint.Spec.Consistency = consistency
		if err := admin.Patch(background, endpoint, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "reads are "+string(consistency), func() bool {
			return a.Eventual() == (consistency == v1alpha1.ConsistencyEventual)
		})
	}
}

func TestTokens(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	const first, second = token.Plaintext("scimop_first"), token.Plaintext("scimop_second")
	accepts := func(p token.Plaintext) bool { _, ok := a.Verify(string(p)); return ok }
	if a.Serving() == nil || accepts(first) {
		t.Error("without digests it serves, or lets somebody in")
	}
	f.writeDigests(digestsOf(t, first))
	eventually(t, "the first token is accepted", func() bool { return accepts(first) && a.Serving() == nil })
	f.writeDigests(digestsOf(t, first, second))
	eventually(t, "both tokens are accepted", func() bool { return accepts(first) && accepts(second) })
	secret := f.writeDigests(digestsOf(t, second))
	eventually(t, "only the second token is accepted", func() bool { return !accepts(first) && accepts(second) })
	if err := admin.Delete(background, secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody is let in, for now", func() bool { return !accepts(second) && a.Serving() != nil })
	f.writeDigests(digestsOf(t, second))
	eventually(t, "the second token is accepted again", func() bool { return accepts(second) && a.Serving() == nil })
}

func TestDigestsThatCannotBeReadChangeNothing(t *testing.T) {
	r := &Replica{}
	secret := &corev1.Secret{Data: digestsOf(t, "scimop_one")}
	r.observeDigests(secret, true)
	for _, unreadable := range []map[string][]byte{nil, {"other": nil}, {v1alpha1.DigestsKey: []byte("[")}} {
		secret.Data = unreadable
		r.observeDigests(secret, false)
		if _, ok := r.Verify("scimop_one"); !ok || !r.tokensKnown.Load() {
			t.Errorf("after %q the token is refused", unreadable)
		}
	}
}

func TestTheAPIServerComesBack(t *testing.T) {
	f := newFixture(t)
	f.writeDigests(digestsOf(t, "scimop_one"))
	a, b := f.start("a"), f.start("b")
	a.joins(t)
	b.joins(t)
	eventually(t, "a serves", func() bool { return a.Serving() == nil })
	a.network.setCut(true)
	if err := a.Serving(); err != nil {
		t.Errorf("what it knows no longer serves: %v", err)
	}
	if _, err := a.Revisions(background, 0); err != nil {
		t.Errorf("peers cannot be asked without the API server: %v", err)
	}
	b.stop()
	if err := b.Leave(background); err != nil {
		t.Fatal(err)
	}
	f.writeDigests(digestsOf(t, "scimop_two"))
	before := a.Epoch()
	a.network.setCut(false)
	eventually(t, "a learns what it missed", func() bool {
		_, ok := a.Verify("scimop_two")
		return ok && len(a.roster.view().peers) == 0 && a.Epoch() > before
	})
}

func TestAtRestNothingIsWritten(t *testing.T) {
	f := newFixture(t)
	a, b := f.start("a"), f.start("b")
	a.joins(t)
	b.joins(t)
	before := f.current().ResourceVersion
	for range 3 {
		if err := a.enter(background); err != nil {
			t.Fatal(err)
		}
		if err := b.enter(background); err != nil {
			t.Fatal(err)
		}
	}
	if after := f.current().ResourceVersion; after != before {
		t.Errorf("entering again moved the resourceVersion from %s to %s", before, after)
	}
}

func TestQuestionsThatAreNone(t *testing.T) {
	f := newFixture(t)
	a := f.start("a")
	a.joins(t)
	for path, want := range map[string]int{
		confirmPath:             400,
		confirmPath + "?name=b": 400,
		confirmPath + "?name=b&incarnation=" + strings.Repeat("x", 300): 400,
		peerPath + "secrets": 404,
		bookmarkPath:         400,
		bookmarkPath + "?page=" + strings.Repeat("x", 65): 400,
		bookmarkPath + "?page=x":                          200,
		revisionsPath:                                     200,
	} {
		response, err := a.server.Client().Get(a.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
	}
}

// The answers are a protocol between replicas of different versions during an upgrade.
func TestAnswersOnTheWire(t *testing.T) {
	for _, row := range []struct {
		answer any
		want   string
	}{
		{revisionsAnswer{identity: identity{"a", "1"}, Users: 7, Groups: 8}, `{"name":"a","incarnation":"1","users":7,"groups":8}`},
		{revisionsAnswer{identity: identity{"a", "1"}, Users: 7, Changed: []uint64{1 << 63}, Complete: true}, `{"name":"a","incarnation":"1","users":7,"groups":0,"changed":[9223372036854775808],"complete":true}`},
		{bookmarkAnswer{identity{"a", "1"}, "x"}, `{"name":"a","incarnation":"1","bookmark":"x"}`},
		{confirmAnswer{identity{"a", "1"}, true}, `{"name":"a","incarnation":"1","confirmed":true}`},
	} {
		got, err := json.Marshal(row.answer)
		if err != nil || string(got) != row.want {
			t.Errorf("%s, %v, want %s", got, err, row.want)
		}
	}
}

func TestFieldManagersAreShortAndDistinct(t *testing.T) {
	long := strings.Repeat("a", 253)
	for _, name := range []string{"okta-scim-7d9c-x2x", long, long[1:] + "b"} {
		if got := fieldManager(name); len(got) > maxManager {
			t.Errorf("%d characters", len(got))
		}
	}
	if fieldManager(long) == fieldManager(long[1:]+"b") {
		t.Error("two replicas share a field manager")
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration is accepted")
	}
}
