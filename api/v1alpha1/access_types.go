// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AccessPolicy says who is let in to an endpoint, and what is written down about it.
type AccessPolicy struct {
	// trustedProxies are the networks of the proxies in front of the endpoint, such as
	// those of the Ingress controller's pods. Only they are believed when they say, in
	// X-Forwarded-For or Forwarded, where a request comes from. Left out, a request comes
	// from the other end of its connection. A change starts the servers anew, one after
	// the other.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(n, isCIDR(n))",message="each of trustedProxies must be a network such as 10.0.0.0/8 or fd00::/8"
	TrustedProxies []string `json:"trustedProxies,omitempty"`

	// audit says what the audit log holds about people.
	// +optional
	Audit *AuditPolicy `json:"audit,omitempty"`

	// oauth lets in clients with access tokens of an OAuth 2.0 issuer, beside those with
	// a token of the endpoint. A change starts the servers anew, one after the other.
	// +optional
	OAuth *OAuthPolicy `json:"oauth,omitempty"`
}

// AuditUserNames says how the audit log names users.
// +kubebuilder:validation:Enum=Plain;Hashed;Omitted
type AuditUserNames string

const (
	// AuditUserNamesPlain writes the userName as it is.
	AuditUserNamesPlain AuditUserNames = "Plain"
	// AuditUserNamesHashed writes a keyed hash of it, the same for the same user.
	AuditUserNamesHashed AuditUserNames = "Hashed"
	// AuditUserNamesOmitted leaves it out; the id of the user is there anyway.
	AuditUserNamesOmitted AuditUserNames = "Omitted"
)

// AuditPolicy says what the audit log holds.
type AuditPolicy struct {
	// userNames is Plain, Hashed or Omitted: whether a line has the userName of the user
	// it is about, a keyed hash of it, or neither. Left out, it is Omitted.
	// +optional
	UserNames AuditUserNames `json:"userNames,omitempty"`
}

// AuditUserNames says how the audit log names users.
func (e *ScimEndpoint) AuditUserNames() AuditUserNames {
	if e.Spec.Audit == nil || e.Spec.Audit.UserNames == "" {
		return AuditUserNamesOmitted
	}
	return e.Spec.Audit.UserNames
}
