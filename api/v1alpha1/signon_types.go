// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SignOnSpec is exactly one way in which people sign on.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="[has(self.saml), has(self.oidc), has(self.none)].filter(x, x).size() == 1",message="say in exactly one way how people sign on: saml, oidc or none"
type SignOnSpec struct {
	// saml is sign-on by SAML 2.0.
	// +optional
	SAML *SAMLSpec `json:"saml,omitempty"`

	// oidc is sign-on by OpenID Connect.
	// +optional
	OIDC *OIDCSpec `json:"oidc,omitempty"`

	// none means that sign-on is configured elsewhere. Nothing is checked, and SCIM does not
	// wait for it.
	// +optional
	None *NoSignOnSpec `json:"none,omitempty"`
}

// NoSignOnSpec has no fields.
type NoSignOnSpec struct{}

// OIDCSpec names an OpenID provider.
type OIDCSpec struct {
	// issuer is the issuer identifier of the OpenID provider, as its discovery document
	// spells it. The document is read from <issuer>/.well-known/openid-configuration and
	// read again every hour, with the keys that it names.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && !self.contains('@') && !self.contains('?') && !self.contains('#')",message="issuer must be an https URL without a query, a fragment or user information"
	Issuer string `json:"issuer,omitempty"`
}

// SAMLSpec says where the identity provider's SAML 2.0 metadata is.
type SAMLSpec struct {
	// metadata is the identity provider's SAML metadata document.
	// +required
	Metadata SAMLMetadataSource `json:"metadata,omitzero"`
}

// SAMLMetadataSource is exactly one place to read SAML metadata from.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="[has(self.url), has(self.xml), has(self.configMapKeyRef)].filter(x, x).size() == 1",message="give the SAML metadata in exactly one way: url, xml or configMapKeyRef"
type SAMLMetadataSource struct {
	// url is an HTTPS address that serves the metadata. It is read again every hour.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHost() != ''",message="url must be an absolute URL such as https://idp.example.com/saml/metadata"
	URL string `json:"url,omitempty"`

	// xml is the metadata itself.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	XML string `json:"xml,omitempty"`

	// configMapKeyRef names a key of a ConfigMap in the same namespace that holds the metadata.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`

	// signedBy are the certificates whose keys may sign the metadata. A document that none of
	// them has signed as a whole is refused. Left out, no signature is looked at.
	// +optional
	SignedBy *MetadataSigners `json:"signedBy,omitempty"`
}

// MetadataSigners are 1 to 8 certificates in PEM, given in exactly one way. Each has an RSA key
// of 2048 to 8192 bits. Only the keys count: a certificate may have expired and needs no issuer.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="[has(self.certificates), has(self.configMapKeyRef)].filter(x, x).size() == 1",message="give the certificates of signedBy in exactly one way: certificates or configMapKeyRef"
type MetadataSigners struct {
	// certificates are the certificates themselves, one after the other.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	Certificates string `json:"certificates,omitempty"`

	// configMapKeyRef names a key of a ConfigMap in the same namespace that holds them, in at
	// most 32 KiB.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`
}

// ConfigMapKeyReference names one key of a ConfigMap in the same namespace.
type ConfigMapKeyReference struct {
	// name of the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="the ConfigMap's name must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	Name string `json:"name,omitempty"`

	// key in its data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="key must be a ConfigMap key: letters, digits, hyphens, underscores and dots, and not . or anything that begins with .."
	Key string `json:"key,omitempty"`
}

// SignOnStatus is what an identity provider publishes about its sign-on. It has the same field
// as spec.signOn.
type SignOnStatus struct {
	// saml is what the SAML metadata says.
	// +optional
	SAML *SAMLStatus `json:"saml,omitempty"`

	// oidc is what the OpenID discovery document says.
	// +optional
	OIDC *OIDCStatus `json:"oidc,omitempty"`
}

// OIDCStatus is what the discovery document of an OpenID provider says.
type OIDCStatus struct {
	// issuer identifier of the OpenID provider.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Issuer string `json:"issuer,omitempty"`

	// authorizationEndpoint is where the OpenID provider takes authentication requests.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	AuthorizationEndpoint string `json:"authorizationEndpoint,omitempty"`

	// tokenEndpoint is where clients exchange an authorization code for tokens.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`

	// endSessionEndpoint is where clients sign people out, if there is one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	EndSessionEndpoint string `json:"endSessionEndpoint,omitempty"`

	// jwksURL is where the keys are that verify ID tokens.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	JWKSURL string `json:"jwksURL,omitempty"`

	// keys is the number of those keys that can be used.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Keys *int32 `json:"keys,omitempty"`
}

// SAMLStatus is what the SAML metadata says.
type SAMLStatus struct {
	// entityID of the identity provider.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	EntityID string `json:"entityID,omitempty"`

	// signOnURL is where the identity provider takes authentication requests.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	SignOnURL string `json:"signOnURL,omitempty"`

	// certificates are the signing certificates, at most 16 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Certificates []CertificateStatus `json:"certificates,omitempty"`

	// nextExpiry is when the first certificate that is valid now expires.
	// +optional
	NextExpiry *metav1.Time `json:"nextExpiry,omitempty"`
}

// CertificateStatus describes a signing certificate.
type CertificateStatus struct {
	// subject is the distinguished name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Subject string `json:"subject,omitempty"`

	// sha256 is the fingerprint of the certificate, 64 hexadecimal digits.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256,omitempty"`

	// notBefore is when the certificate becomes valid.
	// +required
	NotBefore metav1.Time `json:"notBefore,omitempty,omitzero"`

	// notAfter is when the certificate expires.
	// +required
	NotAfter metav1.Time `json:"notAfter,omitempty,omitzero"`
}

// SAMLSource is where the spec says the SAML metadata is, or nil.
func (p *IdentityProvider) SAMLSource() *SAMLMetadataSource {
	if p.Spec.SignOn.SAML == nil {
		return nil
	}
	return &p.Spec.SignOn.SAML.Metadata
}

// ConfigMaps returns the names of the ConfigMaps that the metadata is read or judged by.
func (s *SAMLMetadataSource) ConfigMaps() []string {
	var names []string
	if s.ConfigMapKeyRef != nil {
		names = append(names, s.ConfigMapKeyRef.Name)
	}
	if s.SignedBy != nil && s.SignedBy.ConfigMapKeyRef != nil {
		names = append(names, s.SignedBy.ConfigMapKeyRef.Name)
	}
	return names
}

// SAMLStatus is what the SAML metadata said when it was last usable, or nil.
func (p *IdentityProvider) SAMLStatus() *SAMLStatus {
	if p.Status.SignOn == nil {
		return nil
	}
	return p.Status.SignOn.SAML
}
