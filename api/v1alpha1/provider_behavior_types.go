// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExternalIDs tells whether an identity provider gives the externalId of one person to
// another one later.
// +kubebuilder:validation:Enum=Immutable;Reassignable
type ExternalIDs string

const (
	// ExternalIDsImmutable means that an externalId names one person for ever.
	ExternalIDsImmutable ExternalIDs = "Immutable"
	// ExternalIDsReassignable means that an externalId may name another person later.
	ExternalIDsReassignable ExternalIDs = "Reassignable"
)

// UnknownAttributes tells what happens to attributes that no schema of the endpoint has.
// +kubebuilder:validation:Enum=Ignored;Refused
type UnknownAttributes string

const (
	// UnknownAttributesIgnored passes over them and applies the rest of the request.
	UnknownAttributesIgnored UnknownAttributes = "Ignored"
	// UnknownAttributesRefused answers 400.
	UnknownAttributesRefused UnknownAttributes = "Refused"
)

// ExpiringTokens tells whether an identity provider goes on after its token has ended and was
// replaced.
// +kubebuilder:validation:Enum=Supported;Unsupported
type ExpiringTokens string

const (
	// ExpiringTokensSupported means that the next token takes over.
	ExpiringTokensSupported ExpiringTokens = "Supported"
	// ExpiringTokensUnsupported means that provisioning stops until a person restarts it.
	ExpiringTokensUnsupported ExpiringTokens = "Unsupported"
)

// ProviderBehavior describes what an endpoint may expect of its identity provider. What it leaves out follows from the type of the IdentityProvider.
type ProviderBehavior struct {
	// externalIDs is Immutable or Reassignable. With Immutable, a deleted user who is
	// created again under the same externalId gets the old record and id. With
	// Reassignable, the userName or the primary e-mail address must be the same too. A
	// change restarts the servers, one after the other. Left out, it follows from the
	// type of the IdentityProvider: Immutable for Okta, otherwise Reassignable.
	// +optional
	ExternalIDs ExternalIDs `json:"externalIDs,omitempty"`

	// unknownAttributes is Ignored or Refused. With Ignored, a PATCH applies the rest of
	// the request when one of its attributes is in no schema of the endpoint. With
	// Refused, the answer is 400 and nothing changes. A change restarts the servers, one
	// after the other. Left out, it follows from the type of the IdentityProvider:
	// Ignored for EntraID, otherwise Refused.
	// +optional
	UnknownAttributes UnknownAttributes `json:"unknownAttributes,omitempty"`

	// expiringTokens is Supported or Unsupported. With Unsupported, the identity provider
	// stops provisioning when its token ends: token.lifetime is 87600h (ten years) when left
	// out, and the condition TokenReady and an alert warn long before the end. Left out, it
	// follows from the type of the IdentityProvider: Unsupported for EntraID, otherwise
	// Supported.
	// +optional
	ExpiringTokens ExpiringTokens `json:"expiringTokens,omitempty"`
}

// Or returns the behavior with what it leaves out taken from another one.
func (b ProviderBehavior) Or(otherwise ProviderBehavior) ProviderBehavior {
	if b.ExternalIDs == "" {
		b.ExternalIDs = otherwise.ExternalIDs
	}
	if b.UnknownAttributes == "" {
		b.UnknownAttributes = otherwise.UnknownAttributes
	}
	if b.ExpiringTokens == "" {
		b.ExpiringTokens = otherwise.ExpiringTokens
	}
	return b
}

// DefaultProviderBehavior returns the behavior of an identity provider that nothing is known of.
func DefaultProviderBehavior() ProviderBehavior {
	return ProviderBehavior{
		ExternalIDs: ExternalIDsReassignable, UnknownAttributes: UnknownAttributesRefused, ExpiringTokens: ExpiringTokensSupported,
	}
}

// EffectiveProviderBehavior returns the values in force when the spec leaves some out. An
// endpoint without an IdentityProvider has an identity provider that nothing is known of.
func (e *ScimEndpoint) EffectiveProviderBehavior() ProviderBehavior {
	return e.Spec.ProviderBehavior.Or(DefaultProviderBehavior())
}

// EffectiveTokenPolicy returns the token policy in force. A token of an identity provider that
// does not support expiring tokens lives as long as any may, unless the spec says otherwise.
func (e *ScimEndpoint) EffectiveTokenPolicy() *TokenPolicy {
	if e.EffectiveProviderBehavior().ExpiringTokens != ExpiringTokensUnsupported || e.Spec.Token != nil && e.Spec.Token.Lifetime != nil {
		return e.Spec.Token
	}
	policy := &TokenPolicy{}
	if e.Spec.Token != nil {
		policy = e.Spec.Token.DeepCopy()
	}
	policy.Lifetime = &metav1.Duration{Duration: MaxTokenLifetime}
	return policy
}
