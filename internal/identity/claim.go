// SPDX-License-Identifier: Apache-2.0

package identity

import (
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
