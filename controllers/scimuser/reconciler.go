// SPDX-License-Identifier: Apache-2.0

// Package scimuser decides what a provisioned user becomes (active or not, technician
// or end user, of which organizations, with which roles) and writes it into the
// ScimUser's status. It releases a user's claims before the user goes.
//
// Who leaves is decided one after the other, so that a guard holds when an identity provider
// wants many to leave at once.
//
// It also tells of a manager who is nobody yet, until one of that id arrives.
//
// Three things make it decide again: a change of the user; a change of a group, which
// enqueues the users whom it touches; and a change of an endpoint's rules, for which a
// second controller goes through the endpoint's directory at a limited rate and enqueues
// the users whom the new rules change.
package scimuser

import (
	"context"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers/status,verbs=patch
// +kubebuilder:rbac:groups=scim-operator.io,resources=identityproviders;scimendpoints;scimusers,verbs=hold
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimclaims,verbs=get;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimgroups;scimgroupslices,verbs=get;list;watch
// +kubebuilder:rbac:groups=scim-operator.io,resources=identityproviders;scimendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=scim-operator.io,resources=identityproviders/status;scimendpoints/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles ScimUsers.
type Reconciler struct {
	client   client.Client
	claims   claims.Releaser
	census   *census
	reporter *outcome.Reporter
	decider  *decider
	now      func() time.Time
}

// Reconcile brings one user's status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	user := &v1alpha1.ScimUser{}
	pass, err := r.reporter.Begin(ctx, req.NamespacedName, user, &user.Status.ObservedGeneration)
	if err != nil {
		return outcome.Skip(err)
	}
	result, err := r.reconcile(ctx, pass, user)
	return pass.End(ctx, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, pass *outcome.Pass, user *v1alpha1.ScimUser) (outcome.Result, error) {
	pass.Exact() // the endpoint's servers write the condition Refused
	if user.Abandoned() {
		outcome.Set(user, v1alpha1.ConditionActive, false, v1alpha1.ReasonTerminating, "Nobody was provisioned under this id.")
		if result, keep, err := r.claims.Keep(ctx, user, r.now()); keep {
			return result, err
		}
	}
	if !user.DeletionTimestamp.IsZero() {
		return outcome.Result{}, r.terminate(ctx, user)
	}
	forgetRefusal(user)
	tellOrigin(pass, user)
	if err := r.tellManager(ctx, user); err != nil {
		return outcome.Result{}, err
	}
	terms, err := termsOf(ctx, r.client, endpointOf(user))
	if err != nil {
		return outcome.Result{}, err
	}
	next, err := r.leave(ctx, pass, user, terms)
	if err != nil {
		return outcome.Result{}, err
	}
	if err := r.become(ctx, pass, user, terms); err != nil {
		return outcome.Result{}, err
	}
	return outcome.Result{
		Reason:  v1alpha1.ReasonSucceeded,
		Message: "The status says what the operator made of this user.",
		Next:    next,
	}, nil
}

// become decides what the account is: its type, organizations and roles.
func (r *Reconciler) become(ctx context.Context, pass *outcome.Pass, user *v1alpha1.ScimUser, terms *identity.Terms) error {
	decision, rules, err := r.decider.decide(ctx, user)
	if err != nil || decision == nil {
		return err
	}
	if decision, err = r.keepRoles(ctx, pass, user, terms, rules, decision); err != nil {
		return err
	}
	warnOfProtectedRoles(pass, user, decision)
	show(user, decision)
	return nil
}

func (r *Reconciler) terminate(ctx context.Context, user *v1alpha1.ScimUser) error {
	outcome.Set(user, v1alpha1.ConditionActive, false, v1alpha1.ReasonTerminating, "The user is being deleted from the cluster.")
	// There is nothing left to decide, also while somebody else's finalizer keeps the record.
	user.Status.Departure, user.Status.RoleLoss = nil, nil
	r.census.withdraw(user)
	r.census.withdrawRoles(user, nil)
	if err := r.claims.Release(ctx, user, identity.UserNameClaim(user)); err != nil {
		return err
	}
	return outcome.Waiting(v1alpha1.ReasonTerminating, "The user is being deleted from the cluster.")
}

// forgetRefusal takes away what was noted before the identity provider changed the user: a
// later request has been accepted. The servers do so, too, but do not take care that it is
// not lost.
func forgetRefusal(user *v1alpha1.ScimUser) {
	if user.ModifiedAfter(outcome.Find(user, v1alpha1.ConditionRefused).LastTransitionTime.Time) {
		outcome.Remove(user, v1alpha1.ConditionRefused)
	}
}

// show writes a decision into the status.
func show(user *v1alpha1.ScimUser, d *identity.Decision) {
	s := &user.Status
	s.UserType, s.UserTypeRule = d.UserType, d.UserTypeRule
	s.Organizations, s.Roles, s.RoleRules, s.WithheldRoles = d.Organizations, d.Roles(), d.RoleRules(), d.WithheldRoles
	if reason, message, withheld := d.Withheld(); withheld {
		outcome.Set(user, v1alpha1.ConditionWithheld, true, reason, message)
	} else {
		outcome.Remove(user, v1alpha1.ConditionWithheld)
	}
}

// shown says whether the status says what was decided.
func shown(user *v1alpha1.ScimUser, d *identity.Decision) bool {
	s := &user.Status
	if s.UserType != d.UserType || s.UserTypeRule != d.UserTypeRule ||
		!slices.Equal(s.Organizations, d.Organizations) || !slices.Equal(s.Roles, d.Roles()) || !slices.Equal(s.RoleRules, d.RoleRules()) ||
		!slices.Equal(s.WithheldRoles, d.WithheldRoles) {
		return false
	}
	reason, message, _ := d.Withheld()
	c := outcome.Find(user, v1alpha1.ConditionWithheld)
	return c.Reason == reason && c.Message == outcome.Clip(message)
}

// warnOfProtectedRoles sends an event for the protected roles that nobody had asked for
// until now.
func warnOfProtectedRoles(pass *outcome.Pass, user *v1alpha1.ScimUser, d *identity.Decision) {
	news := slices.DeleteFunc(slices.Clone(d.WithheldRoles), func(role string) bool {
		return slices.Contains(user.Status.WithheldRoles, role)
	})
	if len(news) > 0 {
		pass.Warn(v1alpha1.ReasonRoleProtected, identity.RoleProtectedMessage(news))
	}
}

// endpointOf is the key of the user's endpoint.
func endpointOf(user *v1alpha1.ScimUser) client.ObjectKey {
	return client.ObjectKey{Namespace: user.Namespace, Name: user.Spec.EndpointRef.Name}
}
