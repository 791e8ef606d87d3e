// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

// testPeers are the other replicas, asked without a network.
type testPeers struct {
	mu     sync.Mutex
	others []*replica
	silent bool
	epoch  uint64
	asked  atomic.Int64
}

func (p *testPeers) Revisions(_ context.Context, since uint64) (Revisions, error) {
	p.asked.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent {
		return Revisions{}, errors.New("a peer did not answer")
	}
	newest := Revisions{Complete: true}
	for _, other := range p.others {
		newest.Advance(other.Revisions(since))
	}
	return newest, nil
}

func (p *testPeers) Alone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.others) == 0 && !p.silent
}

func (p *testPeers) Epoch() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch
}

func (p *testPeers) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// laggard is a client whose watches bring nothing new while they are held up, but for
// those that catch up, and which counts what is read.
type laggard struct {
	client
	gate     sync.RWMutex
	deaf     atomic.Bool // watches that catch up bring nothing either
	reads    atomic.Int64
	catchUps atomic.Int64
	mu       sync.Mutex
	lists    map[resource]int // of everything
	opened   map[resource]int // watches but for those that catch up
}

func (l *laggard) watches(r resource) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened[r]
}

// listed is how often everything of a kind was listed since the last call.
func (l *laggard) listed() map[resource]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	lists := l.lists
	l.lists = map[resource]int{}
	return lists
}

func (l *laggard) wrap(c client) client {
	l.client, l.lists, l.opened = c, map[resource]int{}, map[resource]int{}
	return l
}

func (l *laggard) watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error) {
	w, err := l.client.watch(ctx, r, o)
	if err != nil {
		return nil, err
	}
	if o.TimeoutSeconds != nil && *o.TimeoutSeconds == bookmarkWatch {
		l.catchUps.Add(1)
		return watch.Filter(w, func(e watch.Event) (watch.Event, bool) { return e, !l.deaf.Load() }), nil
	}
	l.mu.Lock()
	l.opened[r]++
	l.mu.Unlock()
	return watch.Filter(w, func(e watch.Event) (watch.Event, bool) {
		l.gate.RLock()
		defer l.gate.RUnlock()
		return e, true
	}), nil
}

func (l *laggard) get(ctx context.Context, r resource, name string, into object) error {
	l.reads.Add(1)
	return l.client.get(ctx, r, name, into)
}

func (l *laggard) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	l.reads.Add(1)
	if !strings.HasPrefix(o.FieldSelector, "metadata.name=") {
		l.mu.Lock()
		l.lists[r]++
		l.mu.Unlock()
	}
	return l.client.list(ctx, r, o, into)
}

// pair starts two replicas that know each other; the watches of the second can be held up.
func pair(t *testing.T, w *world) (writer, reader *replica, peers *testPeers, lag *laggard) {
	t.Helper()
	peers, lag = &testPeers{}, &laggard{}
	back := &testPeers{}
	writer = w.start(func(c *Config) { c.Peers = back }, nil)
	reader = w.start(func(c *Config) {
		c.Peers, c.BarrierTimeout = peers, 100*time.Millisecond
		c.probeAfter, c.MaxStaleness = time.Hour, time.Hour // what is read is counted
	}, lag.wrap)
	peers.set(func() { peers.others = []*replica{writer} })
	back.set(func() { back.others = []*replica{reader} })
	return writer, reader, peers, lag
}

func TestAReplicaReadsWhatAnotherAcknowledged(t *testing.T) {
	w := newWorld(t)
	writer, reader, _, lag := pair(t, w)
	reader.timeouts.barrier = patience // the watch comes, however slow this machine is
	before := lag.reads.Load()
	for i := range 100 {
		u := writer.user(userBody(fmt.Sprintf("user%d", i)))
		if got := reader.find(reader.users.rt, fmt.Sprintf(`userName eq "user%d"`, i)); !slices.Equal(got, []string{u.ID}) {
			t.Fatalf("user%d: found %v, want %s", i, got, u.ID)
		}
		g := writer.group(groupBody(fmt.Sprintf("group%d", i), u.ID))
		writer.patch(writer.groups.rt, g.ID, operation("add", numbered(0, 1+i*13)...))
		if got := reader.readGroup(g.ID); got.Members().Len() != 2+i*13 {
			t.Fatalf("group%d has %d members, want %d", i, got.Members().Len(), 2+i*13)
		}
		writer.delete(writer.users.rt, u.ID)
		requireNotFound(t, errorOf(reader.Get(t.Context(), reader.users.rt, u.ID)))
	}
	if reads := lag.reads.Load() - before; reads != 0 {
		t.Errorf("the reader asked the API server %d times", reads)
	}
}

