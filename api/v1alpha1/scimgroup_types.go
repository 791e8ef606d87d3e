// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxInlineMembers is the number of members that a ScimGroup, or one ScimGroupSlice,
// holds at most: about 90 KiB.
const MaxInlineMembers = 1000

// ScimGroupSpec is what the identity provider said about a group (RFC 7643 §4.2). Only
// the endpoint's server writes it.
// +kubebuilder:validation:XValidation:rule="!(has(self.members) && has(self.slices))",message="members are held either in the group or in its slices"
type ScimGroupSpec struct {
	// endpointRef names the ScimEndpoint through which the group was provisioned.
	// +required
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`

	// displayName of the group, unique within the endpoint without regard to case.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// externalId is the identity provider's own identifier of the group.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`

	// members of the group, when there are at most 1000.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Members []GroupMember `json:"members,omitempty"`

	// slices names the ScimGroupSlices that hold the members, when there are more.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Slices []string `json:"slices,omitempty"`

	// memberCount is the number of members, wherever they are held.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MemberCount *int64 `json:"memberCount,omitempty"`

	// extensions holds the attributes of custom extensions by schema URN.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Extensions map[string]apiextensionsv1.JSON `json:"extensions,omitempty"`

	// lastModifiedTime is when the identity provider last changed the group. Left out, it
	// has not been changed since it was created.
	// +optional
	LastModifiedTime *metav1.MicroTime `json:"lastModifiedTime,omitempty"`
}

// MemberType is the kind of resource that a member of a group is.
// +kubebuilder:validation:Enum=User;Group
type MemberType string

const (
	// MemberUser is a ScimUser.
	MemberUser MemberType = "User"
	// MemberGroup is a nested ScimGroup.
	MemberGroup MemberType = "Group"
)

// GroupMember is one member of a group.
type GroupMember struct {
	// value is the SCIM id of the user or group. It may name one that does not exist
	// yet: the membership takes effect when it arrives.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`

	// type of the member as the identity provider gave it.
	// +optional
	Type MemberType `json:"type,omitempty"`
}

// ScimGroupStatus is what the operator made of a group.
type ScimGroupStatus struct {
	// conditions are Ready, and Reconciling or Stalled when True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the newest metadata.generation this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// unresolvedMembers is the number of members that name nobody yet.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UnresolvedMembers *int64 `json:"unresolvedMembers,omitempty"`
}

// ScimGroup is a group that an identity provider has provisioned. Its name is the SCIM id.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=scimg,categories=scim-directory
// +kubebuilder:printcolumn:name="DisplayName",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.spec.memberCount`
// +kubebuilder:printcolumn:name="Unresolved",type=integer,JSONPath=`.status.unresolvedMembers`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.endpointRef.name`
// +kubebuilder:printcolumn:name="ExternalID",type=string,JSONPath=`.spec.externalId`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.displayName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
type ScimGroup struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the identity provider said.
	// +required
	Spec ScimGroupSpec `json:"spec,omitempty,omitzero"`

	// status is what the operator made of it.
	// +optional
	// +default={"observedGeneration":-1}
	Status ScimGroupStatus `json:"status,omitempty,omitzero"`
}

// ScimGroupList is a list of ScimGroups.
// +kubebuilder:object:root=true
type ScimGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimGroup `json:"items"`
}

// Live says whether the group exists over SCIM.
func (g *ScimGroup) Live() bool { return g.DeletionTimestamp.IsZero() && !g.Abandoned() }

// Abandoned says whether the group only keeps its id from being used.
func (g *ScimGroup) Abandoned() bool { return g.Annotations[AbandonedAnnotation] != "" }

// GetConditions lets shared helpers read the conditions.
func (g *ScimGroup) GetConditions() []metav1.Condition { return g.Status.Conditions }

// SetConditions lets shared helpers replace the conditions.
func (g *ScimGroup) SetConditions(c []metav1.Condition) { g.Status.Conditions = c }
