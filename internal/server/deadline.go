// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
	"time"
)

// requestContext is a request's context with a deadline. It makes a timer once somebody
// waits for its end: a read that is answered from memory never does.
type requestContext struct {
	context.Context
	deadline time.Time

	mu       sync.Mutex
	timed    context.Context // nil until somebody waits
	cancel   context.CancelFunc
	released bool
}

var _ context.Context = (*requestContext)(nil)

// wait gives the context that has a timer.
func (c *requestContext) wait() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.Context, c.deadline)
		if c.released {
			c.cancel()
		}
	}
	return c.timed
}

// waited gives the context that has a timer, nil when nobody has waited yet.
func (c *requestContext) waited() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timed
}

// release ends the context.
func (c *requestContext) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *requestContext) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.released || !time.Now().Before(c.deadline)
}

// Deadline implements context.Context.
func (c *requestContext) Deadline() (time.Time, bool) {
	if parent, ok := c.Context.Deadline(); ok && parent.Before(c.deadline) {
		return parent, true
	}
	return c.deadline, true
}

// Done implements context.Context.
func (c *requestContext) Done() <-chan struct{} { return c.wait().Done() }

// Err implements context.Context.
func (c *requestContext) Err() error {
	if timed := c.waited(); timed != nil {
		return timed.Err()
	}
	if err := c.Context.Err(); err != nil || !c.over() {
		return err
	}
	return c.wait().Err() // from now on Done says the same
}

// Value implements context.Context. Contexts made from this one look here for one of
// their own kind, to end with it.
func (c *requestContext) Value(key any) any {
	if timed := c.waited(); timed != nil {
		return timed.Value(key)
	}
	return c.Context.Value(key)
}
