// SPDX-License-Identifier: Apache-2.0

// Package identityprovider brings an IdentityProvider to life: it judges the metadata of
// its sign-on, keeps the ScimEndpoint that the spec asks for, and shows what an
// administrator copies into the identity provider.
package identityprovider

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
)

// +kubebuilder:rbac:groups=scim-operator.io,resources=identityproviders,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=scim-operator.io,resources=identityproviders/status,verbs=patch
// +kubebuilder:rbac:groups=scim-operator.io,resources=identityproviders/finalizers,verbs=update
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimendpoints,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers;scimgroups,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles IdentityProviders.
type Reconciler struct {
	client    client.Client
	live      client.Reader
	children  child.Client
	reporter  *outcome.Reporter
	documents *documents
	tally     *tally
	now       func() time.Time
}

// Reconcile brings one identity provider's endpoint and status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	idp := &v1alpha1.IdentityProvider{}
	pass, err := r.reporter.Begin(ctx, req.NamespacedName, idp, &idp.Status.ObservedGeneration)
	if apierrors.IsNotFound(err) {
		r.documents.forget(req.NamespacedName)
		r.tally.forget(req.NamespacedName)
		r.children.Forget(req.NamespacedName)
	}
	if err != nil {
		return outcome.Skip(err)
	}
	result, err := r.reconcile(ctx, pass, idp)
	return pass.End(ctx, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, pass *outcome.Pass, idp *v1alpha1.IdentityProvider) (outcome.Result, error) {
	if !idp.DeletionTimestamp.IsZero() {
		return r.terminate(ctx, pass, idp)
	}
	if err := r.keep(ctx, idp); err != nil {
		return outcome.Result{}, err
	}
	idp.Status.Provisioning, idp.Status.OnDisable = idp.EffectiveProvisioning(), idp.EffectiveOnDisable()
	linking := idp.EffectiveLinkingPolicy()
	idp.Status.Linking, idp.Status.LinkingApproval = linking.Linking, linking.LinkingApproval
	idp.Status.OtherEmailDomains = idp.Spec.EffectiveOtherEmailDomains()
	behavior := behaviorOf(idp)
	idp.Status.ExternalIDs, idp.Status.UnknownAttributes = behavior.ExternalIDs, behavior.UnknownAttributes
	idp.Status.ExpiringTokens = behavior.ExpiringTokens

	outcome.ObserveLinking(pass, idp, linking, idp.Spec.EmailDomains)

	domainsErr := r.observeDomains(ctx, pass, idp)
	signOn := r.checkSignOn(ctx, idp)
	warnOfSignOn(pass, idp)
	said, err := r.provision(ctx, idp, signOn)
	next := r.showUsers(pass, idp, said)
	err = outcome.Join(signOn.err, err, observeRules(idp), domainsErr)
	result := success(idp)
	result.Next = outcome.Earliest(signOn.next, next)
	return result, err
}

func success(idp *v1alpha1.IdentityProvider) outcome.Result {
	signOn := outcome.Find(idp, v1alpha1.ConditionSSOConfigured)
	scim := outcome.Find(idp, v1alpha1.ConditionScimReady)
	var reason string
	switch idp.Status.Provisioning {
	case v1alpha1.ProvisioningEnabled:
		reason = v1alpha1.ReasonProvisioningEnabled
	case v1alpha1.ProvisioningPaused:
		reason = v1alpha1.ReasonProvisioningPaused
	case v1alpha1.ProvisioningDisabled:
		reason = v1alpha1.ReasonProvisioningDisabled
	}
	return outcome.Result{Reason: reason, Message: signOn.Message + " " + scim.Message}
}
