// SPDX-License-Identifier: Apache-2.0

package enqueue

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Outlet lets one controller enqueue requests for another: the other watches its Source.
type Outlet struct {
	mu    sync.Mutex
	queue Queue
}

// Source is what the controller that is to get the requests watches.
func (o *Outlet) Source() source.Source {
	return source.Func(func(_ context.Context, q Queue) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.queue = q
		return nil
	})
}

// Add enqueues requests. It is false, and nothing is enqueued, before the other
// controller has started: it then looks at everything anyway.
func (o *Outlet) Add(requests ...reconcile.Request) bool {
	return o.add(nil, requests)
}

// AddLow enqueues requests that let all others go first.
func (o *Outlet) AddLow(requests ...reconcile.Request) bool {
	return o.add(ptr.To(handler.LowPriority), requests)
}

// AddAfter enqueues a request once some time has passed since the first time it was asked to.
func (o *Outlet) AddAfter(request reconcile.Request, delay time.Duration) bool {
	o.mu.Lock()
	q := o.queue
	o.mu.Unlock()
	if q == nil {
		return false
	}
	q.AddAfter(request, delay)
	return true
}

func (o *Outlet) add(priority *int, requests []reconcile.Request) bool {
	o.mu.Lock()
	q := o.queue
	o.mu.Unlock()
	if q == nil {
		return false
	}
	if p, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		p.AddWithOpts(priorityqueue.AddOpts{Priority: priority}, requests...)
		return true
	}
	for _, request := range requests {
		q.Add(request)
	}
	return true
}
