// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClaimedAttribute is an attribute whose values are unique within an endpoint: the name
// of the resource type, a dot and the name of the attribute.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=129
// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9_-]*[.][A-Za-z][A-Za-z0-9_-]*$`
// +kubebuilder:validation:XValidation:rule="!self.matches('^(User|Group)[.]') || self in ['User.userName', 'Group.displayName']",message="of users and groups only User.userName and Group.displayName are unique"
type ClaimedAttribute string

// The attributes of the built-in types whose values are claimed.
const (
	ClaimUserName         ClaimedAttribute = "User.userName"
	ClaimGroupDisplayName ClaimedAttribute = "Group.displayName"
)

// ClaimName returns the name of the ScimClaim on a value, which is given as it is compared:
// folded and normalised.
func ClaimName(endpoint string, attribute ClaimedAttribute, value string) string {
	h := sha256.New()
	for _, part := range []string{endpoint, string(attribute), value} {
		h.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ScimClaimSpec says to whom a value belongs.
type ScimClaimSpec struct {
	// endpointRef names the ScimEndpoint within which the value is unique.
	// +required
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`

	// attribute that has the value.
	// +required
	Attribute ClaimedAttribute `json:"attribute,omitempty"`

	// value that is claimed, case-folded and normalised, which may make it longer than
	// the attribute's own bound.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	Value string `json:"value,omitempty"`

	// holderRef names the ScimUser, ScimGroup or ScimResource that the value belongs to.
	// +required
	HolderRef ObjectReference `json:"holderRef,omitzero"`

	// previousHolderRef names the holder from whom the claim was last taken over. A write
	// of it may still be under way until the new holder has the value.
	// +optional
	PreviousHolderRef *ObjectReference `json:"previousHolderRef,omitempty"`
}

// ScimClaim says that a value of an attribute belongs to one resource. Its name is a
// hash of endpoint, attribute and value, so that creating it is the lock. Only the
// machinery touches it.
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=scim-internal
// +kubebuilder:printcolumn:name="Attribute",type=string,JSONPath=`.spec.attribute`
// +kubebuilder:printcolumn:name="Value",type=string,JSONPath=`.spec.value`
// +kubebuilder:printcolumn:name="Holder",type=string,JSONPath=`.spec.holderRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.holderRef.name`
type ScimClaim struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says to whom the value belongs.
	// +required
	Spec ScimClaimSpec `json:"spec,omitempty,omitzero"`
}

// ScimClaimList is a list of ScimClaims.
// +kubebuilder:object:root=true
type ScimClaimList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimClaim `json:"items"`
}
