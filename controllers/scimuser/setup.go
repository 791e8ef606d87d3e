// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// workers: a user costs one write, and a first sync brings thousands of them.
	workers = 8
	// sweepWorkers go through the directories of so many endpoints at a time.
	sweepWorkers = 2
	// timeout ends a reconcile that hangs, at an API server that does not answer.
	timeout = time.Minute
	// defaultRate is how many users a second are written after rules have changed:
	// 10,000 in less than two minutes.
	defaultRate = 100

	// endpointIndex finds the users of an endpoint in the cache, one bucket of them at
	// a time: nobody needs memory for a list of all.
	endpointIndex = "spec.endpointRef.name/bucket"
	buckets       = 256
)

// options are what tests say otherwise.
type options struct {
	now func() time.Time
	// rate is the number of users a second.
	rate float64
	// gather is how long users join a hold before it is sealed.
	gather time.Duration
}

// CacheByObject keeps users small in the manager's cache.
func CacheByObject() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{&v1alpha1.ScimUser{}: {Transform: compact.PackUser}}
}

// SetupWithManager registers the controllers. The manager's cache must have the indexes
// of package members. Users come in thousands, so there are no events about them but of
// what a person should notice: the conditions say it all.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	return setup(ctx, mgr, options{now: time.Now, rate: defaultRate, gather: gather})
}

func setup(ctx context.Context, mgr ctrl.Manager, o options) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ScimUser{}, endpointIndex, func(obj client.Object) []string {
		return []string{bucketKey(compact.UserOf(obj).Spec.EndpointRef.Name, bucketOf(obj.GetName()))}
	})
	if err != nil {
		return fmt.Errorf("index users by endpoint: %w", err)
	}
	err = mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ScimUser{}, managerIndex, func(obj client.Object) []string {
		if id := managerOf(compact.UserOf(obj)); id != "" {
			return []string{id}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index users by manager: %w", err)
	}
	d := &decider{reader: mgr.GetClient(), rules: newRulebook()}
	users, sweeps := &enqueue.Outlet{}, &enqueue.Outlet{}
	s := &sweeper{client: mgr.GetClient(), decider: d, users: users, requests: sweeps, now: o.now, rate: o.rate, states: map[client.ObjectKey]*state{}}
	u := &usher{client: mgr.GetClient(), events: mgr.GetEventRecorder("scim-operator"), users: users, requests: &enqueue.Outlet{}, now: o.now, rate: o.rate, gather: o.gather, walks: map[client.ObjectKey]*walk{}}
	u.census = newCensus(u.changed)
	informer, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.ScimUser{})
	if err != nil {
		return fmt.Errorf("watch users to count them: %w", err)
	}
	registration, err := informer.AddEventHandler(u.census)
	if err != nil {
		return fmt.Errorf("count users: %w", err)
	}
	if err := setupUsers(mgr, o, d, s, u.census, counted{registration}); err != nil {
		return err
	}
	if err := setupUsher(mgr, u, counted{registration}); err != nil {
		return err
	}
	return setupSweeper(mgr, s)
}

func setupUsers(mgr ctrl.Manager, o options, d *decider, s *sweeper, c *census, seen counted) error {
	r := &Reconciler{
		client:   mgr.GetClient(),
		census:   c,
		claims:   claims.Releaser{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		reporter: outcome.NewQuietReporter(mgr.GetClient(), mgr.GetEventRecorder("scim-operator")),
		decider:  d,
		now:      o.now,
	}
	t := &touched{decider: d, sweep: s.again}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ScimUser{}).
		Watches(&v1alpha1.ScimUser{}, reports{mgr.GetClient(), o.rate}).
		Watches(&v1alpha1.ScimGroup{}, t).
		Watches(&v1alpha1.ScimGroupSlice{}, touchedBySlice{t}).
		WatchesRawSource(s.users.Source()).
		WatchesRawSource(seen).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(r)
}

func setupUsher(mgr ctrl.Manager, u *usher, seen counted) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimuser-departures").
		For(&v1alpha1.ScimEndpoint{}, builder.WithPredicates(decisions())).
		Watches(&v1alpha1.IdentityProvider{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(decisions())).
		WatchesRawSource(u.requests.Source()).
		WatchesRawSource(seen).
		WithOptions(controller.Options{MaxConcurrentReconciles: sweepWorkers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(u)
}

func setupSweeper(mgr ctrl.Manager, s *sweeper) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimuser-rules").
		For(&v1alpha1.ScimEndpoint{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.ScimUser{}, s.previewed(func(obj client.Object) string { return compact.UserOf(obj).Spec.EndpointRef.Name })).
		Watches(&v1alpha1.ScimGroup{}, s.previewed(func(obj client.Object) string { return obj.(*v1alpha1.ScimGroup).Spec.EndpointRef.Name })).
		Watches(&v1alpha1.ScimGroupSlice{}, s.previewed(func(obj client.Object) string { return obj.(*v1alpha1.ScimGroupSlice).Spec.EndpointRef.Name })).
		WatchesRawSource(s.requests.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: sweepWorkers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(s)
}

func bucketOf(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() % buckets)
}

func bucketKey(endpoint string, bucket int) string { return endpoint + "/" + strconv.Itoa(bucket) }
