// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"maps"
	"slices"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// UserNameClaim returns the name of the ScimClaim on the userName of an endpoint's user.
func UserNameClaim(user *v1alpha1.ScimUser) string {
	return v1alpha1.ClaimName(user.Spec.EndpointRef.Name, v1alpha1.ClaimUserName, scim.FoldName(user.Spec.UserName))
}

// DisplayNameClaim returns the name of the ScimClaim on the displayName of a group.
func DisplayNameClaim(group *v1alpha1.ScimGroup) string {
	return v1alpha1.ClaimName(group.Spec.EndpointRef.Name, v1alpha1.ClaimGroupDisplayName, scim.FoldName(group.Spec.DisplayName))
}

// ResourceClaims returns the names of the ScimClaims that a resource of a declared type may
// hold, for its unique attributes: two of each, as the value is compared with or without case.
// Of a type that is not declared any more, every text may have been unique.
func ResourceClaims(resource *v1alpha1.ScimResource, declared *v1alpha1.SchemaResourceType) []string {
	var names []string
	for _, attribute := range slices.Sorted(maps.Keys(resource.Spec.Attributes)) {
		if declared != nil && !uniqueIn(declared, attribute) {
			continue
		}
		var value string
		if json.Unmarshal(resource.Spec.Attributes[attribute].Raw, &value) != nil || scim.IsBlank(value) {
			continue
		}
		claimed := v1alpha1.ClaimedAttribute(resource.Spec.ResourceType + "." + attribute)
		names = append(names, v1alpha1.ClaimName(resource.Spec.EndpointRef.Name, claimed, value))
		if folded := scim.FoldName(value); folded != value {
			names = append(names, v1alpha1.ClaimName(resource.Spec.EndpointRef.Name, claimed, folded))
		}
	}
	return names
}

func uniqueIn(declared *v1alpha1.SchemaResourceType, attribute string) bool {
	return slices.ContainsFunc(declared.Attributes, func(a v1alpha1.ResourceAttribute) bool { return a.Name == attribute && a.Unique() })
}
