// SPDX-License-Identifier: Apache-2.0

package enqueue

import (
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// recorder is a queue that notes when it is to hand out what.
type recorder struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	after      []time.Duration
	priorities []int
}

func (r *recorder) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	for range requests {
		r.after, r.priorities = append(r.after, o.After), append(r.priorities, *o.Priority)
	}
}

func TestSpread(t *testing.T) {
	const rate = 2
	q := &recorder{}
	Spread(q, make([]reconcile.Request, 4), time.Second, rate)
	want := []time.Duration{time.Second, 1500 * time.Millisecond, 2 * time.Second, 2500 * time.Millisecond}
	if !slices.Equal(q.after, want) {
		t.Errorf("due after %v", q.after)
	}
	if len(q.priorities) != len(want) || slices.Max(q.priorities) > handler.LowPriority {
		t.Errorf("priorities %v", q.priorities)
	}
}
