// SPDX-License-Identifier: Apache-2.0

package fair_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/testenv"
)

var env *testenv.Env

func TestFair(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Fair queue")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env = testenv.Start(func() cache.Options { return cache.Options{} })
	env.NoStatus = true
	DeferCleanup(func() { env.Stop() })
})

// record is a reconciler that notes in which order it is asked. It waits where its gate is
// closed.
type record struct {
	gate chan struct{}

	mu   sync.Mutex
	seen []reconcile.Request
}

func (r *record) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r.mu.Lock()
	r.seen = append(r.seen, req)
	r.mu.Unlock()
	select {
	case <-r.gate:
	case <-ctx.Done():
	}
	return ctrl.Result{}, nil
}

// of counts the reconciles so far, and says after how many a namespace had its first.
func (r *record) of(namespace string) (first, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = -1
	for i, req := range r.seen {
		if first < 0 && req.Namespace == namespace {
			first = i
		}
	}
	return first, len(r.seen)
}

var _ = Describe("A namespace with thousands of changes", func() {
	const crowd = 2000

	It("delays the only change of another by one reconcile", func(ctx SpecContext) {
		busy, quiet := env.Namespace(ctx), env.Namespace(ctx)
		r := &record{gate: make(chan struct{})}
		var queue workqueue.TypedRateLimitingInterface[reconcile.Request]
		ours := predicate.NewPredicateFuncs(func(obj client.Object) bool {
			return obj.GetNamespace() == busy || obj.GetNamespace() == quiet && obj.GetLabels()["spec"] != ""
		})
		DeferCleanup(env.Run(func(_ context.Context, mgr ctrl.Manager) error {
			return ctrl.NewControllerManagedBy(mgr).Named("fair").
				For(&corev1.ConfigMap{}, builder.WithPredicates(ours)).
				WithOptions(controller.Options{MaxConcurrentReconciles: 1, NewQueue: func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
					queue = fair.NewQueue(name, limiter)
					return queue
				}}).
				Complete(r)
		}))
		create := func(namespace string, n int) {
			Expect(env.Client.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprint("change-", n), Labels: map[string]string{"spec": "fair"},
			}})).To(Succeed())
		}
		var creating sync.WaitGroup
		for worker := range 8 {
			creating.Go(func() {
				defer GinkgoRecover()
				for n := worker; n < crowd; n += 8 {
					create(busy, n)
				}
			})
		}
		creating.Wait()
		Eventually(func() int { _, all := r.of(quiet); return all }).Should(Equal(1), "a change of the crowd is reconciled")
		Eventually(func() int { return queue.Len() }).Should(BeNumerically(">=", crowd-1))
		before := queue.Len()
		create(quiet, 0)
		Eventually(func() int { return queue.Len() }).Should(BeNumerically(">", before))

		close(r.gate)
		Eventually(func() int { _, all := r.of(quiet); return all }).Should(BeNumerically(">", crowd))
		first, _ := r.of(quiet)
		Expect(first).To(BeNumerically("<=", 2), "behind the reconcile that was under way and one more")
	}, NodeTimeout(4*testenv.Bound))
})
