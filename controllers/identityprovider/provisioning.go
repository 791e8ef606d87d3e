// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	v1alpha1ac "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
	knownidp "scim-operator.io/internal/idp"
)

var kind = v1alpha1.GroupVersion.WithKind("IdentityProvider")

// provision keeps the ScimEndpoint that the spec asks for and sets ScimReady. It returns
// what the status is to show of its users.
func (r *Reconciler) provision(ctx context.Context, idp *v1alpha1.IdentityProvider, signOn signOn) (mirrored, error) {
	if idp.Status.Provisioning == v1alpha1.ProvisioningDisabled {
		return unserved(idp), r.disable(ctx, idp)
	}
	endpoint, err := r.enable(ctx, idp, signOn)
	var failure *outcome.Failure
	switch {
	case endpoint != nil && endpoint.Status.Deprovisioning == nil:
		// It is too new to say who is held; that is still the same.
		return mirrored{endpoint.Status.Rules, idp.Status.Deprovisioning}, err
	case endpoint != nil:
		return mirrored{endpoint.Status.Rules, endpoint.Status.Deprovisioning}, err
	case err != nil && !errors.As(err, &failure):
		return mirrorIn(idp), err // a passing fault says nothing about them
	case failure != nil && failure.Reason == v1alpha1.ReasonChildConflict:
		return mirrored{}, err // what is there is somebody else's
	default:
		return unserved(idp), err
	}
}

// disable removes what serves. Users and groups are not the endpoint's children, and the
// Secrets of its tokens belong to the provider as well.
func (r *Reconciler) disable(ctx context.Context, idp *v1alpha1.IdentityProvider) error {
	gone, err := r.children.Remove(ctx, owner(idp), idp.Name, &v1alpha1.ScimEndpoint{})
	if err != nil {
		return err
	}
	idp.Status.Connection = nil
	if !gone {
		const message = "Provisioning is disabled and its endpoint is being removed. Users, groups and tokens stay."
		notReady(idp, v1alpha1.ReasonProvisioningDisabled, message)
		return outcome.Waiting(v1alpha1.ReasonProgressing, message)
	}
	notReady(idp, v1alpha1.ReasonProvisioningDisabled, "Provisioning is disabled: nothing is served. Users, groups and tokens stay.")
	return r.awaitDepartures(ctx, idp, v1alpha1.ReasonDeactivatingUsers)
}

// enable applies the endpoint once single sign-on has been configured. What exists is
// kept up to date whatever becomes of the metadata: it is never taken down for it.
func (r *Reconciler) enable(ctx context.Context, idp *v1alpha1.IdentityProvider, signOn signOn) (*v1alpha1.ScimEndpoint, error) {
	exists, err := r.children.Read(ctx, owner(idp), idp.Name, &v1alpha1.ScimEndpoint{})
	if err != nil {
		return nil, withoutEndpoint(idp, err)
	}
	if !exists && !signOn.configured() {
		idp.Status.Connection = nil
		notReady(idp, v1alpha1.ReasonSSONotConfigured, "SCIM stays off until single sign-on is configured; see the condition SSOConfigured.")
		return nil, nil
	}
	endpoint, err := r.applyEndpoint(ctx, idp)
	if err != nil {
		return nil, withoutEndpoint(idp, err)
	}
	if idp.Status.Connection, err = r.connection(ctx, idp, endpoint); err != nil {
		return endpoint, err
	}
	return endpoint, observeEndpoint(idp, endpoint, signOn)
}

// withoutEndpoint says why there is no endpoint to speak of. A passing fault says nothing
// about it.
func withoutEndpoint(idp *v1alpha1.IdentityProvider, err error) error {
	var failure *outcome.Failure
	if errors.As(err, &failure) {
		idp.Status.Connection = nil
		notReady(idp, failure.Reason, failure.Message)
	}
	return err
}

// applyEndpoint makes the endpoint's spec what the provider's says and nothing more: what
// somebody adds there would be in no manifest.
func (r *Reconciler) applyEndpoint(ctx context.Context, idp *v1alpha1.IdentityProvider) (*v1alpha1.ScimEndpoint, error) {
	desired, err := endpointFor(idp)
	if err != nil {
		return nil, err
	}
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := r.children.ApplyExclusively(ctx, owner(idp), endpoint, desired); err != nil {
		return nil, err
	}
	return endpoint, nil
}

// endpointFor is the ScimEndpoint that an identity provider asks for.
func endpointFor(idp *v1alpha1.IdentityProvider) (*v1alpha1ac.ScimEndpointApplyConfiguration, error) {
	spec := v1alpha1.ScimEndpointSpec{
		Provisioning:      idp.Status.Provisioning,
		DirectoryPolicy:   idp.Spec.SCIM.DirectoryPolicy,
		EmailDomainPolicy: idp.Spec.EmailDomainPolicy,
	}
	if template := idp.Spec.SCIM.Endpoint; template != nil {
		spec.ScimEndpointTemplate = *template
	}
	spec.ProviderBehavior = behaviorOf(idp)
	desired := v1alpha1ac.ScimEndpointSpec()
	if err := convert(spec, desired); err != nil {
		return nil, err
	}
	return v1alpha1ac.ScimEndpoint(idp.Name, idp.Namespace).
		WithLabels(labelsFor(idp)).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(kind.GroupVersion().String()).
			WithKind(kind.Kind).
			WithName(idp.Name).
			WithUID(idp.UID).
			WithController(true).
			WithBlockOwnerDeletion(true)).
		WithSpec(desired), nil
}

