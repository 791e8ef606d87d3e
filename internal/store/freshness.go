// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// freshness is how old what a feed has brought may be. An open watch proves nothing, as a
// connection that hangs is open too. So the API server is asked from time to time how far
// it has come: when all that has been fed, the feed is as fresh as the question.
type freshness struct {
	freshAt     atomic.Int64 // when the last question was sent that has been reached, as sinceStart has it
	asked       atomic.Int64 // when the list was asked for that is under way
	brokenSince atomic.Int64 // when the watch broke; 0 while it is open

	watched atomic.Uint64 // revision that the watch has come to
	caught  atomic.Uint64 // revision that another watch has come to, which catches up
}

const (
	// probeAfter is the age at which the API server is asked how far it has come.
	probeAfter = 20 * time.Second
	// deafAfter is how long a watch may lack what another one has brought.
	deafAfter = 2 * time.Second
)

// started is when this process did, with a reading of the monotonic clock.
var started = time.Now()

// sinceStart is a time that no change of the clock moves, in nanoseconds above 0.
func sinceStart() int64 { return int64(time.Since(started)) + 1 }

func (f *freshness) broke() { f.brokenSince.CompareAndSwap(0, sinceStart()) }

func (f *freshness) mended() { f.brokenSince.Store(0) }

// brokenFor is how long there has been no watch.
func (f *freshness) brokenFor() time.Duration {
	since := f.brokenSince.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(sinceStart() - since)
}

// age is for how long changes may have been missed, at a time.
func (f *freshness) age(now int64) time.Duration { return time.Duration(now - f.freshAt.Load()) }

// listed records that a list has been taken in.
func (f *freshness) listed(revision uint64) {
	f.watched.Store(revision)
	f.reached(f.asked.Load())
}

// watchedTo records that everything up to a revision has been fed.
func (f *freshness) watchedTo(revision uint64) {
	if revision > f.watched.Load() {
		f.watched.Store(revision)
	}
}

// reached records that everything has been fed that there was when a question was sent.
func (f *freshness) reached(sent int64) {
	if sent > f.freshAt.Load() {
		f.freshAt.Store(sent)
	}
}

// stale returns an error when the feed is not synced or older than a bound.
func (f *feed) stale(now int64, bound time.Duration) error {
	if !f.synced.Load() {
		return fmt.Errorf("%s are not synced yet", f.resource)
	}
	if age := f.age(now); age > bound {
		return fmt.Errorf("what is known of %s may be %v old", f.resource, age.Round(time.Second))
	}
	return nil
}

// keepFresh makes sure that a feed is fresh until ctx ends.
func (f *feed) keepFresh(ctx context.Context) {
	interval := f.store.timeouts.probe
	ticker := time.NewTicker(max(interval/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !f.synced.Load() || f.age(sinceStart()) < interval {
			continue
		}
		if err := f.probe(ctx); err != nil && ctx.Err() == nil {
			f.store.log.V(1).Info("Whether a watch has brought everything is not known", "resource", f.resource, "error", err.Error())
		}
	}
}

// probe asks the API server how far it has come, and brings what is missing. At rest the
// watch is behind until its next bookmark, because revisions are those of everything in
// the cluster.
func (f *feed) probe(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	sent := sinceStart()
	newest, err := f.newestRevision(asking)
	if err != nil {
		return err
	}
	missed, err := f.catchUp(ctx, newest)
	if err != nil {
		return err
	}
	f.reached(sent)
	return f.unlessDeaf(ctx, missed)
}

// unlessDeaf opens the watch again when it does not bring what another one has brought.
func (f *feed) unlessDeaf(ctx context.Context, missed uint64) error {
	if f.watched.Load() >= missed {
		return nil
	}
	sleep(ctx, deafAfter)
	if s := f.stream.Load(); s != nil && f.watched.Load() < missed {
		f.store.log.Info("A watch is open and brings nothing; it is opened again", "resource", f.resource)
		s.renew()
	}
	return nil
}
