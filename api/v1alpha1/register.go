// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of every kind of this project.
const GroupName = "scim-operator.io"

// SchemeGroupVersion is the group and version of the kinds in this package. The name is
// the one that generated apply configurations refer to.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// GroupVersion is an alias of SchemeGroupVersion in kubebuilder's spelling.
var GroupVersion = SchemeGroupVersion

var (
	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
	// AddToScheme registers the kinds of this package.
	AddToScheme = schemeBuilder.AddToScheme
)

// Resource qualifies a resource name with the group.
func Resource(resource string) schema.GroupResource {
	return SchemeGroupVersion.WithResource(resource).GroupResource()
}

func addKnownTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(SchemeGroupVersion,
		&IdentityProvider{}, &IdentityProviderList{},
		&ScimEndpoint{}, &ScimEndpointList{},
		&ScimUser{}, &ScimUserList{},
		&ScimGroup{}, &ScimGroupList{},
		&ScimResource{}, &ScimResourceList{},
		&ScimGroupSlice{}, &ScimGroupSliceList{},
		&ScimClaim{}, &ScimClaimList{},
	)
	metav1.AddToGroupVersion(s, SchemeGroupVersion)
	return nil
}
