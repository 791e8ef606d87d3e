// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// DirectoryPolicy is what an administrator decides about the people of one directory: where
// they belong, what they become, who is adopted and how they leave. An IdentityProvider passes
// it on to its ScimEndpoint as it is.
// +kubebuilder:validation:XValidation:rule="!has(self.organizationID) || !has(self.allowedOrganizationIDs) || self.organizationID in self.allowedOrganizationIDs",message="organizationID must be one of allowedOrganizationIDs"
type DirectoryPolicy struct {
	// organizationID is the organization that end users belong to unless the identity
	// provider says otherwise. Some identity providers ask the administrator for it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	OrganizationID string `json:"organizationID,omitempty"`

	AccountPolicy `json:",inline"`

	LinkingPolicy `json:",inline"`

	// deprovisioning says how people leave. Left out, whom the identity provider deletes
	// stays as an inactive record, and nobody is held but the last holder of a protected role.
	// +optional
	Deprovisioning *Deprovisioning `json:"deprovisioning,omitempty"`
}

// OtherEmailDomains tells what happens when an identity provider gives a user an address of a
// domain that it does not speak for.
// +kubebuilder:validation:Enum=Allowed;Refused
type OtherEmailDomains string

const (
	// OtherEmailDomainsAllowed stores the address.
	OtherEmailDomainsAllowed OtherEmailDomains = "Allowed"
	// OtherEmailDomainsRefused answers 400.
	OtherEmailDomainsRefused OtherEmailDomains = "Refused"
)

// EmailDomainPolicy lists the e-mail domains of one identity provider.
// +kubebuilder:validation:XValidation:rule="has(self.emailDomains) || !has(self.otherEmailDomains) || self.otherEmailDomains != 'Refused'",message="otherEmailDomains Refused needs emailDomains: without them every address would be refused"
type EmailDomainPolicy struct {
	// emailDomains are the domains whose e-mail addresses the identity provider speaks
	// for, such as acme.com. Linking adopts nobody of another domain, and without
	// emailDomains nobody at all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.all(d, d.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'))",message="emailDomains must be DNS names in lower case such as acme.com, without an @"
	EmailDomains []string `json:"emailDomains,omitempty"`

	// otherEmailDomains is Allowed or Refused. With Refused, the identity provider is answered
	// 400 when it creates a user with an e-mail address of a domain that emailDomains does not
	// list, or with a userName that is such an address, and when it gives a user one. What users
	// have already stays, and they can be changed in every other way. A change restarts the
	// servers, one after the other. Left out, it is Allowed.
	// +optional
	OtherEmailDomains OtherEmailDomains `json:"otherEmailDomains,omitempty"`
}

// EffectiveOtherEmailDomains returns the value in force when the spec leaves it out.
func (p EmailDomainPolicy) EffectiveOtherEmailDomains() OtherEmailDomains {
	if p.OtherEmailDomains == "" {
		return OtherEmailDomainsAllowed
	}
	return p.OtherEmailDomains
}

// RequiredEmailDomains returns the domains of which addresses have to be, or nil for any.
func (p EmailDomainPolicy) RequiredEmailDomains() []string {
	if p.OtherEmailDomains != OtherEmailDomainsRefused {
		return nil
	}
	return p.EmailDomains
}
