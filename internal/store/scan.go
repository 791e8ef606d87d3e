// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"

	"golang.org/x/sync/semaphore"

	"scim-operator.io/internal/scim"
)

const (
	// freeUnits is the work of a query that needs no turn: what an index finds, a page of a
	// list, and a scan of a small directory never wait.
	freeUnits = 2048
	// checkUnits is the work after which a query looks whether its time is over.
	checkUnits = 1024
	// unitBytes is how much of a resource one part of a filter goes through as one unit.
	unitBytes = 8 << 10
	// partsPerLook is how many parts of a filter are tried on a member as quickly as the
	// member is found.
	partsPerLook = 8
	// groupBytes is about what one group takes among the groups of a user.
	groupBytes = 128
	// maxLooks bounds the members of groups, and the groups of users, that one query looks at.
	maxLooks = 10_000_000
	// maxWaitingScans bounds the queries that wait for their turn, so that they leave places
	// for other requests.
	maxWaitingScans = 64
)

var (
	errTooManyScans = errors.New("too many queries that no index helps wait for their turn")
	errTooManyLooks = scim.NewError(http.StatusBadRequest, scim.ScimTypeTooMany, fmt.Sprintf("the query looks at more than %d "+
		"members of groups, or groups of users; narrow it by an attribute with an index, such as members.value or displayName", maxLooks))
)

// scans bounds how many queries work at once beyond freeUnits: as many as there are
// processors, so that reads of one resource are answered beside them.
type scans struct {
	turns, waiting *semaphore.Weighted
}

func newScans() scans {
	return scans{turns: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), waiting: semaphore.NewWeighted(maxWaitingScans)}
}

// take waits for a turn until ctx ends. The error is an *Unavailable.
func (s *scans) take(ctx context.Context) error {
	if s.turns.TryAcquire(1) {
		return nil
	}
	if !s.waiting.TryAcquire(1) {
		return unavailable(errTooManyScans)
	}
	defer s.waiting.Release(1)
	if err := s.turns.Acquire(ctx, 1); err != nil {
		return unavailable(err)
	}
	return nil
}

// scan accounts for the work of one query. It is for one goroutine.
type scan struct {
	ctx   context.Context
	scans *scans
	units int // that have been spent
	next  int // units at which the scan is looked at again
	looks int
	turn  bool  // it has one
	err   error // why the query cannot go on: a *scim.Error or an *Unavailable
}

func newScan(ctx context.Context, s *scans) *scan { return &scan{ctx: ctx, scans: s, next: freeUnits} }

// spend takes down work, and reports whether the query may go on.
func (c *scan) spend(units int) bool {
	c.units += units
	return c.units < c.next || c.proceed()
}

// look is spend for looking at members of a group or at groups of a user.
func (c *scan) look(units int) bool {
	c.looks += units
	return c.spend(units)
}

// proceed takes a turn for a query that has none yet, and ends one that takes too long or
// looks at too much.
func (c *scan) proceed() bool {
	switch {
	case c.err != nil:
		return false
	case c.looks > maxLooks:
		c.err = errTooManyLooks
		return false
	}
	if !c.turn {
		if c.err = c.scans.take(c.ctx); c.err != nil {
			return false
		}
		c.turn = true
	}
	if err := c.ctx.Err(); err != nil {
		c.err = unavailable(err)
		return false
	}
	c.next = c.units + checkUnits
	return true
}

// end gives the turn back.
func (c *scan) end() {
	if c.turn {
		c.turn = false
		c.scans.turns.Release(1)
	}
}
