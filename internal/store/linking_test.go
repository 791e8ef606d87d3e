// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Whom an identity provider may be given who was here before is of its domains, by whatever
// way of linking.
func TestLinkingGoesByDomains(t *testing.T) {
	user := scim.Core().User()
	attributes, err := findUserAttributes(user)
	if err != nil {
		t.Fatal(err)
	}
	const acme, other = "a@acme.com", "a@example.com"
	primary := func(address string) api.MultiValue { return api.MultiValue{Value: address, Primary: ptr.To(true)} }
	for _, row := range []struct {
		name    string
		by      api.Linking
		domains []string
		before  api.ScimUserSpec
		created string
		want    bool
	}{
		{"a name, and an address of the domain", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: "ada"}, userBody("ada", emailsJSON("A@Acme.com")), true},
		{"a name, and the same address", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: "ada", Emails: emails(acme)}, userBody("ada", emailsJSON(acme)), true},
		{"a name alone", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: "ada"}, userBody("ada"), false},
		{"a name, and an address of another domain", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: "ada"}, userBody("ada", emailsJSON(other)), false},
		{"a name, and an address of the domain that is not the primary one", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: "ada"},
			userBody("ada", `"emails":[{"value":"`+acme+`"},{"value":"`+other+`","primary":true}]`), false},
		{"a name, and the primary address of the domain", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: "ada"},
			userBody("ada", `"emails":[{"value":"`+other+`"},{"value":"`+acme+`","primary":true}]`), true},
		{"a name that somebody of another domain has", api.LinkingByUserName, []string{"acme.com"},
			api.ScimUserSpec{UserName: "ada", Emails: emails(other)}, userBody("ada", emailsJSON(acme)), false},
		{"a name that somebody has whose primary address is of another domain", api.LinkingByUserName, []string{"acme.com"},
			api.ScimUserSpec{UserName: "ada", Emails: []api.MultiValue{{Value: acme}, primary(other)}}, userBody("ada", emailsJSON(acme)), false},
		{"an address as the name, whatever the addresses are", api.LinkingByUserName, []string{"acme.com"},
			api.ScimUserSpec{UserName: acme, Emails: emails(other)}, userBody(acme, emailsJSON(other)), true},
		{"an address of another domain as the name", api.LinkingByUserName, []string{"acme.com"}, api.ScimUserSpec{UserName: other}, userBody(other, emailsJSON(acme)), false},
		{"one of several domains", api.LinkingByUserName, []string{"acme.com", "example.com"}, api.ScimUserSpec{UserName: other}, userBody(other), true},
		{"an address as the name, and no domains", api.LinkingByUserName, nil, api.ScimUserSpec{UserName: acme}, userBody(acme), false},
		{"a name, and no domains", api.LinkingByUserName, nil, api.ScimUserSpec{UserName: "ada"}, userBody("ada", emailsJSON(acme)), false},
		{"an address in common", api.LinkingByEmail, []string{"acme.com"}, api.ScimUserSpec{Emails: emails(acme)}, userBody("ada", emailsJSON(acme)), true},
		{"an address in common, and no domains", api.LinkingByEmail, nil, api.ScimUserSpec{Emails: emails(acme)}, userBody("ada", emailsJSON(acme)), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := &Linking{By: row.by, Domains: row.domains}
			keys := l.wanted(attributes, parse(t, user, row.created).Object)
			if got := l.matches(&row.before, keys); got != row.want {
				t.Errorf("matches: %v, want %v", got, row.want)
			}
		})
	}
}
