// SPDX-License-Identifier: Apache-2.0

// Package enqueue turns bursts of events into single reconciles.
package enqueue

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue is the queue of a controller.
type Queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Spread enqueues requests one after the other, so many a second from some time on, which
// let all others go first.
func Spread(q Queue, requests []reconcile.Request, from time.Duration, rate float64) {
	for i, request := range requests {
		after := from + time.Duration(float64(i)/rate*float64(time.Second))
		if p, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
			p.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: ptr.To(handler.LowPriority)}, request)
		} else {
			q.AddAfter(request, after)
		}
	}
}

// After enqueues what an object maps to once some time has passed since the first of
// the events: however many follow meanwhile, they become one reconcile.
func After(delay time.Duration, requests handler.MapFunc) handler.EventHandler {
	enqueue := func(ctx context.Context, obj client.Object, q Queue) {
		for _, request := range requests(ctx, obj) {
			q.AddAfter(request, delay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q Queue) { enqueue(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q Queue) { enqueue(ctx, e.ObjectNew, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q Queue) { enqueue(ctx, e.Object, q) },
	}
}
