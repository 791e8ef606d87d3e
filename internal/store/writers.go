// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"sync"
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
}

type queueKey struct {
	kind *kind
	id   string
}

// change is one client's change of one resource.
type change struct {
	match     Match
	mutate    Mutate
	exclusive func(context.Context) error // instead of mutate: runs alone
	abandoned bool                        // its client no longer waits; guarded by writers.mu
	outcome   chan outcome                // has room for one
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
		w.forget(queueKey{k, id}, c)
		return outcome{err: unavailable(ctx.Err())}
	}
}

// forget takes a change whose client no longer waits out of its queue, and with it what
// the client sent. A write under way goes on.
func (w *writers) forget(key queueKey, c *change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.abandoned = true
	if queue, busy := w.queues[key]; busy {
		w.queues[key] = slices.DeleteFunc(queue, func(other *change) bool { return other == c })
	}
}

// exclusive runs a write of a resource while no other is under way.
func (w *writers) exclusive(ctx context.Context, k *kind, id string, run func(context.Context) error) error {
	return w.do(ctx, k, id, &change{exclusive: run}).err
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

// drain writes what is queued for a resource until nothing is.
func (w *writers) drain(key queueKey) {
	for {
		batch := w.next(key)
		if len(batch) == 0 {
			return
		}
		outcomes := w.work(key, batch)
		for i, o := range outcomes {
			batch[i].outcome <- o
		}
		w.requeue(key, batch[len(outcomes):])
	}
}

// work carries out changes and gives what became of the first of them; the others are
// for the next write. A panic is the outcome of the one change whose it is: when that
// cannot be told, each is tried alone.
func (w *writers) work(key queueKey, batch []*change) (outcomes []outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), w.store.timeouts.write)
	defer cancel()
	p := contained(func() {
		if batch[0].exclusive != nil {
			outcomes = []outcome{{err: batch[0].exclusive(ctx)}}
		} else {
			outcomes = w.store.settleChanges(ctx, key.kind, key.id, batch)
		}
	})
	switch {
	case p == nil:
		return outcomes
	case len(batch) > 1:
		return w.work(key, batch[:1])
	}
	w.store.logPanic(key.kind, key.id, p)
	return []outcome{{panicked: p}}
}

// next takes the changes of the next write off a queue: one that runs alone, or several
// that can be merged. Without any it closes the queue.
func (w *writers) next(key queueKey) []*change {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.queues[key]
	taken := 0
	for taken < len(queue) && taken < maxMerged {
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

// requeue puts changes that could not be merged in front again.
func (w *writers) requeue(key queueKey, rest []*change) {
	if len(rest) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	rest = slices.DeleteFunc(slices.Clone(rest), func(c *change) bool { return c.abandoned })
	w.queues[key] = append(rest, w.queues[key]...)
}
