// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"

	"scim-operator.io/api/v1alpha1"
)

// AllOrganizations stands for every organization. It always stands alone.
const AllOrganizations = "All"

// organizations decides which organizations a user belongs to: those that the identity
// provider names and may name, or else, for an end user about whom it names none, the
// endpoint's own. Withheld are those that it may not name. Nobody is put into the
// endpoint's own organization in their place: nobody has asked for that.
func (r *Rules) organizations(user *v1alpha1.ScimUser, accountType v1alpha1.AccountType) (given, withheld []string) {
	named := namedOrganizations(user)
	if len(named) == 0 && accountType == v1alpha1.AccountEndUser && r.organizationID != "" {
		named = []string{r.organizationID}
	}
	for _, id := range named {
		switch {
		case r.allowed != nil && !r.allowed[organizationKey(id)]:
			withheld = append(withheld, id)
		case id == AllOrganizations:
			return []string{AllOrganizations}, withheld
		default:
			given = append(given, id)
		}
	}
	return given, withheld
}

// namedOrganizations is what the identity provider says, without repetitions: All first,
// then the others in its order.
func namedOrganizations(user *v1alpha1.ScimUser) []string {
	if user.Spec.Account == nil {
		return nil
	}
	var named []string
	seen := map[string]bool{}
	for _, id := range user.Spec.Account.OrganizationIDs {
		id = organizationKey(id)
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		if id == AllOrganizations {
			named = slices.Insert(named, 0, id)
			continue
		}
		named = append(named, id)
	}
	return named
}

// organizationKey is the form in which IDs are compared: All in any case is All.
func organizationKey(id string) string {
	id = strings.TrimSpace(id)
	if strings.EqualFold(id, AllOrganizations) {
		return AllOrganizations
	}
	return id
}