// behaviorOf returns what the endpoint may expect of the identity provider.
func behaviorOf(idp *v1alpha1.IdentityProvider) v1alpha1.ProviderBehavior {
	var decided v1alpha1.ProviderBehavior
	if scim := idp.Spec.SCIM; scim != nil && scim.Endpoint != nil {
		decided = scim.Endpoint.ProviderBehavior
	}
	return knownidp.Behavior(idp.Spec.Type, decided)
}

// convert turns a type into its apply configuration; both have the same JSON.
func convert(from, to any) error {
	encoded, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(encoded, to)
	}
	if err != nil {
		return fmt.Errorf("convert %T to %T: %w", from, to, err)
	}
	return nil
}

// connection names the newest token's Secret for as long as there is one: it is deleted
// once the token has been copied.
func (r *Reconciler) connection(ctx context.Context, idp *v1alpha1.IdentityProvider, endpoint *v1alpha1.ScimEndpoint) (*v1alpha1.ConnectionStatus, error) {
	c := &v1alpha1.ConnectionStatus{BaseURL: endpoint.BaseURL(), OrganizationID: endpoint.Spec.OrganizationID}
	if tokens := endpoint.Status.Tokens; len(tokens) > 0 {
		key := client.ObjectKey{Namespace: endpoint.Namespace, Name: tokens[0].SecretName}
		delivered, err := r.children.Exists(ctx, key, child.Metadata(corev1.SchemeGroupVersion.WithKind("Secret")))
		if err != nil {
			return idp.Status.Connection, err
		}
		if delivered {
			c.TokenSecretName = key.Name
		}
	}
	if published := idp.Status.SignOn; published != nil {
		if published.SAML != nil {
			c.SAMLEntityID = published.SAML.EntityID
		}
		if published.OIDC != nil {
			c.OIDCIssuer = published.OIDC.Issuer
		}
	}
	return c, nil
}

// observeEndpoint sets ScimReady from what the endpoint says, and fails until the
// endpoint is what its spec asks for. ScimReady is about serving: it stays True while an
// endpoint that serves changes to a new spec.
func observeEndpoint(idp *v1alpha1.IdentityProvider, endpoint *v1alpha1.ScimEndpoint, signOn signOn) error {
	failure := endpointFailure(endpoint)
	switch {
	case endpoint.Paused():
		notReady(idp, v1alpha1.ReasonProvisioningPaused,
			"Provisioning is paused: requests are answered with 503 and Retry-After, so that the identity provider tries again later.")
	case serves(endpoint) && signOn.configured():
		outcome.Set(idp, v1alpha1.ConditionScimReady, true, v1alpha1.ReasonProvisioningEnabled, "Serving SCIM 2.0 at "+endpoint.BaseURL()+".")
	case serves(endpoint):
		outcome.Set(idp, v1alpha1.ConditionScimReady, true, v1alpha1.ReasonProvisioningEnabled,
			"Serving SCIM 2.0 at "+endpoint.BaseURL()+". Single sign-on is not configured now, but an endpoint that serves is not taken down for that.")
	case failure != nil:
		notReady(idp, v1alpha1.ReasonEndpointNotReady, failure.Message)
	}
	if failure != nil {
		return failure
	}
	return nil
}

// serves says whether identity providers can reach servers that know the token.
func serves(endpoint *v1alpha1.ScimEndpoint) bool {
	return outcome.IsTrue(endpoint, v1alpha1.ConditionTokenReady) &&
		outcome.IsTrue(endpoint, v1alpha1.ConditionAvailable) &&
		outcome.IsTrue(endpoint, v1alpha1.ConditionExposed)
}

// endpointFailure says what keeps the endpoint from being Ready, or nil.
func endpointFailure(endpoint *v1alpha1.ScimEndpoint) *outcome.Failure {
	ready := outcome.Find(endpoint, v1alpha1.ConditionReady)
	observed := ptr.Deref(endpoint.Status.ObservedGeneration, -1) == endpoint.Generation
	switch {
	case !observed:
		return outcome.Waiting(v1alpha1.ReasonEndpointNotReady, "ScimEndpoint %s is being set up.", endpoint.Name)
	case outcome.IsTrue(endpoint, v1alpha1.ConditionReady):
		return nil
	case ready.Reason == v1alpha1.ReasonInvalidExpression:
		return outcome.Stalled(ready.Reason, "%s", ready.Message)
	case ready.Reason == v1alpha1.ReasonApplyingRules:
		return outcome.Waiting(ready.Reason, "%s", ready.Message)
	case outcome.IsTrue(endpoint, v1alpha1.ConditionStalled):
		return outcome.Stalled(v1alpha1.ReasonEndpointNotReady, "ScimEndpoint %s is stalled: %s", endpoint.Name, ready.Message)
	default:
		return outcome.Waiting(v1alpha1.ReasonEndpointNotReady, "ScimEndpoint %s is not ready: %s", endpoint.Name, ready.Message)
	}
}

func notReady(idp *v1alpha1.IdentityProvider, reason, message string) {
	outcome.Set(idp, v1alpha1.ConditionScimReady, false, reason, message)
}

// labelsFor are on the endpoint of an identity provider. By them a provider recognises its
// endpoint when a restore has dropped the owner reference.
func labelsFor(idp *v1alpha1.IdentityProvider) map[string]string {
	return map[string]string{
		v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue,
		v1alpha1.ProviderLabel:  idp.Name,
	}
}

func owner(idp *v1alpha1.IdentityProvider) child.Owner {
	return child.Owner{Object: idp, Kind: kind, Labels: labelsFor(idp)}
}
