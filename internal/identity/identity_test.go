// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

func user(account *v1alpha1.AccountExtension) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{Account: account}}
}

func TestUserType(t *testing.T) {
	const technician, endUser = v1alpha1.AccountTechnician, v1alpha1.AccountEndUser
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
			got, rule := UserType(user(&v1alpha1.AccountExtension{UserType: row.said}))
			if got != row.want || rule != row.rule {
				t.Errorf("%q makes a %s by %s, not a %s by %s", row.said, got, rule, row.want, row.rule)
			}
		})
	}
	if got, rule := UserType(user(nil)); got != endUser || rule != RuleDefault {
		t.Errorf("saying nothing makes a %s by %s", got, rule)
	}
}

// The core attribute userType of RFC 7643 describes employment, not the account.
func TestUserTypeIgnoresTheCoreAttribute(t *testing.T) {
	u := user(nil)
	u.Spec.UserType = "Technician"
	if got, _ := UserType(u); got != v1alpha1.AccountEndUser {
		t.Errorf("the core userType makes a %s", got)
	}
}

func TestOrganizations(t *testing.T) {
	for _, row := range []struct {
		name, userType string
		said           []string
		byDefault      string
		want           []string
	}{
		{"one is named", "", []string{"7"}, "42", []string{"7"}},
		{"several are named", "", []string{"9", "7"}, "42", []string{"9", "7"}},
		{"one is named twice", "", []string{"7", "9", " 7 "}, "42", []string{"7", "9"}},
		{"all of them", "", []string{"All"}, "42", []string{"All"}},
		{"all, in any case, beside others", "", []string{"7", "aLL", "9"}, "42", []string{"All"}},
		{"none is named", "", nil, "42", []string{"42"}},
		{"only blanks", "", []string{"", "  "}, "42", []string{"42"}},
		{"none is named and there is no default", "", nil, "", nil},
		{"a technician with one", "Technician", []string{"7"}, "42", []string{"7"}},
		{"the default is for end users", "Technician", nil, "42", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(&v1alpha1.AccountExtension{UserType: row.userType, OrganizationIDs: row.said})
			if got := Organizations(u, row.byDefault); !slices.Equal(got, row.want) {
				t.Errorf("got %q, not %q", got, row.want)
			}
		})
	}
	if got := Organizations(user(nil), "42"); !slices.Equal(got, []string{"42"}) {
		t.Errorf("saying nothing gives %q", got)
	}
}

func TestActive(t *testing.T) {
	yes, no := true, false
	deleted := metav1.NewMicroTime(time.Date(2026, 3, 4, 6, 6, 7, 890, time.FixedZone("CET", 3600)))
	for _, row := range []struct {
		name    string
		said    *bool
		deleted *metav1.MicroTime
		active  bool
		reason  string
		says    string
	}{
		{"nothing is said", nil, nil, true, v1alpha1.ReasonProvisioned, "has provisioned"},
		{"active", &yes, nil, true, v1alpha1.ReasonProvisioned, "has provisioned"},
		{"not active", &no, nil, false, v1alpha1.ReasonDeactivatedByProvider, "deactivated"},
		{"deleted", nil, &deleted, false, v1alpha1.ReasonDeletedByProvider, "2026-03-04T05:06:07Z"},
		{"deleted while active", &yes, &deleted, false, v1alpha1.ReasonDeletedByProvider, "deleted"},
		{"deleted while not active", &no, &deleted, false, v1alpha1.ReasonDeletedByProvider, "deleted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.Spec.Active, u.Spec.DeletedTime = row.said, row.deleted
			active, reason, message := Active(u)
			if active != row.active || reason != row.reason || !strings.Contains(message, row.says) {
				t.Errorf("got %v, %s: %s", active, reason, message)
			}
		})
	}
}
