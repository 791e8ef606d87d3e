// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"

	"scim-operator.io/api/v1alpha1"
)

const technician, endUser = v1alpha1.AccountTechnician, v1alpha1.AccountEndUser

func rulesOf(rules v1alpha1.AccountRules) *Rules {
	return Compile("", v1alpha1.AccountPolicy{AccountRules: rules})
}

func TestUserTypeThatTheIdentityProviderSays(t *testing.T) {
	for _, row := range []struct {
		said string
		want v1alpha1.AccountType
		rule string
	}{
		{"Technician", technician, RuleAccountUserType},
		{"technician", technician, RuleAccountUserType},
		{"TECHNICIANS", technician, RuleAccountUserType},
		{"Senior Technician (Berlin)", technician, RuleAccountUserType},
		{"endUser", endUser, RuleAccountUserType},
		{"EndUser", endUser, RuleAccountUserType},
		{"end user", endUser, RuleAccountUserType},
		{"End-User", endUser, RuleAccountUserType},
		{"END_USER", endUser, RuleAccountUserType},
		{"Technician, end user", endUser, RuleAccountUserType},
		{"Employee", endUser, RuleDefault},
		{"tech", endUser, RuleDefault},
		{"", endUser, RuleDefault},
	} {
		t.Run(row.said, func(t *testing.T) {
			got := rulesOf(v1alpha1.AccountRules{}).Decide(user(&v1alpha1.AccountExtension{UserType: row.said}), nil)
			if got.UserType != row.want || got.UserTypeRule != row.rule {
				t.Errorf("%q makes a %s by %s, not a %s by %s", row.said, got.UserType, got.UserTypeRule, row.want, row.rule)
			}
		})
	}
}

// The core attribute userType of RFC 7643 describes employment, not the account.
func TestUserTypeIgnoresTheCoreAttribute(t *testing.T) {
	u := user(nil)
	u.Spec.UserType = "Technician"
	if got := rulesOf(v1alpha1.AccountRules{}).Decide(u, nil); got.UserType != endUser || got.UserTypeRule != RuleDefault {
		t.Errorf("the core userType makes a %s by %s", got.UserType, got.UserTypeRule)
	}
}

