// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxResourceBytes bounds the attributes of one ScimResource, as JSON.
const MaxResourceBytes = 256 << 10

// ScimResourceSpec is what the identity provider said about a resource of a declared
// type. Only the endpoint's server writes it.
// +kubebuilder:validation:XValidation:rule="self.resourceType == oldSelf.resourceType",message="resourceType never changes"
type ScimResourceSpec struct {
	// endpointRef names the ScimEndpoint through which the resource was provisioned.
	// +required
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`

	// resourceType is the name of the type, one of the endpoint's resourceTypes when the
	// resource was created.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ResourceType string `json:"resourceType,omitempty"`

	// externalId is the identity provider's own identifier of the resource.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`

	// attributes by name, and those of extensions by the URN of their schema.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Attributes map[string]apiextensionsv1.JSON `json:"attributes,omitempty"`

	// lastModifiedTime is when the identity provider last changed the resource.
	// +optional
	LastModifiedTime *metav1.MicroTime `json:"lastModifiedTime,omitempty"`
}

// ScimResource is a resource of a type that its ScimEndpoint declares. Its name is the
// SCIM id. It has no status: nothing is decided about it.
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=scimres,categories=scim-directory
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.resourceType`
// +kubebuilder:printcolumn:name="ExternalID",type=string,JSONPath=`.spec.externalId`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.endpointRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.resourceType`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
type ScimResource struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the identity provider said.
	// +required
	Spec ScimResourceSpec `json:"spec,omitempty,omitzero"`
}

// ScimResourceList is a list of ScimResources.
// +kubebuilder:object:root=true
type ScimResourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimResource `json:"items"`
}

// Live says whether the resource exists over SCIM.
func (r *ScimResource) Live() bool { return r.DeletionTimestamp.IsZero() && !r.Abandoned() }

// Abandoned says whether the resource only keeps its id from being used.
func (r *ScimResource) Abandoned() bool { return r.Annotations[AbandonedAnnotation] != "" }
