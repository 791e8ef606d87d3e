// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ScimGroupSliceSpec is some of the members of one group. It never changes: a change of
// members writes new slices and becomes visible when the group names them.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a slice never changes; its group names a new one instead"
type ScimGroupSliceSpec struct {
	// endpointRef names the ScimEndpoint of the group.
	// +required
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`

	// groupRef names the ScimGroup.
	// +required
	GroupRef ObjectReference `json:"groupRef,omitzero"`

	// members held by this slice.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	Members []GroupMember `json:"members,omitempty"`
}

// ScimGroupSlice holds some of the members of a large ScimGroup, as an EndpointSlice
// holds some of the endpoints of a Service. Only the machinery touches it.
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=scim-internal
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.groupRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.groupRef.name`
type ScimGroupSlice struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the members.
	// +required
	Spec ScimGroupSliceSpec `json:"spec,omitempty,omitzero"`
}

// ScimGroupSliceList is a list of ScimGroupSlices.
// +kubebuilder:object:root=true
type ScimGroupSliceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimGroupSlice `json:"items"`
}
