// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// errCrashed stands for the end of the process, or of its connection.
var errCrashed = errors.New("connection lost")

// faults is a client whose calls can be made to fail, held up or counted.
type faults struct {
	client
	mu     sync.Mutex
	writes []string // what was written so far, such as "create scimclaims"

	// lose is called for every write with what it is and how many were before. It says
	// whether the write is carried out, and whether its answer arrives.
	lose func(write string, before int) (carriedOut, answered bool)
	// broken says with which fault a write is answered; nil for none.
	broken func(before int) *fault
	// failing makes every call fail.
	failing bool

	stalling chan struct{}
	stallIn  int
	held     map[string]chan struct{}
	holdings int
}

func (f *faults) wrap(c client) client {
	f.client = c
	return f
}

// crashAfter makes the process die at its n-th write from now on, counted from 0: before
// that write, or after it, but without its answer.
func (f *faults) crashAfter(n int, carriedOut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := len(f.writes)
	f.lose = func(_ string, before int) (bool, bool) {
		switch before - first {
		case n:
			f.failing = true
			return carriedOut, false
		default:
			return true, true
		}
	}
}

// stallAt holds up the n-th call from now on, reads included and counted from 0, until
// release is called.
func (f *faults) stallAt(n int) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalling, f.stallIn = make(chan struct{}), n
	gate := f.stalling
	return sync.OnceFunc(func() { close(gate) })
}

// gateOf gives what holds up a call, nil when nothing does.
func (f *faults) gateOf(call string) chan struct{} {
	gate := f.held[call]
	if f.stalling != nil {
		if f.stallIn == 0 {
			gate, f.stalling = f.stalling, nil
		}
		f.stallIn--
	}
	if gate != nil {
		f.holdings++
	}
	return gate
}

// pass waits for a gate to open.
func pass(ctx context.Context, gate chan struct{}) error {
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *faults) setFailing(failing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = failing
}

func (f *faults) crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing
}

func (f *faults) written() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.writes...)
}

// block holds up the writes of a kind until release is called.
func (f *faults) block(r resource, verb string) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := make(chan struct{})
	if f.held == nil {
		f.held = map[string]chan struct{}{}
	}
	write := verb + " " + string(r)
	f.held[write] = gate
	return func() {
		f.mu.Lock()
		delete(f.held, write)
		f.mu.Unlock()
		close(gate)
	}
}

func (f *faults) blocked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.holdings
}

func (f *faults) write(ctx context.Context, verb string, r resource, call func() error) error {
	name := verb + " " + string(r)
	f.mu.Lock()
	if f.failing {
		f.mu.Unlock()
		return errCrashed
	}
	carriedOut, answered := true, true
	if f.lose != nil {
		carriedOut, answered = f.lose(name, len(f.writes))
	}
	var with *fault
	if f.broken != nil {
		with = f.broken(len(f.writes))
	}
	gate := f.gateOf(name)
	f.writes = append(f.writes, name)
	f.mu.Unlock()
	if err := pass(ctx, gate); err != nil {
		return err
	}
	if with != nil {
		if with.carriedOut {
			_ = call()
		}
		return with.err
	}
	if !carriedOut {
		return errCrashed
	}
	if err := call(); err != nil || answered {
		return err
	}
	return errCrashed
}

func (f *faults) read(ctx context.Context, call string) error {
	f.mu.Lock()
	if f.failing {
		f.mu.Unlock()
		return errCrashed
	}
	gate := f.gateOf(call)
	f.mu.Unlock()
	return pass(ctx, gate)
}

func (f *faults) get(ctx context.Context, r resource, name string, into object) error {
	if err := f.read(ctx, "get "+string(r)); err != nil {
		return err
	}
	return f.client.get(ctx, r, name, into)
}

func (f *faults) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	if err := f.read(ctx, "list "+string(r)); err != nil {
		return err
	}
	return f.client.list(ctx, r, o, into)
}

func (f *faults) create(ctx context.Context, r resource, from, into object) error {
	return f.write(ctx, "create", r, func() error { return f.client.create(ctx, r, from, into) })
}

func (f *faults) update(ctx context.Context, r resource, from, into object) error {
	return f.write(ctx, "update", r, func() error { return f.client.update(ctx, r, from, into) })
}

func (f *faults) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	return f.write(ctx, "patch", r, func() error { return f.client.mergePatch(ctx, r, name, patch, into) })
}

func (f *faults) remove(ctx context.Context, r resource, name string, p metav1.Preconditions, into object) error {
	return f.write(ctx, "delete", r, func() error { return f.client.remove(ctx, r, name, p, into) })
}
