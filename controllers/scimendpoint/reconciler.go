// SPDX-License-Identifier: Apache-2.0

// Package scimendpoint makes a ScimEndpoint serve: it issues the token, applies the
// children that package render describes, and reports whether identity providers can
// reach the servers.
package scimendpoint

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
)

// +kubebuilder:rbac:groups=scim-operator.io,resources=scimendpoints,verbs=get;list;watch;patch;record
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimendpoints/status,verbs=patch
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimendpoints/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=services;serviceaccounts,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Nobody can grant what they do not have: these are what the servers' Roles contain
// beyond the above. Servers watch the Secret of their digests, and the manager may watch none: it
// grants that nevertheless, and config/policy/manager_roles.yaml bounds what it grants.
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers;scimgroups;scimresources;scimgroupslices;scimclaims,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles,verbs=escalate;bind

// Reconciler reconciles ScimEndpoints.
type Reconciler struct {
	client   client.Client
	live     client.Reader
	children child.Client
	reporter *outcome.Reporter
	routes   routeWatcher
	compiled compiled
	options  render.Options
	exposure ExposureRules
	policies Policies
	clock
}

// Reconcile brings one endpoint's children and status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ep := &v1alpha1.ScimEndpoint{}
	pass, err := r.reporter.Begin(ctx, req.NamespacedName, ep, &ep.Status.ObservedGeneration)
	if apierrors.IsNotFound(err) {
		r.children.Forget(req.NamespacedName)
		r.compiled.forget(req.NamespacedName)
	}
	if err != nil {
		return outcome.Skip(err)
	}
	result, err := r.reconcile(ctx, pass, ep)
	return pass.End(ctx, result, err)
}

// reconcile runs every step whatever the others come to: an endpoint that lacks one
// thing should lack only that.
func (r *Reconciler) reconcile(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) (outcome.Result, error) {
	if !ep.DeletionTimestamp.IsZero() {
		return outcome.Result{}, outcome.Waiting(v1alpha1.ReasonTerminating,
			"The endpoint is being deleted. Its users and groups stay.")
	}
	recallStatus(ep)
	ep.Status.BaseURL = ep.BaseURL()
	ep.Status.Replicas = ptr.To(ep.EffectiveReplicas())
	behavior := ep.EffectiveProviderBehavior()
	ep.Status.ExternalIDs, ep.Status.UnknownAttributes = behavior.ExternalIDs, behavior.UnknownAttributes
	ep.Status.ExpiringTokens = behavior.ExpiringTokens
	ep.Status.OtherEmailDomains = ep.Spec.EffectiveOtherEmailDomains()
	ep.Status.Limits = ep.EffectiveLimits()
	outcome.ObserveLinking(pass, ep, ep.Spec.LinkingPolicy, ep.Spec.EmailDomains)

	tokensNext, err := r.ensureTokens(ctx, pass, ep)
	deployment, childrenErr := r.applyChildren(ctx, ep)
	errs := []error{err, childrenErr, r.expose(ctx, pass, ep)}
	next, err := r.forgetServers(ctx, pass, ep)
	conflictsNext, conflictsErr := r.observeConflicts(ctx, pass, ep)
	observeUnreadable(ep)
	outcome.ObserveHeld(ep, ep.Status.Deprovisioning)
	r.observePolicies(ep)
	errs = append(errs, conflictsErr, err, observeAvailability(ep, deployment), r.observeRules(ep), observeOAuth(ep), keepRecord(ctx, pass, ep))
	result := success(ep)
	result.Next = outcome.Earliest(outcome.Earliest(next, tokensNext), conflictsNext)
	return result, outcome.Join(errs...)
}

func success(ep *v1alpha1.ScimEndpoint) outcome.Result {
	if ep.Paused() {
		return outcome.Result{
			Reason:  v1alpha1.ReasonProvisioningPaused,
			Message: "Provisioning is paused: requests are answered with 503 and Retry-After, so that the identity provider tries again later.",
		}
	}
	return outcome.Result{
		Reason:  v1alpha1.ReasonSucceeded,
		Message: "Serving SCIM 2.0 at " + ep.BaseURL() + ".",
	}
}

// applyChildren applies what every endpoint has, and what nobody else has a say in. It
// returns the Deployment, or nil where it could not be applied.
func (r *Reconciler) applyChildren(ctx context.Context, ep *v1alpha1.ScimEndpoint) (*appsv1.Deployment, error) {
	children := everyChild(ep)
	errs := make([]error, len(children)+1)
	for i, c := range children {
		errs[i] = r.children.ApplyExclusively(ctx, owner(ep), c.kind, c.desired)
	}
	deployment := &appsv1.Deployment{}
	err := r.children.ApplyExclusively(ctx, owner(ep), deployment, render.Deployment(ep, r.options))
	if err != nil {
		deployment, errs[len(children)] = nil, err
	}
	return deployment, outcome.Join(errs...)
}
