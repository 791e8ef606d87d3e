// SPDX-License-Identifier: Apache-2.0

// Package scimuser decides what a provisioned user becomes (active or not, technician
// or end user, of which organizations) and writes it into the ScimUser's status. It
// releases a user's claims before the user goes.
package scimuser

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

const (
	// workers: a user costs one write, and a first sync brings thousands of them.
	workers = 8
	// timeout ends a reconcile that hangs, at an API server that does not answer.
	timeout = time.Minute
	// endpointIndex finds the users of an endpoint in the cache.
	endpointIndex = "spec.endpointRef.name"
)

// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers/status,verbs=patch
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimclaims,verbs=list;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimendpoints,verbs=get;list;watch

// Reconciler reconciles ScimUsers.
type Reconciler struct {
	client   client.Client
	claims   claims.Releaser
	reporter *outcome.Reporter
	now      func() time.Time
}

// SetupWithManager registers the controller. Users come in thousands, so it sends no
// events about them: the conditions say it all.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	return setup(ctx, mgr, time.Now)
}

func setup(ctx context.Context, mgr ctrl.Manager, now func() time.Time) error {
	r := &Reconciler{
		client:   mgr.GetClient(),
		claims:   claims.Releaser{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		reporter: outcome.NewReporter(mgr.GetClient(), nil),
		now:      now,
	}
	err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ScimUser{}, endpointIndex, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.ScimUser).Spec.EndpointRef.Name}
	})
	if err != nil {
		return fmt.Errorf("index users by endpoint: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ScimUser{}).
		Watches(&v1alpha1.ScimEndpoint{}, handler.EnqueueRequestsFromMapFunc(r.usersOf),
			builder.WithPredicates(organizationChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: timeout}).
		Complete(r)
}

// Reconcile brings one user's status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	user := &v1alpha1.ScimUser{}
	pass, err := r.reporter.Begin(ctx, req.NamespacedName, user, &user.Status.ObservedGeneration)
	if err != nil {
		return outcome.Skip(err)
	}
	result, err := r.reconcile(ctx, user)
	return pass.End(ctx, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, user *v1alpha1.ScimUser) (outcome.Result, error) {
	if user.Abandoned() {
		outcome.Set(user, v1alpha1.ConditionActive, false, v1alpha1.ReasonTerminating, "Nobody was provisioned under this id.")
		if result, keep, err := r.claims.Keep(ctx, user, r.now()); keep {
			return result, err
		}
	}
	if !user.DeletionTimestamp.IsZero() {
		return outcome.Result{}, r.terminate(ctx, user)
	}
	decideActive(user)
	decideUserType(user)
	if err := r.decideOrganizations(ctx, user); err != nil {
		return outcome.Result{}, err
	}
	return outcome.Result{
		Reason:  v1alpha1.ReasonSucceeded,
		Message: "The status says what the operator made of this user.",
	}, nil
}

func (r *Reconciler) terminate(ctx context.Context, user *v1alpha1.ScimUser) error {
	outcome.Set(user, v1alpha1.ConditionActive, false, v1alpha1.ReasonTerminating, "The user is being deleted from the cluster.")
	if err := r.claims.Release(ctx, user, claims.Of(v1alpha1.ClaimUserName)); err != nil {
		return err
	}
	return outcome.Waiting(v1alpha1.ReasonTerminating, "The user is being deleted from the cluster.")
}

func decideActive(user *v1alpha1.ScimUser) {
	active, reason, message := identity.Active(user)
	outcome.Set(user, v1alpha1.ConditionActive, active, reason, message)
}

func decideUserType(user *v1alpha1.ScimUser) {
	user.Status.UserType, user.Status.UserTypeRule = identity.UserType(user)
}

// decideOrganizations keeps what a user has when the endpoint, and with it the default
// organization, is gone: disabling provisioning changes nobody's organization.
func (r *Reconciler) decideOrganizations(ctx context.Context, user *v1alpha1.ScimUser) error {
	endpoint := &v1alpha1.ScimEndpoint{}
	key := types.NamespacedName{Namespace: user.Namespace, Name: user.Spec.EndpointRef.Name}
	err := r.client.Get(ctx, key, endpoint)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the ScimEndpoint: %w", err)
	}
	organizations := identity.Organizations(user, endpoint.Spec.OrganizationID)
	endUser := user.Status.UserType == v1alpha1.AccountEndUser
	if apierrors.IsNotFound(err) && organizations == nil && endUser {
		return nil
	}
	user.Status.Organizations = organizations
	return nil
}

// usersOf maps an endpoint to its users.
func (r *Reconciler) usersOf(ctx context.Context, endpoint client.Object) []reconcile.Request {
	var users v1alpha1.ScimUserList
	err := r.client.List(ctx, &users, client.InNamespace(endpoint.GetNamespace()),
		client.MatchingFields{endpointIndex: endpoint.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the users of the endpoint", "endpoint", client.ObjectKeyFromObject(endpoint))
		return nil
	}
	requests := make([]reconcile.Request, len(users.Items))
	for i := range users.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&users.Items[i])
	}
	return requests
}

func organizationChanged() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.(*v1alpha1.ScimEndpoint).Spec.OrganizationID != e.ObjectNew.(*v1alpha1.ScimEndpoint).Spec.OrganizationID
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}
