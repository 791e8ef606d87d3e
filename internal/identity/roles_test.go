// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

func TestRoles(t *testing.T) {
	rules := rulesOf(v1alpha1.AccountRules{
		Roles: []v1alpha1.RoleRule{
			{Name: "Tier1", UserMatcher: v1alpha1.UserMatcher{Groups: list("IT Support")}},
			{Name: "Auditor", UserMatcher: v1alpha1.UserMatcher{Roles: list("audit"), Expression: `user.title.contains("Auditor")`}},
			{Name: "tier1", UserMatcher: v1alpha1.UserMatcher{Groups: list("Second Line")}},
			{Name: "SystemAdministrator", UserMatcher: v1alpha1.UserMatcher{Groups: list("Root")}},
		},
		ProtectedRoles: list("systemadministrator", "Billing"),
	})
	for _, row := range []struct {
		name, groups, scimRole, title string
		want, rules, withheld         []string
	}{
		{name: "nothing fits"},
		{name: "by a group", groups: "it support", want: list("Tier1"), rules: list("roles[Tier1].groups: IT Support")},
		{name: "by a SCIM role", scimRole: "AUDIT", want: list("Auditor"), rules: list("roles[Auditor].roles: audit")},
		{name: "by an expression", title: "Chief Auditor", want: list("Auditor"), rules: list("roles[Auditor].expression")},
		{name: "several, in the order of the rules", groups: "IT Support", scimRole: "audit", want: list("Tier1", "Auditor"),
			rules: list("roles[Tier1].groups: IT Support", "roles[Auditor].roles: audit")},
		{name: "two rules for one role", groups: "IT Support,Second Line", want: list("Tier1"), rules: list("roles[Tier1].groups: IT Support")},
		{name: "the second rule for it", groups: "Second Line", want: list("tier1"), rules: list("roles[tier1].groups: Second Line")},
		{name: "a protected role that a rule gives", groups: "Root", withheld: list("systemadministrator")},
		{name: "a protected role that the identity provider asks for", scimRole: "billing", withheld: list("Billing")},
		{name: "a protected role in other letters", scimRole: "SYSTEMADMINISTRATOR", withheld: list("systemadministrator")},
		{name: "a protected role beside others", groups: "Root,IT Support", scimRole: "billing", want: list("Tier1"),
			rules: list("roles[Tier1].groups: IT Support"), withheld: list("systemadministrator", "Billing")},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.Spec.Title = row.title
			u.Spec.Roles = []v1alpha1.MultiValue{{Value: row.scimRole}}
			got := rules.Decide(u, groupsNamed(strings.Split(row.groups, ",")...))
			var because []string
			for _, g := range got.Grants {
				because = append(because, g.Rule)
			}
			if !slices.Equal(got.Roles(), row.want) || !slices.Equal(because, row.rules) || !slices.Equal(got.WithheldRoles, row.withheld) {
				t.Errorf("got %q by %q without %q", got.Roles(), because, got.WithheldRoles)
			}
			reason, message, withheld := got.Withheld()
			if withheld != (len(row.withheld) > 0) || withheld && (reason != v1alpha1.ReasonRoleProtected || !strings.Contains(message, row.withheld[0])) {
				t.Errorf("says %s: %s", reason, message)
			}
		})
	}
}

func TestWithheldNamesTheGravestReasonAndEverything(t *testing.T) {
	d := Decision{
		WithheldRoles:         list("Root"),
		WithheldOrganizations: list("1", "2", "3", "4", "5", "6", "7"),
		Failures:              list("roles[X].expression has no answer for this user: it costs too much"),
	}
	reason, message, withheld := d.Withheld()
	if !withheld || reason != v1alpha1.ReasonRoleProtected {
		t.Errorf("says %s", reason)
	}
	for _, part := range list("the protected role Root", "organizations 1, 2, 3, 4, 5 and 2 more", "it costs too much.") {
		if !strings.Contains(message, part) {
			t.Errorf("%q does not say %q", message, part)
		}
	}
}

func TestChange(t *testing.T) {
	plain := Decision{UserType: endUser, Organizations: list("42")}
	for _, row := range []struct {
		name string
		to   Decision
		want string
	}{
		{"nothing", Decision{UserType: endUser, UserTypeRule: "another", Organizations: list("42")}, ""},
		{"the type", Decision{UserType: technician, Organizations: list("42")}, "EndUser becomes Technician"},
		{"a role", Decision{UserType: endUser, Organizations: list("42"), Grants: []Grant{{Role: "Tier1"}}}, "gains role Tier1"},
		{"everything", Decision{UserType: technician, Grants: []Grant{{Role: "Tier1"}, {Role: "Tier2"}}},
			"EndUser becomes Technician; gains roles Tier1, Tier2; organizations 42 become none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Change(plain, row.to); got != row.want {
				t.Errorf("says %q, not %q", got, row.want)
			}
		})
	}
	if got := Change(Decision{Grants: []Grant{{Role: "Tier1"}}}, Decision{}); got != "loses role Tier1" {
		t.Errorf("says %q", got)
	}
}
