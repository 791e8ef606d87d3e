// SPDX-License-Identifier: Apache-2.0

// Package fair has the queue of the controllers: namespaces take turns, so that one with
// thousands of requests delays those of another by no more than one reconcile for each
// namespace that has any. Within a namespace a higher priority comes first, and of the
// same priority who came first.
package fair

import (
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// NewQueue makes the queue of a controller, for controller.Options.
func NewQueue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	t := newTurns()
	ready := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: t})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{Name: name, Queue: ready})
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Name: name, DelayingQueue: delaying}),
		turns: t,
	}
}

// queue is a workqueue to which priorities can be said, as controller-runtime does.
type queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	turns *turns
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = &queue{}

// Add adds a request at the common priority.
func (q *queue) Add(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{}, request)
}

// AddAfter adds a request at the common priority once some time has passed.
func (q *queue) AddAfter(request reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, request)
}

// AddRateLimited adds a request at the common priority when its back-off ends.
func (q *queue) AddRateLimited(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request)
}

// AddWithOpts implements priorityqueue.PriorityQueue.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	for _, request := range requests {
		q.turns.want(request, ptr.Deref(o.Priority, 0))
		switch {
		case o.RateLimited:
			q.TypedRateLimitingInterface.AddRateLimited(request)
		case o.After > 0:
			q.TypedRateLimitingInterface.AddAfter(request, o.After)
		default:
			q.TypedRateLimitingInterface.Add(request)
		}
	}
}

// GetWithPriority implements priorityqueue.PriorityQueue.
func (q *queue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	request, shutdown = q.Get()
	return request, q.turns.of(request), shutdown
}

// Done forgets the priority at which a request was handed out.
func (q *queue) Done(request reconcile.Request) {
	q.turns.done(request)
	q.TypedRateLimitingInterface.Done(request)
}

// turns stores the requests that are ready, each once. It is the storage of a workqueue,
// which calls Touch, Push, Len and Pop under a lock of its own.
type turns struct {
	mu sync.Mutex
	// order are the namespaces that have requests, the next first.
	order   []string
	tenants map[string]*tenant
	size    int
	// wanted are the priorities of what is to be pushed, out of what is handed out.
	wanted, out map[reconcile.Request]int
}

// tenant has the requests of one namespace.
type tenant struct {
	// lanes by priority, the highest first; there are two or three.
	lanes []*lane
	// at is the priority of each request. One that has been raised is in its former lane,
	// too, and is passed over there.
	at map[reconcile.Request]int
}

type lane struct {
	priority int
	requests []reconcile.Request
}

func newTurns() *turns {
	return &turns{tenants: map[string]*tenant{}, wanted: map[reconcile.Request]int{}, out: map[reconcile.Request]int{}}
}

// want notes at which priority a request is about to be pushed; of several the highest.
func (t *turns) want(request reconcile.Request, priority int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, ok := t.wanted[request]; !ok || before < priority {
		t.wanted[request] = priority
	}
}

// of is the priority at which a request was handed out.
func (t *turns) of(request reconcile.Request) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out[request]
}

func (t *turns) done(request reconcile.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.out, request)
}

// Touch raises a request that is ready already.
func (t *turns) Touch(request reconcile.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := t.tenants[request.Namespace]
	if who == nil {
		return
	}
	if now, ok := who.at[request]; ok && t.wanted[request] > now {
		who.put(request, t.wanted[request])
	}
}

// Push adds a request at the priority that was wanted for it.
func (t *turns) Push(request reconcile.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := t.tenants[request.Namespace]
	if who == nil {
		who = &tenant{at: map[reconcile.Request]int{}}
		t.tenants[request.Namespace] = who
		t.order = append(t.order, request.Namespace)
	}
	who.put(request, t.wanted[request])
	t.size++
}

// Len implements workqueue.Queue.
func (t *turns) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// Pop takes the next request of the namespace whose turn it is.
func (t *turns) Pop() reconcile.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	namespace := t.order[0]
	t.order = t.order[1:]
	who := t.tenants[namespace]
	request, priority := who.take()
	if len(who.at) == 0 {
		delete(t.tenants, namespace)
	} else {
		t.order = append(t.order, namespace)
	}
	t.size--
	t.out[request] = priority
	delete(t.wanted, request)
	return request
}

func (w *tenant) put(request reconcile.Request, priority int) {
	w.at[request] = priority
	i := 0
	for i < len(w.lanes) && w.lanes[i].priority > priority {
		i++
	}
	if i == len(w.lanes) || w.lanes[i].priority != priority {
		w.lanes = slices.Insert(w.lanes, i, &lane{priority: priority})
	}
	w.lanes[i].requests = append(w.lanes[i].requests, request)
}

// take takes the first request of the highest lane that has any. There is one.
func (w *tenant) take() (reconcile.Request, int) {
	for {
		first := w.lanes[0]
		if len(first.requests) == 0 {
			w.lanes = w.lanes[1:]
			continue
		}
		request := first.requests[0]
		first.requests = first.requests[1:]
		if priority, ok := w.at[request]; ok && priority == first.priority {
			delete(w.at, request)
			return request, priority
		}
	}
}
