// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"

	"scim-operator.io/api/v1alpha1"
)

// AllOrganizations stands for every organization. It always stands alone.
const AllOrganizations = "All"

// Organizations decides which organizations a user belongs to: those that the identity
// provider names, or else, for an end user, the endpoint's default organization. It
// returns nil when there is none.
func Organizations(user *v1alpha1.ScimUser, defaultOrganizationID string) []string {
	if named := namedOrganizations(user); len(named) > 0 {
		return named
	}
	if accountType, _ := UserType(user); accountType == v1alpha1.AccountEndUser && defaultOrganizationID != "" {
		return []string{defaultOrganizationID}
	}
	return nil
}

// namedOrganizations is what the identity provider says, in its order, without repetitions.
func namedOrganizations(user *v1alpha1.ScimUser) []string {
	if user.Spec.Account == nil {
		return nil
	}
	var named []string
	for _, id := range user.Spec.Account.OrganizationIDs {
		id = strings.TrimSpace(id)
		switch {
		case strings.EqualFold(id, AllOrganizations):
			return []string{AllOrganizations}
		case id != "" && !slices.Contains(named, id):
			named = append(named, id)
		}
	}
	return named
}
