// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// OAuthPolicy says which access tokens let a client in. They are JWTs (RFC 7519) that an
// issuer has signed with an asymmetric key, and that have not expired.
// +kubebuilder:validation:XValidation:rule="has(self.subjects) || has(self.requiredClaims)",message="give subjects or requiredClaims: without them every client of the issuer that can ask for the audience would be let in"
type OAuthPolicy struct {
	// issuer is what tokens must name as theirs, letter by letter: an https URL.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && !self.contains('@') && !self.contains('?') && !self.contains('#')",message="issuer must be an https URL without a query, a fragment or user information"
	Issuer string `json:"issuer,omitempty"`

	// jwksURL is where the issuer's keys are. Left out, the issuer's metadata says so:
	// <issuer>/.well-known/openid-configuration or, where there is none, what RFC 8414 has
	// in its place.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && !self.contains('@') && !self.contains('#')",message="jwksURL must be an https URL without a fragment or user information"
	JWKSURL string `json:"jwksURL,omitempty"`

	// caCertificates are trusted for the URLs of the issuer instead of the public CAs, which
	// are trusted when it is left out: certificates of CAs, or that of the issuer itself, in
	// PEM. They are public, and nothing but certificates belongs here.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	// +kubebuilder:validation:XValidation:rule="self.contains('-----BEGIN CERTIFICATE-----')",message="caCertificates must be certificates in PEM, each of which begins with -----BEGIN CERTIFICATE-----"
	CACertificates string `json:"caCertificates,omitempty"`

	// audiences of whom a token must be for one.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Audiences []string `json:"audiences,omitempty"`

	// subjects of whom a token must be about one. Left out, it may be about any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Subjects []string `json:"subjects,omitempty"`

	// requiredClaims are claims that a token must have, such as the client ID or a scope.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	RequiredClaims []RequiredClaim `json:"requiredClaims,omitempty"`

	// me is the user that /Me stands for in requests with an access token. Left out, it is the
	// user of the field me of the endpoint.
	// +optional
	Me *OAuthSubject `json:"me,omitempty"`
}

// OAuthSubject is the user whom an access token names.
type OAuthSubject struct {
	// claim whose text is the value of the attribute, such as sub, oid or preferred_username.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!(self in ['iss', 'aud', 'exp', 'nbf', 'iat', 'jti', 'scope', 'scp'])",message="this claim names no user; give one such as sub, oid or preferred_username"
	Claim string `json:"claim,omitempty"`

	// attribute of users that has the value of the claim.
	// +required
	Attribute UserIdentifier `json:"attribute,omitempty"`
}

// UserIdentifier is an attribute that identifies users.
// +kubebuilder:validation:Enum=UserName;ExternalID
type UserIdentifier string

const (
	// UserIdentifierUserName is the userName, compared without case.
	UserIdentifierUserName UserIdentifier = "UserName"
	// UserIdentifierExternalID is the externalId, compared with case.
	UserIdentifierExternalID UserIdentifier = "ExternalID"
)

// RequiredClaim is a claim that a token must have.
type RequiredClaim struct {
	// name of the claim, such as azp, client_id, roles or scope.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// values of which the claim must be one or, where it is a list or, as scope, several
	// words, must have one in it.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Values []string `json:"values,omitempty"`
}
