// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

func TestOrganizations(t *testing.T) {
	for _, row := range []struct {
		name, userType string
		said           []string
		byDefault      string
		allowed        []string
		want, withheld []string
	}{
		{"one is named", "", list("7"), "42", nil, list("7"), nil},
		{"several are named", "", list("9", "7"), "42", nil, list("9", "7"), nil},
		{"one is named twice", "", list("7", "9", " 7 "), "42", nil, list("7", "9"), nil},
		{"all of them", "", list("All"), "42", nil, list("All"), nil},
		{"all, in any case, beside others", "", list("7", "aLL", "9"), "42", nil, list("All"), nil},
		{"none is named", "", nil, "42", nil, list("42"), nil},
		{"only blanks", "", list("", "  "), "42", nil, list("42"), nil},
		{"none is named and there is no default", "", nil, "", nil, nil, nil},
		{"a technician with one", "Technician", list("7"), "42", nil, list("7"), nil},
		{"the default is for end users", "Technician", nil, "42", nil, nil, nil},

		{"one that is allowed", "", list("7"), "42", list("42", "7"), list("7"), nil},
		{"one that is not allowed, and nothing in its place", "", list("8"), "42", list("42", "7"), nil, list("8")},
		{"one that is allowed and one that is not", "", list("8", "7"), "42", list("42", "7"), list("7"), list("8")},
		{"the default where there is a list", "", nil, "42", list("42", "7"), list("42"), nil},
		{"all, which the list does not have", "", list("all", "7"), "42", list("42", "7"), list("7"), list("All")},
		{"all, which the list has", "", list("all", "7"), "42", list("42", "ALL"), list("All"), nil},
		{"a technician with one that is not allowed", "Technician", list("8"), "", list("7"), nil, list("8")},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(&v1alpha1.AccountExtension{UserType: row.userType, OrganizationIDs: row.said})
			got := Compile(row.byDefault, v1alpha1.AccountPolicy{AllowedOrganizationIDs: row.allowed}).Decide(u, nil)
			if !slices.Equal(got.Organizations, row.want) || !slices.Equal(got.WithheldOrganizations, row.withheld) {
				t.Errorf("got %q without %q, not %q without %q", got.Organizations, got.WithheldOrganizations, row.want, row.withheld)
			}
			reason, message, withheld := got.Withheld()
			if withheld != (len(row.withheld) > 0) {
				t.Errorf("withheld is %v", withheld)
			}
			if withheld && (reason != v1alpha1.ReasonOrganizationNotAllowed || !strings.Contains(message, row.withheld[0])) {
				t.Errorf("says %s: %s", reason, message)
			}
		})
	}
	if got := Compile("42", v1alpha1.AccountPolicy{}).Decide(user(nil), nil).Organizations; !slices.Equal(got, list("42")) {
		t.Errorf("saying nothing gives %q", got)
	}
}

func list(ids ...string) []string { return ids }
