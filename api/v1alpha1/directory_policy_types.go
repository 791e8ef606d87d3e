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

// EmailDomainPolicy lists the e-mail domains of one identity provider.
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
}