func TestAReplicaWhoseWatchLagsReadsFromTheAPIServer(t *testing.T) {
	w := newWorld(t)
	writer, reader, _, lag := pair(t, w)
	u := writer.user(userBody("quinn", `"externalId":"1"`, `"title":"Old"`))
	g := writer.group(groupBody("Staff", numbered(0, 1500)...))
	gone := writer.user(userBody("rita", `"externalId":"2"`))
	if _, err := reader.Get(t.Context(), reader.users.rt, u.ID); err != nil {
		t.Fatal(err)
	}
	reader.readGroup(g.ID)
	lag.gate.Lock()
	defer lag.gate.Unlock()

	writer.patch(writer.users.rt, u.ID, `{"op":"replace","path":"title","value":"New"}`)
	read, err := reader.Get(t.Context(), reader.users.rt, u.ID)
	if err != nil || scimtest.Value(read.Object(), "title") != "New" {
		t.Errorf("a read shows %v, %v", read, err)
	}
	writer.patch(writer.users.rt, u.ID, `{"op":"replace","path":"title","value":"Old"}`)
	if found := reader.find(reader.users.rt, `title eq "New"`); len(found) != 0 {
		t.Errorf("a list finds what is no longer so: %v", found)
	}
	// What changes nothing in the reader's index changes something.
	writer.patch(writer.users.rt, u.ID, `{"op":"replace","path":"title","value":"Newer"}`)
	_, changed, err := reader.tryPatch(reader.users.rt, u.ID, `{"op":"replace","path":"title","value":"Old"}`, Match{})
	if err != nil || !changed {
		t.Errorf("a change of what was changed elsewhere: %v, %v", changed, err)
	}
	writer.patch(writer.groups.rt, g.ID, operation("add", "one-more"))
	if got := reader.readGroup(g.ID).Members().Len(); got != 1501 {
		t.Errorf("a group has %d members, want 1501", got)
	}
	created := writer.user(userBody("sam"))
	if _, err := reader.Get(t.Context(), reader.users.rt, created.ID); err != nil {
		t.Errorf("a new user: %v", err)
	}
	other := writer.user(userBody("tess"))
	reader.patch(reader.users.rt, other.ID, `{"op":"replace","path":"title","value":"X"}`)
	writer.delete(writer.users.rt, gone.ID)
	if back := reader.user(userBody("rita", `"externalId":"2"`)); back.ID != gone.ID {
		t.Error("a user who comes back elsewhere has another id")
	}
	writer.delete(writer.groups.rt, g.ID)
	requireNotFound(t, errorOf(reader.Get(t.Context(), reader.groups.rt, g.ID)))
}

func TestAPeerThatDoesNotAnswerCostsNoWrite(t *testing.T) {
	w := newWorld(t)
	writer, reader, peers, lag := pair(t, w)
	lag.gate.Lock()
	defer lag.gate.Unlock()
	peers.set(func() { peers.silent = true })
	u := writer.user(userBody("uma"))
	if got := reader.find(reader.users.rt, `userName eq "uma"`); !slices.Equal(got, []string{u.ID}) {
		t.Errorf("found %v", got)
	}
	// The peer is lost, and with it what it had acknowledged.
	v := writer.user(userBody("vera"))
	peers.set(func() { peers.silent, peers.others, peers.epoch = false, nil, 1 })
	if _, err := reader.Get(t.Context(), reader.users.rt, v.ID); err != nil {
		t.Errorf("after a peer was lost: %v", err)
	}
	if got := reader.find(reader.users.rt, `userName eq "vera"`); !slices.Equal(got, []string{v.ID}) {
		t.Errorf("after a peer was lost, found %v", got)
	}
	before, asked := lag.reads.Load(), peers.asked.Load()
	reader.find(reader.users.rt, `userName eq "vera"`)
	if reads := lag.reads.Load() - before; reads != 0 {
		t.Errorf("the index was refreshed again, with %d reads", reads)
	}
	if peers.asked.Load() != asked {
		t.Error("a replica that is alone asked its peers")
	}
}

func TestThoseWhoWaitShareOneRunThatBeganAfterThem(t *testing.T) {
	var runs atomic.Int64
	started, gate := make(chan int64, 16), make(chan struct{})
	s := &shared[int64]{timeout: patience, run: func(context.Context) (int64, error) {
		n := runs.Add(1)
		started <- n
		<-gate
		return n, nil
	}}
	results := make(chan int64, 16)
	var waiting sync.WaitGroup
	ask := func() {
		n, err := s.do(t.Context())
		if err != nil {
			t.Error(err)
		}
		results <- n
	}
	waiting.Go(ask)
	<-started
	var joined sync.WaitGroup
	for range 10 {
		joined.Add(1)
		waiting.Go(func() {
			run := s.join()
			joined.Done()
			<-run.done
			results <- run.value
		})
	}
	joined.Wait()
	close(gate)
	waiting.Wait()
	close(results)
	count := map[int64]int{}
	for n := range results {
		count[n]++
	}
	if count[1] != 1 || count[2] != 10 {
		t.Errorf("runs were shared as %v, want one by the first and ten in the second", count)
	}
}

