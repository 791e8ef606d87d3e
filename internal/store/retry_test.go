// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Writers who meet again and again wait longer each time, and not all of them equally long.
func TestPausesGrowAndDiffer(t *testing.T) {
	const writers, attempts = 20, 10
	synctest.Test(t, func(t *testing.T) {
		first := map[time.Duration]bool{}
		for range writers {
			attempt := newRetry()
			began := time.Now()
			var pauses []time.Duration
			for range attempts {
				if err := attempt.pause(t.Context()); err != nil {
					t.Fatal(err)
				}
				pauses = append(pauses, time.Since(began))
				began = time.Now()
			}
			first[pauses[0]] = true
			for i, pause := range pauses {
				if least, most := min(2*time.Millisecond<<i, 100*time.Millisecond), 200*time.Millisecond; pause < least || pause > most {
					t.Errorf("pause %d takes %s, want %s to %s", i, pause, least, most)
				}
			}
		}
		if len(first) < writers/2 {
			t.Errorf("%d writers have %d different pauses", writers, len(first))
		}
	})
}

// A write that runs out of time does not wait for its next attempt.
func TestAPauseEndsWithTheWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	requireUnavailable(t, newRetry().pause(ctx))
}
