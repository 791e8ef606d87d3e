// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// IdentityProviderType is the product behind an identity provider.
// +kubebuilder:validation:Enum=Okta;EntraID;OneLogin;GoogleWorkspace;JumpCloud;PingIdentity;Duo;Keycloak;Generic
type IdentityProviderType string

// The products known by name. Every one of them is served by the same endpoint; package
// idp holds what differs.
const (
	ProviderOkta            IdentityProviderType = "Okta"
	ProviderEntraID         IdentityProviderType = "EntraID"
	ProviderOneLogin        IdentityProviderType = "OneLogin"
	ProviderGoogleWorkspace IdentityProviderType = "GoogleWorkspace"
	ProviderJumpCloud       IdentityProviderType = "JumpCloud"
	ProviderPingIdentity    IdentityProviderType = "PingIdentity"
	ProviderDuo             IdentityProviderType = "Duo"
	ProviderKeycloak        IdentityProviderType = "Keycloak"
	ProviderGeneric         IdentityProviderType = "Generic"
)

// Provisioning says whether the identity provider may change the directory.
// +kubebuilder:validation:Enum=Disabled;Enabled;Paused
type Provisioning string

const (
	// ProvisioningDisabled serves nothing; users and groups stay.
	ProvisioningDisabled Provisioning = "Disabled"
	// ProvisioningEnabled serves SCIM.
	ProvisioningEnabled Provisioning = "Enabled"
	// ProvisioningPaused answers 503 with Retry-After, so that the identity provider
	// tries again later and nothing is lost.
	ProvisioningPaused Provisioning = "Paused"
)

// IdentityProviderSpec is what an administrator decides about one identity provider.
// +kubebuilder:validation:XValidation:rule="has(self.emailDomains) || !has(self.scim) || !has(self.scim.linking) || self.scim.linking != 'ByEmail'",message="linking ByEmail needs emailDomains: only addresses of these domains tell who a user is"
type IdentityProviderSpec struct {
	// type is the product behind the identity provider.
	// +required
	Type IdentityProviderType `json:"type,omitempty"`

	// displayName is a name for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`

	EmailDomainPolicy `json:",inline"`

	// signOn is how people sign on through this identity provider. SCIM stays off until it
	// is usable.
	// +required
	SignOn SignOnSpec `json:"signOn,omitzero"`

	// scim is the provisioning of users and groups by this identity provider. Left
	// out, provisioning is Disabled.
	// +optional
	SCIM *SCIMSpec `json:"scim,omitempty"`
}

// SCIMSpec is the provisioning of users and groups by one identity provider.
type SCIMSpec struct {
	// provisioning is Enabled, Disabled or Paused. Left out, it is Disabled.
	// +optional
	Provisioning Provisioning `json:"provisioning,omitempty"`

	DirectoryPolicy `json:",inline"`

	// onDisable says what becomes of users when provisioning is Disabled or the
	// IdentityProvider deleted: Keep leaves them as they are, Deactivate makes them inactive
	// until provisioning is enabled again. Left out, it is Keep.
	// +optional
	OnDisable OnDisable `json:"onDisable,omitempty"`

	// endpoint becomes part of the ScimEndpoint's spec.
	// +optional
	Endpoint *ScimEndpointTemplate `json:"endpoint,omitempty"`
}

// IdentityProviderStatus is what became of an IdentityProvider's spec.
type IdentityProviderStatus struct {
	// conditions are SSOConfigured, ScimReady and Ready, and Reconciling, Stalled, LinkingBlocked,
	// DomainConflict or Held when True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the newest metadata.generation this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// provisioning is the value in force.
	// +optional
	Provisioning Provisioning `json:"provisioning,omitempty"`

	// signOn is what the identity provider's metadata said when it was last usable. There is
	// none where sign-on is not managed here.
	// +optional
	SignOn *SignOnStatus `json:"signOn,omitempty"`

	// connection is what an administrator copies into the identity provider.
	// +optional
	Connection *ConnectionStatus `json:"connection,omitempty"`

	// users is the number of live users that this identity provider has provisioned.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int64 `json:"users,omitempty"`

	// technicians is the number of those users who are technicians.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Technicians *int64 `json:"technicians,omitempty"`

	// groups is the number of groups that this identity provider has provisioned.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Groups *int64 `json:"groups,omitempty"`

	// active is the number of users of this identity provider who may sign in, those included
	// whom it has deleted and who are held.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Active *int64 `json:"active,omitempty"`

	// held is the number of users who are active only until a person has decided about it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Held *int64 `json:"held,omitempty"`

	// rejected is the number of users who are active because a person rejected that they leave.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Rejected *int64 `json:"rejected,omitempty"`

	// unresolvedMembers is the number of members of groups that name nobody yet.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UnresolvedMembers *int64 `json:"unresolvedMembers,omitempty"`

	// onDisable is the value in force.
	// +optional
	OnDisable OnDisable `json:"onDisable,omitempty"`

	// linking is the value in force.
	// +optional
	Linking Linking `json:"linking,omitempty"`

	// linkingApproval is the value in force.
	// +optional
	LinkingApproval LinkingApproval `json:"linkingApproval,omitempty"`

	// otherEmailDomains is the value in force.
	// +optional
	OtherEmailDomains OtherEmailDomains `json:"otherEmailDomains,omitempty"`

	// externalIDs is the value in force.
	// +optional
	ExternalIDs ExternalIDs `json:"externalIDs,omitempty"`

	// unknownAttributes is the value in force.
	// +optional
	UnknownAttributes UnknownAttributes `json:"unknownAttributes,omitempty"`

	// expiringTokens is the value in force.
	// +optional
	ExpiringTokens ExpiringTokens `json:"expiringTokens,omitempty"`

	// deprovisioning is that of the endpoint: how people leave, and who is held.
	// +optional
	Deprovisioning *DeprovisioningStatus `json:"deprovisioning,omitempty"`

	// rules says how far the rules for users have been applied, and what the ones in
	// the preview would do.
	// +optional
	Rules *RulesStatus `json:"rules,omitempty"`
}