// Who reads single resources, as identity providers do, reads them from the index again soon.
func TestAPeerThatWasLostCostsFewReads(t *testing.T) {
	w := newWorld(t)
	writer, reader, peers, lag := pair(t, w)
	u := writer.user(userBody("wanda"))
	peers.set(func() { peers.epoch = 1 })
	eventually(t, "a read asks the API server nothing", func() bool {
		before := lag.reads.Load()
		if _, err := reader.Get(t.Context(), reader.users.rt, u.ID); err != nil {
			t.Fatal(err)
		}
		return reader.users.refresher.epoch.Load() == 1 && lag.reads.Load() == before
	})
}

// Of one user, only what concerns the user is waited for.
func TestAUserIsReadWithoutWaitingForOthers(t *testing.T) {
	w := newWorld(t)
	writer, reader, _, lag := pair(t, w)
	u, other := writer.user(userBody("xenia")), writer.user(userBody("yves"))
	eventually(t, "the reader has caught up", func() bool {
		return reader.index.seen(reader.users.shelf) >= writer.Revisions(0).Users
	})
	lag.gate.Lock()
	defer lag.gate.Unlock()
	reader.timeouts.barrier = 2 * time.Second // the answer of the peer comes, however slow this machine is
	writer.patch(writer.users.rt, other.ID, `{"op":"replace","path":"title","value":"New"}`)
	before := lag.reads.Load()
	if _, err := reader.Get(t.Context(), reader.users.rt, u.ID); err != nil {
		t.Fatal(err)
	}
	if reads := lag.reads.Load() - before; reads != 0 {
		t.Errorf("a user who has not changed was read with %d calls", reads)
	}
	read, err := reader.Get(t.Context(), reader.users.rt, other.ID)
	if err != nil || scimtest.Value(read.Object(), "title") != "New" {
		t.Errorf("the user who has changed is %v, %v", read, err)
	}
	for range len(recent{}.changes) {
		writer.patch(writer.users.rt, other.ID, `{"op":"replace","path":"title","value":"Newer"}`)
		writer.patch(writer.users.rt, other.ID, `{"op":"replace","path":"title","value":"Newest"}`)
	}
	before = lag.reads.Load()
	if _, err := reader.Get(t.Context(), reader.users.rt, u.ID); err != nil {
		t.Fatal(err)
	}
	if lag.reads.Load() == before {
		t.Error("after more changes than are remembered, a user was read as if none concerned her")
	}
}

// Whether the manager of a user exists shows with the user, on every replica at once.
func TestAUserIsReadWithWhoIsTheManager(t *testing.T) {
	const manager = scim.EnterpriseUserSchema + ":manager"
	w := newWorld(t)
	writer, reader, peers, lag := pair(t, w)
	boss := writer.user(userBody("boss"))
	u := writer.user(userBody("ann", fmt.Sprintf(`%q:{"manager":{"value":%q}}`, scim.EnterpriseUserSchema, boss.ID)))
	eventually(t, "the reader has caught up", func() bool {
		return reader.index.seen(reader.users.shelf) >= writer.Revisions(0).Users
	})
	reference := func() scim.Value {
		t.Helper()
		read, err := reader.Get(t.Context(), reader.users.rt, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		return scimtest.Value(read.Object(), manager+".$ref")
	}
	lag.gate.Lock()
	defer lag.gate.Unlock()
	if reference() == nil {
		t.Error("there is no reference to the manager, who exists")
	}
	writer.delete(writer.users.rt, boss.ID)
	if got := reference(); got != nil {
		t.Errorf("after the manager was deleted the reference is %v", got)
	}
	peers.set(func() { peers.silent = true })
	other := writer.user(userBody("other"))
	writer.patch(writer.users.rt, u.ID, fmt.Sprintf(`{"op":"replace","path":%q,"value":%q}`, manager, other.ID))
	if reference() == nil {
		t.Error("while a peer is silent there is no reference to the new manager")
	}
}

func TestRecentChanges(t *testing.T) {
	var r recent
	var newest atomic.Uint64
	add := func(id string, revision uint64) { r.add(id, revision, &newest) }
	hashes := func(ids []string) (hashes []uint64) {
		for _, id := range ids {
			hashes = append(hashes, idHash(id))
		}
		return hashes
	}
	for _, row := range []struct {
		name     string
		do       func()
		since    uint64
		ids      []string
		complete bool
	}{
		{"nothing has happened", func() {}, 0, nil, true},
		{"what came after", func() { add("a", 5); add("b", 7); add("c", 6) }, 5, []string{"b", "c"}, true},
		{"all of it", func() {}, 0, []string{"a", "b", "c"}, true},
		{"nothing newer", func() {}, 7, nil, true},
		{"before a list", func() { r.forget(6) }, 5, nil, false},
		{"after a list", func() {}, 6, []string{"b"}, true},
		{"more than are remembered", func() {
			for i := range uint64(len(r.changes)) {
				add("d", 10+i)
			}
		}, 6, nil, false},
		{"as many as are remembered", func() {}, 72, []string{"d"}, true},
	} {
		row.do()
		if ids, complete := r.since(row.since); !slices.Equal(ids, hashes(row.ids)) || complete != row.complete {
			t.Errorf("%s: %v, %v, want %v, %v", row.name, ids, complete, row.ids, row.complete)
		}
	}
}
