// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// retry paces the attempts of one write that meets other writers. The deadline of the
// write bounds them.
type retry struct {
	backoff   wait.Backoff
	contended bool // the last attempt met another writer of the spec
}

func newRetry() *retry {
	return &retry{backoff: wait.Backoff{
		Duration: 2 * time.Millisecond, Factor: 2, Jitter: 1, Cap: 100 * time.Millisecond, Steps: math.MaxInt32,
	}}
}

// pause waits before the next attempt: each time longer, and at random, so that writers
// who met once do not meet again.
func (r *retry) pause(ctx context.Context) error {
	timer := time.NewTimer(r.backoff.Step())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// reread returns the newest version of a resource after an attempt to write the version
// old failed. There is no pause when only the status or the metadata has changed: whoever
// writes those does not compete for the spec.
func (s *Store) reread(ctx context.Context, k *kind, old *entry, r *retry) (*entry, error) {
	if r.contended {
		if err := r.pause(ctx); err != nil {
			return nil, err
		}
	}
	now, err := s.live(ctx, k, old.id)
	if err == nil && now != nil {
		r.contended = now.generation != old.generation || now.revision == old.revision
	}
	return now, err
}
