// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"

	"scim-operator.io/internal/scim"
)

// Grant is a role that a user has, and the rule that gave it.
type Grant struct{ Role, Rule string }

// grants decides which roles a user has. Withheld are the protected ones that a rule or
// the identity provider asks for, under the names by which they are protected.
func (r *Rules) grants(s *subject) (given []Grant, withheld []string) {
	asked := map[string]bool{}
	for i := range r.roles {
		role := &r.roles[i]
		key := scim.Fold(role.name)
		if asked[key] {
			continue
		}
		rule, ok := role.match.describes(s, slices.Contains(s.user.Status.Roles, role.name))
		if !ok {
			continue
		}
		asked[key] = true
		if !r.protected[key] {
			given = append(given, Grant{role.name, rule})
		}
	}
	for _, name := range r.protectedRoles {
		if key := scim.Fold(name); asked[key] || s.roles[key] {
			withheld = append(withheld, name)
		}
	}
	return given, withheld
}
