// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of the scim-operator.io group: what an administrator
// writes (IdentityProvider, ScimEndpoint), what identity providers provision through
// SCIM (ScimUser, ScimGroup), and two kinds that only the machinery touches
// (ScimClaim, ScimGroupSlice).
//
// Schemas carry no defaults, so that GitOps tools never see a difference they did not
// make; the one exception is status.observedGeneration, which starts at -1 so that a
// new object does not look healthy before a controller has seen it.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
// +groupName=scim-operator.io
package v1alpha1
