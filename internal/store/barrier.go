// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// barrier makes reads see every write acknowledged before they began. A replica's own
// writes are in its index before they are acknowledged. For those of the others a
// reader asks, after it began, for the newest revision that each has acknowledged or
// shown, and waits until its own watch has come to it. Where that cannot be learned (a
// peer does not answer) or was lost (a peer is gone: its epoch is over), or the watch
// does not come, it reads from the API server.
type barrier struct {
	peers Peers
	ask   shared[answer]
}

type answer struct {
	revisions Revisions
	epoch     uint64
}

// refresher reads all resources of a kind from the API server.
type refresher struct {
	shared[struct{}]
	epoch atomic.Uint64 // up to which what peers had acknowledged is in the index
}

func (s *Store) newBarrier(peers Peers) *barrier {
	b := &barrier{peers: peers}
	b.ask.timeout = s.timeouts.barrier
	b.ask.run = func(ctx context.Context) (answer, error) {
		revisions, err := peers.Revisions(ctx, s.index.seen(s.users.shelf))
		// After the question: a peer that was lost meanwhile is in this epoch.
		return answer{revisions: revisions, epoch: peers.Epoch()}, err
	}
	for _, k := range s.kinds {
		k.refresher.timeout = s.timeouts.refresh
		k.refresher.run = func(ctx context.Context) (struct{}, error) { return struct{}{}, s.renew(ctx, k) }
	}
	return b
}

// fresh returns when the index shows every write of the kinds that was acknowledged
// before the call, refreshing what would not come by itself.
func (s *Store) fresh(ctx context.Context, kinds ...*kind) error {
	behind, err := s.behind(ctx, "", kinds...)
	if err != nil {
		return err
	}
	return s.refresh(ctx, behind...)
}

// behind waits for the kinds to catch up and gives those that did not. Of users only the
// one matters that is named, if one is: it is not waited for what others have become.
func (s *Store) behind(ctx context.Context, user string, kinds ...*kind) ([]*kind, error) {
	if err := s.serving(); err != nil {
		return nil, err
	}
	if s.barrier.peers == nil {
		return nil, nil
	}
	a, err := s.barrier.question(ctx)
	if ctx.Err() != nil {
		return nil, unavailable(ctx.Err())
	}
	if err != nil {
		s.log.V(1).Info("A peer did not answer; reading from the API server", "reason", err.Error())
		return kinds, nil
	}
	var behind []*kind
	late := time.Now().Add(s.timeouts.barrier)
	for _, k := range kinds {
		if a.epoch > k.refresher.epoch.Load() {
			behind = append(behind, k)
			continue
		}
		if k == s.users && s.spares(&a.revisions, user) {
			continue
		}
		if !s.index.waitUntil(ctx, late, k.shelf, a.revisions.of(s, k)) {
			behind = append(behind, k)
		}
	}
	if ctx.Err() != nil {
		return nil, unavailable(ctx.Err())
	}
	return behind, nil
}

// spares reports whether nothing has changed of what an answer about a user shows of users:
// the user, and whether the manager exists.
func (s *Store) spares(r *Revisions, user string) bool {
	if !r.spares(user) {
		return false
	}
	e, ok := s.index.view().users.live.find(user)
	return !ok || e.manager == "" || r.spares(e.manager)
}

// question asks the peers, if there are any.
func (b *barrier) question(ctx context.Context) (answer, error) {
	if b.peers.Alone() {
		// After that: a peer that was lost meanwhile is in this epoch.
		return answer{epoch: b.peers.Epoch()}, nil
	}
	return b.ask.do(ctx)
}

// waitUntil is waitFor until a time at most. Most readers need not wait, and so no timer.
func (x *index) waitUntil(ctx context.Context, late time.Time, s *shelf, revision uint64) bool {
	if revision == 0 || x.shows(s, revision) {
		return true
	}
	ctx, cancel := context.WithDeadline(ctx, late)
	defer cancel()
	return x.waitFor(ctx, s, revision)
}