// The extension's attribute comes first, then groups, then SCIM roles, then expressions,
// and who fits nothing is an end user. Where a step describes both, the lesser rights win.
func TestUserTypeIsDecidedInThisOrder(t *testing.T) {
	technicians := &v1alpha1.UserMatcher{
		Groups: []string{"IT Support", "3f0c-id"}, Roles: []string{"agent"}, Expression: `user.enterprise.department == "IT"`,
	}
	endUsers := &v1alpha1.UserMatcher{
		Groups: []string{"Trainees"}, Roles: []string{"guest"}, Expression: `user.title == "Trainee"`,
	}
	rules := rulesOf(v1alpha1.AccountRules{UserTypes: &v1alpha1.UserTypeRules{Technicians: technicians, EndUsers: endUsers}})
	for _, row := range []struct {
		name                  string
		says, group, scimRole string
		department, title     string
		want                  v1alpha1.AccountType
		rule                  string
	}{
		{name: "nothing fits", department: "Sales", want: endUser, rule: RuleDefault},
		{name: "in a technicians' group", group: "IT Support", want: technician, rule: "userTypes.technicians.groups: IT Support"},
		{name: "the group in another case", group: "it SUPPORT", want: technician, rule: "userTypes.technicians.groups: IT Support"},
		{name: "the group by its id", group: "id:3f0c-id", want: technician, rule: "userTypes.technicians.groups: 3f0c-id"},
		{name: "another group", group: "IT", want: endUser, rule: RuleDefault},
		{name: "with a technicians' SCIM role", scimRole: "Agent", want: technician, rule: "userTypes.technicians.roles: agent"},
		{name: "with another SCIM role", scimRole: "agents", want: endUser, rule: RuleDefault},
		{name: "the expression is true", department: "IT", want: technician, rule: "userTypes.technicians.expression"},

		{name: "the attribute before the group", says: "endUser", group: "IT Support", want: endUser, rule: RuleAccountUserType},
		{name: "the attribute before everything", says: "technician", group: "Trainees", scimRole: "guest", title: "Trainee",
			want: technician, rule: RuleAccountUserType},
		{name: "an attribute that says neither leaves it to the group", says: "Employee", group: "IT Support",
			want: technician, rule: "userTypes.technicians.groups: IT Support"},
		{name: "the group before the SCIM role", group: "IT Support", scimRole: "guest", want: technician, rule: "userTypes.technicians.groups: IT Support"},
		{name: "the end users' group before the SCIM role", group: "Trainees", scimRole: "agent", want: endUser, rule: "userTypes.endUsers.groups: Trainees"},
		{name: "the SCIM role before the expression", scimRole: "agent", title: "Trainee", want: technician, rule: "userTypes.technicians.roles: agent"},
		{name: "the end users' SCIM role before the expression", scimRole: "guest", department: "IT", want: endUser, rule: "userTypes.endUsers.roles: guest"},
		{name: "both expressions are true", department: "IT", title: "Trainee", want: endUser, rule: "userTypes.endUsers.expression"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(&v1alpha1.AccountExtension{UserType: row.says})
			u.Spec.Title = row.title
			u.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: row.department}
			if row.scimRole != "" {
				u.Spec.Roles = []v1alpha1.MultiValue{{Value: "other"}, {Value: row.scimRole}}
			}
			if got := rules.Decide(u, groupsNamed(row.group)); got.UserType != row.want || got.UserTypeRule != row.rule {
				t.Errorf("makes a %s by %s, not a %s by %s", got.UserType, got.UserTypeRule, row.want, row.rule)
			}
		})
	}
}

func TestAGroupOfBothSidesMakesAnEndUser(t *testing.T) {
	both := &v1alpha1.UserMatcher{Groups: []string{"Staff"}}
	rules := rulesOf(v1alpha1.AccountRules{UserTypes: &v1alpha1.UserTypeRules{Technicians: both, EndUsers: both}})
	if got := rules.Decide(user(nil), groupsNamed("Staff")); got.UserType != endUser || got.UserTypeRule != "userTypes.endUsers.groups: Staff" {
		t.Errorf("makes a %s by %s", got.UserType, got.UserTypeRule)
	}
}

// Groups are compared by name as the store compares names: without case, whatever the
// language, and however an accent is encoded.
func TestGroupsAreFoldedAsTheStoreDoes(t *testing.T) {
	for name, ref := range map[string]string{
		"STRASSE": "Straße", "Admins\u0020": "Admins", "Ａdmins": "admins", "ad\u200dmins": "Admins", "E\u0301quipe": "équipe", "ΣΊΣΥΦΟΣ": "σίσυφος",
	} {
		rules := rulesOf(v1alpha1.AccountRules{UserTypes: &v1alpha1.UserTypeRules{Technicians: &v1alpha1.UserMatcher{Groups: []string{ref}}}})
		if got := rules.Decide(user(nil), groupsNamed(name)); got.UserType != technician {
			t.Errorf("%q is not taken for %q", name, ref)
		}
		if !rules.NameGroup(Group{DisplayName: name}) || rules.NameGroup(Group{DisplayName: name + "2"}) {
			t.Errorf("the rules do not know that they name %q", name)
		}
	}
}

// groupsNamed makes groups of names; one that begins with id: is an id.
func groupsNamed(names ...string) []Group {
	var groups []Group
	for _, name := range names {
		switch {
		case name == "":
		case len(name) > 3 && name[:3] == "id:":
			groups = append(groups, Group{ID: name[3:], DisplayName: "renamed since"})
		default:
			groups = append(groups, Group{ID: "id of " + name, DisplayName: name})
		}
	}
	return groups
}
