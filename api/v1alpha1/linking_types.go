// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Linking says by what a user is recognised who was here before the identity provider
// created one.
// +kubebuilder:validation:Enum=Never;ByUserName;ByEmail
type Linking string

const (
	// LinkingNever makes a new user whoever is here already.
	LinkingNever Linking = "Never"
	// LinkingByUserName goes by the userName, of those alone whose e-mail address is of the
	// domains in emailDomains.
	LinkingByUserName Linking = "ByUserName"
	// LinkingByEmail goes by the e-mail addresses, of the domains in emailDomains alone.
	LinkingByEmail Linking = "ByEmail"
)

// LinkingApproval says whether an administrator has to approve each adoption.
// +kubebuilder:validation:Enum=Automatic;Required
type LinkingApproval string

const (
	// LinkingAutomatic adopts at once who has an e-mail address.
	LinkingAutomatic LinkingApproval = "Automatic"
	// LinkingApprovalRequired adopts who has the annotation ApproveAdoptionAnnotation.
	LinkingApprovalRequired LinkingApproval = "Required"
)

// LinkingPolicy says what happens to a user who was here before: one of the namespace
// whom no identity provider has provisioned.
type LinkingPolicy struct {
	// linking is Never, ByUserName or ByEmail. When the identity provider creates a user
	// and exactly one user who was here before has the same userName, or an e-mail
	// address in common, that user is adopted, if the address is of one of emailDomains:
	// by the userName, that is the userName itself where it is an address, and else the
	// primary e-mail address. Left out, it is Never.
	// +optional
	Linking Linking `json:"linking,omitempty"`

	// linkingApproval is Automatic or Required. With Required the identity provider is
	// answered 409 until an administrator has annotated the user who was here before with
	// scim-operator.io/approve-adoption and the name of the ScimEndpoint. To adopt a user
	// without any e-mail address always takes that approval. Left out, it is Automatic.
	// +optional
	LinkingApproval LinkingApproval `json:"linkingApproval,omitempty"`
}

// EffectiveLinking is the value in force when the spec leaves it out.
func (p LinkingPolicy) EffectiveLinking() Linking {
	if p.Linking == "" {
		return LinkingNever
	}
	return p.Linking
}

// EffectiveLinkingApproval is the value in force when the spec leaves it out.
func (p LinkingPolicy) EffectiveLinkingApproval() LinkingApproval {
	if p.LinkingApproval == "" {
		return LinkingAutomatic
	}
	return p.LinkingApproval
}

// Links says whether users who were here before may be adopted at all.
func (p LinkingPolicy) Links() bool {
	return p.Linking == LinkingByUserName || p.Linking == LinkingByEmail
}

const (
	// ApproveAdoptionAnnotation on a user who was here before names the ScimEndpoint that
	// may adopt the user.
	ApproveAdoptionAnnotation = "scim-operator.io/approve-adoption"
	// AdoptionRequestedAnnotation on a user who was here before names the ScimEndpoints
	// that wait for approval, separated by commas. Their servers write it.
	AdoptionRequestedAnnotation = "scim-operator.io/adoption-requested-by"
	// AmbiguousMatchAnnotation on a user names the users who were here before and might be
	// the same person, separated by commas. The server that made the user wrote it.
	AmbiguousMatchAnnotation = "scim-operator.io/ambiguous-match"
)

// Origin says how a user came to belong to an identity provider.
// +kubebuilder:validation:Enum=Adopted;Provisioned
type Origin string

const (
	// OriginAdopted was here before the identity provider created the user.
	OriginAdopted Origin = "Adopted"
	// OriginProvisioned was made for the identity provider.
	OriginProvisioned Origin = "Provisioned"
)

// Linked says whether the user belongs to an endpoint, and so to an identity provider.
func (u *ScimUser) Linked() bool { return u.Spec.EndpointRef.Name != "" }

// Origin is how the user came to belong to an identity provider, "" for one who does not.
func (u *ScimUser) Origin() Origin {
	switch {
	case !u.Linked():
		return ""
	case u.Spec.AdoptedTime != nil:
		return OriginAdopted
	}
	return OriginProvisioned
}
