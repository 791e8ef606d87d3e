// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// maxMerged bounds the changes that are merged into one write.
	maxMerged = 256
	// maxQueued bounds the changes that wait for one resource.
	maxQueued = 4096
)

// writers queues the writes of each resource, so that this replica does not get into
// conflict with itself. Changes that arrive while a write of the resource is under way
// are merged into the next one.
type writers struct {
	store  *Store
	mu     sync.Mutex
	queues map[queueKey][]*change

	unfinished atomic.Int64 // changes under way for which no client waits
}

type queueKey struct {
	kind *kind
	id   string
}

// change is one client's change of one resource.
type change struct {
	match     Match
	mutate    Mutate
	exclusive func(context.Context) (*Resource, error) // instead of mutate: runs alone
	outcome   chan outcome                             // has room for one

	abandoned bool // its client no longer waits; guarded by writers.mu
	finished  bool // outcome has been sent; guarded by writers.mu
}

type outcome struct {
	resource *Resource
	changed  bool
	err      error
	panicked *panicked // instead of an answer
}

// do queues a change and waits for what became of it. It panics when the change does.
func (w *writers) do(ctx context.Context, k *kind, id string, c *change) outcome {
	c.outcome = make(chan outcome, 1)
	if !w.enqueue(queueKey{k, id}, c) { //nolint:contextcheck // a write serves several clients and outlives each
		return outcome{err: unavailable(errTooManyWriters)}
	}
	select {
	case o := <-c.outcome:
		o.panicked.again()
		return o
	case <-ctx.Done():
		w.abandon(queueKey{k, id}, c)
		return outcome{err: unavailable(ctx.Err())}
	}
}

// abandon takes a change whose client no longer waits out of its queue, and with it what
// the client sent. A write under way goes on, and counts as unfinished until it ends.
func (w *writers) abandon(key queueKey, c *change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.abandoned = true
	queue := w.queues[key]
	if i := slices.Index(queue, c); i >= 0 {
		w.queues[key] = slices.Delete(queue, i, i+1)
	} else if !c.finished {
		w.unfinished.Add(1)
	}
}

// finish answers a change.
func (w *writers) finish(c *change, o outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.finished = true
	c.outcome <- o
	if c.abandoned {
		w.unfinished.Add(-1)
	}
}

// Unfinished returns the number of writes that go on although their clients no longer
// wait. Each ends by itself within the bound on a write.
func (s *Store) Unfinished() int { return int(s.writers.unfinished.Load()) }

// exclusive runs a write of a resource while no other is under way.
func (w *writers) exclusive(ctx context.Context, k *kind, id string, run func(context.Context) (*Resource, error)) (*Resource, error) {
	o := w.do(ctx, k, id, &change{exclusive: run})
	return o.resource, o.err
}

func (w *writers) enqueue(key queueKey, c *change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue, busy := w.queues[key]
	if len(queue) >= maxQueued {
		return false
	}
	if w.queues == nil {
		w.queues = map[queueKey][]*change{}
	}
	w.queues[key] = append(queue, c)
	if !busy {
		go w.drain(key)
	}
	return true
}

// drain writes what is queued for a resource until nothing is. After a refusal the groups
// of changes are as small as the one that went through, and then grow again: many changes
// that are refused cost two or three writes each.
func (w *writers) drain(key queueKey) {
	for size := maxMerged; ; {
		batch := w.next(key, size)
		if len(batch) == 0 {
			return
		}
		done := w.work(key, batch)
		for i, o := range done.outcomes {
			w.finish(batch[i], o)
		}
		w.requeue(key, batch[len(done.outcomes):])
		if done.split {
			size = len(done.outcomes)
		} else {
			size = min(2*size, maxMerged)
		}
	}
}

// work carries out changes and returns what became of the first of them. A panic is the
// outcome of the one change whose it is: when that cannot be told, each is tried alone.
func (w *writers) work(key queueKey, batch []*change) (done settled) {
	ctx, cancel := context.WithTimeout(context.Background(), w.store.timeouts.write)
	defer cancel()
	p := contained(func() {
		if run := batch[0].exclusive; run != nil {
			r, err := run(ctx)
			done.outcomes = []outcome{{resource: r, err: err}}
		} else {
			done = w.store.settleChanges(ctx, key.kind, key.id, batch)
		}
	})
	switch {
	case p == nil:
		return done
	case len(batch) > 1:
		return w.work(key, batch[:1])
	}
	w.store.logPanic(key.kind, key.id, p)
	return settled{outcomes: []outcome{{panicked: p}}}
}

// next takes the changes of the next write off a queue: one that runs alone, or several,
// up to a number, that can be merged. Without any it closes the queue.
func (w *writers) next(key queueKey, size int) []*change {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.queues[key]
	taken := 0
	for taken < len(queue) && taken < size {
		if queue[taken].exclusive != nil {
			taken = max(taken, 1)
			break
		}
		taken++
	}
	if taken == 0 {
		delete(w.queues, key)
		return nil
	}
	batch := slices.Clone(queue[:taken])
	w.queues[key] = slices.Delete(queue, 0, taken) // keeps none of them
	return batch
}

// requeue puts changes that were not written in front again, but for those that no client
// waits for.
func (w *writers) requeue(key queueKey, rest []*change) {
	if len(rest) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := slices.DeleteFunc(slices.Clone(rest), func(c *change) bool { return c.abandoned })
	w.unfinished.Add(int64(len(waiting) - len(rest)))
	w.queues[key] = append(waiting, w.queues[key]...)
}
