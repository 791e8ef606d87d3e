// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"sync"
	"time"
)

const (
	// maxFetches is how many documents are fetched at a time, maxPerNamespace how many of
	// them for one namespace: hosts that do not answer hold up their own tenant alone.
	maxFetches      = 16
	maxPerNamespace = 2
	// firstPause is how long a namespace waits after a failed fetch. It is doubled with each
	// further one, up to lastPause.
	firstPause = 200 * time.Millisecond
	lastPause  = 10 * time.Second
)

// fetch is one fetch; its error says that the host did not answer as it should.
type fetch func(ctx context.Context) error

// fetches runs fetches beside the reconciles. Namespaces take turns.
type fetches struct {
	ctx context.Context //nolint:containedctx // of the process: fetches end with it

	mu      sync.Mutex
	running int
	// turns are the namespaces that have a fetch that may begin.
	turns []string
	lanes map[string]*lane
}

// lane has the fetches of one namespace.
type lane struct {
	waiting  []fetch
	running  int
	failures int
	// paused until a timer puts it among the turns again; queued while it is there.
	paused, queued bool
}

func newFetches(ctx context.Context) *fetches {
	return &fetches{ctx: ctx, lanes: map[string]*lane{}}
}

// add has a fetch run as soon as it is the turn of its namespace.
func (f *fetches) add(namespace string, run fetch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.lanes[namespace]
	if !ok {
		l = &lane{}
		f.lanes[namespace] = l
	}
	l.waiting = append(l.waiting, run)
	f.enqueue(namespace, l)
	f.begin()
}

func (f *fetches) enqueue(namespace string, l *lane) {
	if !l.queued && !l.paused && len(l.waiting) > 0 && l.running < maxPerNamespace {
		l.queued = true
		f.turns = append(f.turns, namespace)
	}
}

// begin begins what may begin.
func (f *fetches) begin() {
	for f.running < maxFetches && len(f.turns) > 0 {
		namespace := f.turns[0]
		f.turns = f.turns[1:]
		l := f.lanes[namespace]
		run := l.waiting[0]
		l.waiting, l.queued = l.waiting[1:], false
		l.running++
		f.running++
		f.enqueue(namespace, l)
		go func() { f.end(namespace, l, run(f.ctx)) }()
	}
}

// end makes room for the next, after a pause where the fetch has failed.
func (f *fetches) end(namespace string, l *lane, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.running--
	f.running--
	if err == nil {
		l.failures = 0
	} else {
		f.pause(namespace, l)
	}
	f.enqueue(namespace, l)
	if !l.paused && l.running == 0 && len(l.waiting) == 0 {
		delete(f.lanes, namespace)
	}
	f.begin()
}

func (f *fetches) pause(namespace string, l *lane) {
	if l.paused {
		return
	}
	wait := min(firstPause<<min(l.failures, 10), lastPause)
	l.failures++
	l.paused = true
	time.AfterFunc(wait, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		l.paused = false
		f.enqueue(namespace, l)
		f.begin()
	})
}