// shows says whether readers see everything up to the revision.
func (x *index) shows(s *shelf, revision uint64) bool { return x.seen(s) >= revision }

// seen is the revision up to which readers see everything.
func (x *index) seen(s *shelf) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return s.seen()
}

// waitFor returns true when readers see everything up to the revision, and false when
// they do not before ctx ends.
func (x *index) waitFor(ctx context.Context, s *shelf, revision uint64) bool {
	for {
		x.mu.Lock()
		seen, advanced := s.seen(), x.advanced
		x.mu.Unlock()
		if seen >= revision {
			return true
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return false
		}
	}
}

// renewLater has a kind renewed for all who come later, where what a lost peer had
// acknowledged may be missing, whatever becomes of this reader.
func (s *Store) renewLater(k *kind) {
	if s.barrier.peers != nil && s.barrier.peers.Epoch() > k.refresher.epoch.Load() {
		k.refresher.join()
	}
}

// refresh brings the index up to what the API server has after the call. Those who wait
// for a kind at a time share one refreshment.
func (s *Store) refresh(ctx context.Context, kinds ...*kind) error {
	var refreshing errgroup.Group
	for _, k := range kinds {
		refreshing.Go(func() error {
			if _, err := k.refresher.do(ctx); err != nil {
				return s.answer(err, k)
			}
			return nil
		})
	}
	return refreshing.Wait()
}

// renew brings a kind up to what the API server has after the call.
func (s *Store) renew(ctx context.Context, k *kind) error {
	started := time.Now()
	var epoch uint64
	if s.barrier.peers != nil {
		epoch = s.barrier.peers.Epoch()
	}
	how, err := s.renewIndex(ctx, k)
	if err != nil {
		return err
	}
	if k == s.groups {
		if err := s.completeGroups(ctx); err != nil {
			return err
		}
	}
	k.refresher.epoch.Store(max(k.refresher.epoch.Load(), epoch))
	s.log.V(1).Info("Refreshed the index from the API server", "resource", k.resource, "by", how,
		"seconds", time.Since(started).Seconds())
	return nil
}

const (
	// eventPatience is how long an event is waited for that makes a list needless.
	eventPatience = 25 * time.Millisecond
	// listedAtOnce is the number of resources whose list takes no longer than that.
	listedAtOnce = 500
)

// renewIndex goes the way that is cheapest: often nothing has been written anywhere since
// the index was renewed; a list of everything takes as long as there are resources, and
// catching up a second or two.
func (s *Store) renewIndex(ctx context.Context, k *kind) (how string, err error) {
	newest, err := k.feed.newestRevision(ctx)
	if err != nil {
		return "", err
	}
	if known, _ := s.index.progress(k.shelf); known >= newest {
		return "revision", nil
	}
	// Where much is written, the next event says that the watch has come there.
	if s.index.size(k.shelf) > listedAtOnce && s.index.waitUntil(ctx, time.Now().Add(eventPatience), k.shelf, newest) {
		return "event", nil
	}
	if s.index.size(k.shelf) > s.timeouts.relistBelow {
		if _, err := k.feed.catchUp(ctx, newest); err == nil || ctx.Err() != nil {
			return "watch", err
		}
	}
	return "list", s.relist(ctx, k)
}

// relist reads everything of a kind with one consistent list.
func (s *Store) relist(ctx context.Context, k *kind) error {
	list := k.newList()
	if err := s.client.list(ctx, k.resource, s.listOptions(k, metav1.ListOptions{}), list); err != nil {
		return err
	}
	revision, err := listRevision(list)
	if err != nil {
		return err
	}
	var objects []any
	if err := meta.EachListItem(list, func(o runtime.Object) error { objects = append(objects, o); return nil }); err != nil {
		return err
	}
	return s.replace(k, objects, revision, false)
}

// completeGroups makes the newest version of every group visible.
func (s *Store) completeGroups(ctx context.Context) error {
	for _, id := range s.index.pendingGroups() {
		if _, err := s.live(ctx, s.groups, id); err != nil {
			return err
		}
	}
	return nil
}
