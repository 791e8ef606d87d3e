// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// managerIndex finds the users who name somebody as their manager, in the cache.
	managerIndex = "spec.enterprise.manager.value"
	// maxQuoted is how much of what the identity provider sent a message quotes.
	maxQuoted = 128
)

// managerOf is the id of the user's manager, "" when the user has none or has left.
func managerOf(user *v1alpha1.ScimUser) string {
	if e := user.Spec.Enterprise; e != nil && e.Manager != nil && present(user) {
		return e.Manager.Value
	}
	return ""
}

// present says whether somebody can be referred to over SCIM.
func present(user *v1alpha1.ScimUser) bool { return user.Linked() && user.Live() }

// tellManager says in a condition that the user's manager is nobody whom the endpoint knows.
func (r *Reconciler) tellManager(ctx context.Context, user *v1alpha1.ScimUser) error {
	id := managerOf(user)
	if id == "" {
		outcome.Remove(user, v1alpha1.ConditionUnresolvedReference)
		return nil
	}
	var manager v1alpha1.ScimUser
	err := r.client.Get(ctx, client.ObjectKey{Namespace: user.Namespace, Name: id}, &manager)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("look up the user's manager: %w", err)
	case err == nil && present(&manager) && manager.Spec.EndpointRef == user.Spec.EndpointRef:
		outcome.Remove(user, v1alpha1.ConditionUnresolvedReference)
	default:
		outcome.Set(user, v1alpha1.ConditionUnresolvedReference, true, v1alpha1.ReasonManagerUnresolved, fmt.Sprintf(
			"The identity provider names %.*q as the manager, which is the id of no user of this endpoint. When one of that id arrives, this is resolved by itself.",
			maxQuoted, id))
	}
	return nil
}

// reports is the event handler that has the users looked at who name somebody as their
// manager, when that one arrives or leaves: so many a second, behind everybody else.
type reports struct {
	reader client.Reader
	rate   float64
}

// Create looks for users who have been waiting for the new one. When the manager starts, all
// users are looked at anyway.
func (r reports) Create(ctx context.Context, e event.CreateEvent, q enqueue.Queue) {
	if user := compact.UserOf(e.Object); !e.IsInInitialList && present(user) {
		r.enqueue(ctx, user, q)
	}
}

// Update looks for them when somebody is deleted over SCIM, returns or is adopted.
func (r reports) Update(ctx context.Context, e event.UpdateEvent, q enqueue.Queue) {
	before, after := compact.UserOf(e.ObjectOld), compact.UserOf(e.ObjectNew)
	if present(before) != present(after) {
		r.enqueue(ctx, after, q)
	}
}

// Delete looks for them when somebody goes who was there until now.
func (r reports) Delete(ctx context.Context, e event.DeleteEvent, q enqueue.Queue) {
	r.enqueue(ctx, compact.UserOf(e.Object), q)
}

// Generic does nothing: there are no such events about users.
func (reports) Generic(context.Context, event.GenericEvent, enqueue.Queue) {}

func (r reports) enqueue(ctx context.Context, manager *v1alpha1.ScimUser, q enqueue.Queue) {
	var users v1alpha1.ScimUserList
	err := r.reader.List(ctx, &users, client.InNamespace(manager.Namespace),
		client.MatchingFields{managerIndex: manager.Name})
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the users of a manager", "manager", client.ObjectKeyFromObject(manager))
		return
	}
	requests := make([]reconcile.Request, len(users.Items))
	for i := range users.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&users.Items[i])
	}
	enqueue.Spread(q, requests, settle, r.rate)
}
