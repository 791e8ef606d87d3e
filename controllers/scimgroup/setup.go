// SPDX-License-Identifier: Apache-2.0

package scimgroup

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	workers = 4
	// timeout ends a reconcile that hangs, at an API server that does not answer.
	timeout = time.Minute
	// settle is how long a group waits for more arrivals before it is looked at again:
	// a first sync brings thousands of members one by one.
	settle = time.Second
)

// SetupWithManager registers the controller. The manager's cache must have the indexes of
// package members. Groups come in thousands, so it sends no
// events about them: the conditions say it all.
func SetupWithManager(mgr ctrl.Manager) error {
	return setup(mgr, time.Now)
}

func setup(mgr ctrl.Manager, now func() time.Time) error {
	r := &Reconciler{
		client:   mgr.GetClient(),
		live:     mgr.GetAPIReader(),
		claims:   claims.Releaser{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		reporter: outcome.NewReporter(mgr.GetClient(), nil),
		now:      now,
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ScimGroup{}).
		Watches(&v1alpha1.ScimUser{}, enqueue.After(settle, r.groupsWith), builder.WithPredicates(livenessChanged())).
		Watches(&v1alpha1.ScimGroup{}, enqueue.After(settle, r.groupsWith), builder.WithPredicates(livenessChanged())).
		Watches(&v1alpha1.ScimGroupSlice{}, enqueue.After(settle, groupOf)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(r)
}

// groupsWith maps a user or group to the groups that have it as a member.
func (r *Reconciler) groupsWith(ctx context.Context, member client.Object) []reconcile.Request {
	with := []client.ListOption{
		client.InNamespace(member.GetNamespace()),
		client.MatchingFields{members.Index: member.GetName()},
		client.UnsafeDisableDeepCopy,
	}
	var groups v1alpha1.ScimGroupList
	if err := r.client.List(ctx, &groups, with...); err != nil {
		log.FromContext(ctx).Error(err, "cannot list the groups of a member", "member", member.GetName())
	}
	var held v1alpha1.ScimGroupSliceList
	if err := r.client.List(ctx, &held, with...); err != nil {
		log.FromContext(ctx).Error(err, "cannot list the slices of a member", "member", member.GetName())
	}
	requests := make([]reconcile.Request, 0, len(groups.Items)+len(held.Items))
	for i := range groups.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&groups.Items[i])})
	}
	for i := range held.Items {
		requests = append(requests, groupOf(ctx, &held.Items[i])...)
	}
	return requests
}

// groupOf maps a slice to its group.
func groupOf(_ context.Context, obj client.Object) []reconcile.Request {
	slice := obj.(*v1alpha1.ScimGroupSlice)
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: slice.Namespace, Name: slice.Spec.GroupRef.Name}}}
}

// livenessChanged passes arrivals and departures of users and groups. A user who was here
// before arrives when an endpoint adopts the user.
func livenessChanged() predicate.Predicate {
	live := func(obj client.Object) bool {
		if user := compact.UserOf(obj); user != nil {
			return user.Linked() && user.Live()
		}
		return obj.(interface{ Live() bool }).Live()
	}
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return live(e.ObjectOld) != live(e.ObjectNew) },
	}
}
