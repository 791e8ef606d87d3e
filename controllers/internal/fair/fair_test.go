// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func newQueue(t *testing.T) *queue {
	q := NewQueue("", workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Millisecond, time.Second)).(*queue)
	t.Cleanup(q.ShutDown)
	return q
}

func user(namespace string, n int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("user-", n)}}
}

func low(after time.Duration) priorityqueue.AddOpts {
	return priorityqueue.AddOpts{After: after, Priority: ptr.To(handler.LowPriority)}
}

// take gets a request and is done with it.
func take(q *queue) string {
	request, _, _ := q.GetWithPriority()
	q.Done(request)
	return request.String()
}

func TestThousandsOfOneNamespaceDoNotKeepAnotherWaiting(t *testing.T) {
	q := newQueue(t)
	const crowd = 10_000
	for n := range crowd {
		q.Add(user("crowded", n))
	}
	q.Add(user("small", 0))
	q.AddWithOpts(low(0), user("third", 0), user("third", 1))
	for turn, want := range []string{
		"crowded/user-0", "small/user-0", "third/user-0", "crowded/user-1", "third/user-1", "crowded/user-2", "crowded/user-3",
	} {
		if got := take(q); got != want {
			t.Errorf("turn %d is that of %s, not of %s", turn, got, want)
		}
	}
	if got := q.Len(); got != crowd-4 {
		t.Errorf("%d are left", got)
	}
}

func TestWorkersServeEveryNamespace(t *testing.T) {
	q := newQueue(t)
	const crowd, few = 4000, 20
	for n := range crowd {
		q.Add(user("crowded", n))
	}
	for n := range few {
		q.Add(user("small", n))
	}
	var mu sync.Mutex
	served, ahead := map[string]int{}, 0
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				request, _, shutdown := q.GetWithPriority()
				if shutdown {
					return
				}
				mu.Lock()
				if served[request.Namespace]++; served["small"] == few && ahead == 0 {
					ahead = served["crowded"]
				}
				mu.Unlock()
				q.Done(request)
			}
		})
	}
	q.ShutDownWithDrain()
	workers.Wait()
	if served["crowded"] != crowd || served["small"] != few {
		t.Errorf("served %v", served)
	}
	if ahead > 10*few {
		t.Errorf("%d requests of one namespace were served behind %d of another", few, ahead)
	}
}

func TestPriorityCountsWithinANamespace(t *testing.T) {
	q := newQueue(t)
	q.AddWithOpts(low(0), user("acme", 0), user("acme", 1), user("acme", 2))
	q.Add(user("acme", 3))
	q.AddWithOpts(priorityqueue.AddOpts{}, user("acme", 2)) // is raised, and comes once
	q.AddWithOpts(low(0), user("acme", 3))                  // is not lowered
	for _, want := range []string{"acme/user-3", "acme/user-2", "acme/user-0", "acme/user-1"} {
		if got := take(q); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if q.Len() != 0 {
		t.Errorf("%d are left", q.Len())
	}
}

func TestARequestThatComesAgainWhileItIsServedIsServedAgain(t *testing.T) {
	q := newQueue(t)
	q.AddWithOpts(low(0), user("acme", 0))
	request, priority, _ := q.GetWithPriority()
	if priority != handler.LowPriority {
		t.Errorf("its priority is %d", priority)
	}
	q.Add(request)
	q.Add(request)
	if q.Len() != 0 {
		t.Error("it would be served twice at a time")
	}
	q.Done(request)
	q.AddWithOpts(low(time.Hour), request) // says nothing about the one that is ready
	if _, priority, _ := q.GetWithPriority(); priority != 0 || q.Len() != 0 {
		t.Errorf("its priority is %d, and %d are left", priority, q.Len())
	}
}

func TestWhatIsAddedForLaterComesThen(t *testing.T) {
	q := newQueue(t)
	q.AddWithOpts(low(20*time.Millisecond), user("acme", 0))
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, user("acme", 1))
	got := map[string]bool{take(q): true, take(q): true}
	if !got["acme/user-0"] || !got["acme/user-1"] || q.NumRequeues(user("acme", 1)) != 1 {
		t.Errorf("got %v", got)
	}
}
