// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"slices"
	"strings"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// maxListed is how many of what is withheld a message names.
const maxListed = 5

// Decision is what a user becomes, and why.
type Decision struct {
	UserType      v1alpha1.AccountType
	UserTypeRule  string
	Organizations []string
	Grants        []Grant

	// WithheldRoles are protected, WithheldOrganizations not allowed; both were asked for.
	WithheldRoles, WithheldOrganizations []string
	// Failures are the expressions that have no answer for this user, and why.
	Failures []string
}

// Decide decides about one user, who is a member of the given groups.
func (r *Rules) Decide(user *v1alpha1.ScimUser, groups []Group) Decision {
	s := newSubject(user, groups)
	var d Decision
	d.UserType, d.UserTypeRule = r.userType(s)
	d.Organizations, d.WithheldOrganizations = r.organizations(user, d.UserType)
	d.Grants, d.WithheldRoles = r.grants(s)
	d.Failures = s.failures
	return d
}

// Roles are the names of the roles that the user has.
func (d Decision) Roles() []string {
	var names []string
	for _, g := range d.Grants {
		names = append(names, g.Role)
	}
	return names
}

// grants reports whether the user has a role, whose name is compared without case.
func (d Decision) grants(role string) bool {
	return slices.ContainsFunc(d.Grants, func(g Grant) bool { return scim.Fold(g.Role) == scim.Fold(role) })
}

// RoleRules are the rules that gave the roles, in their order.
func (d Decision) RoleRules() []string {
	var rules []string
	for _, g := range d.Grants {
		rules = append(rules, g.Rule)
	}
	return rules
}

// Withheld says what the user does not get although it was asked for, and why: the reason
// is that of the gravest. It is false when nothing is withheld.
func (d Decision) Withheld() (reason, message string, withheld bool) {
	var sentences []string
	add := func(because, sentence string) {
		if reason == "" {
			reason = because
		}
		sentences = append(sentences, sentence)
	}
	if len(d.WithheldRoles) > 0 {
		add(v1alpha1.ReasonRoleProtected, RoleProtectedMessage(d.WithheldRoles))
	}
	if len(d.WithheldOrganizations) > 0 {
		add(v1alpha1.ReasonOrganizationNotAllowed,
			fmt.Sprintf("The identity provider names %s, which allowedOrganizationIDs does not have.", listed("organization", d.WithheldOrganizations)))
	}
	for _, failure := range d.Failures {
		add(v1alpha1.ReasonExpressionFailed, failure+".")
	}
	return reason, strings.Join(sentences, " "), len(sentences) > 0
}

// RoleProtectedMessage says that protected roles were asked for.
func RoleProtectedMessage(roles []string) string {
	return fmt.Sprintf("Through SCIM nobody is given the protected %s; a rule or the identity provider asks for it.", listed("role", roles))
}

// listed names a few and counts the others.
func listed(what string, names []string) string {
	if len(names) > 1 {
		what += "s"
	}
	text := what + " " + strings.Join(names[:min(len(names), maxListed)], ", ")
	if more := len(names) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Change says what becomes of a user when one decision takes the place of another. It is
// empty when nothing does.
func Change(from, to Decision) string {
	var changes []string
	if from.UserType != to.UserType {
		changes = append(changes, fmt.Sprintf("%s becomes %s", from.UserType, to.UserType))
	}
	before, after := from.Roles(), to.Roles()
	if gained := without(after, before); len(gained) > 0 {
		changes = append(changes, "gains "+listed("role", gained))
	}
	if lost := without(before, after); len(lost) > 0 {
		changes = append(changes, "loses "+listed("role", lost))
	}
	if !slices.Equal(from.Organizations, to.Organizations) {
		changes = append(changes, fmt.Sprintf("organizations %s become %s", none(from.Organizations), none(to.Organizations)))
	}
	return strings.Join(changes, "; ")
}

func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

func none(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	text := strings.Join(ids[:min(len(ids), maxListed)], ", ")
	if more := len(ids) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
