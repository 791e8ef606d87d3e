// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// EndpointReference names a ScimEndpoint in the same namespace.
type EndpointReference struct {
	// name of the ScimEndpoint.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Name string `json:"name,omitempty"`
}

// ObjectReference names an object of a known kind in the same namespace.
type ObjectReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}
