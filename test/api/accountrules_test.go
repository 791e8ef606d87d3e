// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestAccountRules: the rules for users are the same in a provider and in an endpoint that
// somebody writes by hand.
func TestAccountRules(t *testing.T) {
	const (
		describe = "describe the users: give groups, roles or an expression"
		one      = "organizationID must be one of allowedOrganizationIDs"
	)
	many := func(n int, item string) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(item, i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	long := func(n int) string { return strings.Repeat("x", n) }
	var rows []row
	add := func(what, rules, words string) {
		rows = append(rows, row{what + ", by hand", "ScimEndpoint", "{" + rules + "}", words})
		if words != "" {
			words = strings.Replace(words, "spec.", "spec.scim.", 1)
		}
		rows = append(rows, row{what, "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {" + rules + "}}", words})
	}

	add("all there is", `organizationID: "42", allowedOrganizationIDs: ["42", All], protectedRoles: [SystemAdministrator],
		userTypes: {technicians: {groups: [IT Support], roles: [agent], expression: 'user.enterprise.department == "IT"'}, endUsers: {groups: [Trainees]}},
		roles: [{name: Tier1, groups: [IT Support]}, {name: Tier 2, expression: "true"}],
		preview: {userTypes: {technicians: {groups: [IT]}}, roles: [{name: Tier1, roles: [a]}], protectedRoles: [x]}`, "")
	add("an empty preview", "preview: {}", "")

	add("no types", "userTypes: {}", "say who the technicians are, or who the endUsers are")
	add("technicians that nobody describes", "userTypes: {technicians: {}}", describe)
	add("a role that nobody has", "roles: [{name: Tier1}]", describe)
	add("a role that nobody has, in a preview", "preview: {roles: [{name: Tier1}]}", describe)
	add("a role without a name", "roles: [{groups: [a]}]", "spec.roles[0].name: Required value")
	add("a role twice", "roles: [{name: a, groups: [a]}, {name: a, groups: [b]}]", "Duplicate value")
	add("a role with blanks around it", "roles: [{name: ' a', groups: [a]}]", "the name of a role must not begin or end with a blank")
	add("a role over two lines", `roles: [{name: "a\nb", groups: [a]}]`, "nor contain a line break or tab")
	add("a group twice", "userTypes: {technicians: {groups: [a, a]}}", "Duplicate value")
	add("no group", "userTypes: {technicians: {groups: []}}", "groups in body should have at least 1 items")

	add("a default that is allowed", `organizationID: "7", allowedOrganizationIDs: ["42", "7"]`, "")
	add("a default that is not allowed", `organizationID: "8", allowedOrganizationIDs: ["42", "7"]`, one)
	add("an allowed list without a default", `allowedOrganizationIDs: ["42"]`, "")

	add("64 roles", "roles: "+many(64, "{name: r%d, groups: [a]}"), "")
	add("65 roles", "roles: "+many(65, "{name: r%d, groups: [a]}"), "must have at most 64 items")
	add("65 groups", "userTypes: {technicians: {groups: "+many(65, "g%d")+"}}", "must have at most 64 items")
	add("65 protected roles", "protectedRoles: "+many(65, "r%d"), "must have at most 64 items")
	add("1,000 organizations", "allowedOrganizationIDs: "+many(1000, `"%d"`), "")
	add("1,001 organizations", "allowedOrganizationIDs: "+many(1001, `"%d"`), "must have at most 1000 items")
	add("the longest expression", "userTypes: {technicians: {expression: "+long(2048)+"}}", "")
	add("too long an expression", "userTypes: {technicians: {expression: "+long(2049)+"}}", "may not be more than 2048")
	add("too long a group", "userTypes: {technicians: {groups: ["+long(1025)+"]}}", "may not be more than 1024")
	add("too long a role", "roles: [{name: "+long(129)+", groups: [a]}]", "may not be more than 128")
	add("too long an organization", "allowedOrganizationIDs: ["+long(257)+"]", "may not be more than 256")
	check(t, rows)
}
