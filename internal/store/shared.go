// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"time"
)

// shared runs something for all who wait for it at a time: one run is under way, and
// those who come meanwhile share the next one, which begins after they came.
type shared[T any] struct {
	run     func(context.Context) (T, error)
	timeout time.Duration

	mu            sync.Mutex
	current, next *sharedRun[T]
}

type sharedRun[T any] struct {
	done  chan struct{}
	value T
	err   error

	panicked *panicked
}

// do gives the result of a run that began after do was called. It panics when the run
// does.
func (s *shared[T]) do(ctx context.Context) (T, error) {
	run := s.join()
	select {
	case <-run.done:
		run.panicked.again()
		return run.value, run.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// join gives a run that has not begun yet and will.
func (s *shared[T]) join() *sharedRun[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		s.current = &sharedRun[T]{done: make(chan struct{})}
		go s.loop(s.current)
		return s.current
	}
	if s.next == nil {
		s.next = &sharedRun[T]{done: make(chan struct{})}
	}
	return s.next
}

// loop runs until nobody waits.
func (s *shared[T]) loop(run *sharedRun[T]) {
	for run != nil {
		ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
		run.panicked = contained(func() { run.value, run.err = s.run(ctx) })
		cancel()
		close(run.done)
		s.mu.Lock()
		s.current, s.next = s.next, nil
		run = s.current
		s.mu.Unlock()
	}
}