// ConnectionStatus is what an administrator copies into the identity provider's portal.
type ConnectionStatus struct {
	// baseURL is the SCIM base URL ("tenant URL", "SCIM connector base URL").
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	BaseURL string `json:"baseURL,omitempty"`

	// tokenSecretName names the Secret in which the newest token was delivered, or from
	// which it was taken, while there is one. The Secret in which it was delivered may be
	// deleted once the token has been copied.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	TokenSecretName string `json:"tokenSecretName,omitempty"`

	// organizationID is the organization that end users belong to.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	OrganizationID string `json:"organizationID,omitempty"`

	// samlEntityID of the identity provider.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	SAMLEntityID string `json:"samlEntityID,omitempty"`

	// oidcIssuer is the issuer identifier of the OpenID provider.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	OIDCIssuer string `json:"oidcIssuer,omitempty"`
}

// IdentityProvider is one identity provider of one tenant: its single sign-on, and the
// provisioning of users and groups that becomes possible once sign-on is configured.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=idp,categories=scim
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="SSO",type=string,JSONPath=`.status.conditions[?(@.type=="SSOConfigured")].status`
// +kubebuilder:printcolumn:name="SCIM",type=string,JSONPath=`.status.conditions[?(@.type=="ScimReady")].reason`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.connection.baseURL`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.type`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 50",message="the name of an IdentityProvider may have at most 50 characters, because its endpoint's objects are named after it"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name of an IdentityProvider must begin with a letter and have only lower case letters, digits and hyphens, because its endpoint's Service is named after it"
type IdentityProvider struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the administrator decides.
	// +required
	Spec IdentityProviderSpec `json:"spec,omitempty,omitzero"`

	// status is what became of it.
	// +optional
	// +default={"observedGeneration":-1}
	Status IdentityProviderStatus `json:"status,omitempty,omitzero"`
}

// IdentityProviderList is a list of IdentityProviders.
// +kubebuilder:object:root=true
type IdentityProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []IdentityProvider `json:"items"`
}

// EffectiveProvisioning is the value in force when the spec leaves it out.
func (p *IdentityProvider) EffectiveProvisioning() Provisioning {
	if p.Spec.SCIM == nil || p.Spec.SCIM.Provisioning == "" {
		return ProvisioningDisabled
	}
	return p.Spec.SCIM.Provisioning
}

// EffectiveOnDisable is the value in force when the spec leaves it out.
func (p *IdentityProvider) EffectiveOnDisable() OnDisable {
	if p.Spec.SCIM == nil || p.Spec.SCIM.OnDisable == "" {
		return OnDisableKeep
	}
	return p.Spec.SCIM.OnDisable
}

// EffectiveLinkingPolicy is the policy in force when the spec leaves all or some of it out.
func (p *IdentityProvider) EffectiveLinkingPolicy() LinkingPolicy {
	var policy LinkingPolicy
	if p.Spec.SCIM != nil {
		policy = p.Spec.SCIM.LinkingPolicy
	}
	return LinkingPolicy{Linking: policy.EffectiveLinking(), LinkingApproval: policy.EffectiveLinkingApproval()}
}

// GetConditions lets shared helpers read the conditions.
func (p *IdentityProvider) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions lets shared helpers replace the conditions.
func (p *IdentityProvider) SetConditions(c []metav1.Condition) { p.Status.Conditions = c }
