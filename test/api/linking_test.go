// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
)

func TestLinking(t *testing.T) {
	const (
		needs = "linking ByEmail needs emailDomains: only addresses of these domains tell who a user is"
		form  = "emailDomains must be DNS names in lower case such as acme.com, without an @"
	)
	many := make([]string, 65)
	for i := range many {
		many[i] = strings.Repeat("a", i+1) + ".com"
	}
	var rows []row
	add := func(what, linking, domains, words string) {
		endpoint, provider := []string{}, []string{"type: Okta", "signOn: {saml: {metadata: {xml: '<E/>'}}}"}
		if linking != "" {
			if endpoint = append(endpoint, linking); !strings.HasPrefix(linking, "otherEmailDomains") {
				linking = "scim: {" + linking + "}"
			}
			provider = append(provider, linking)
		}
		if domains != "" {
			endpoint, provider = append(endpoint, "emailDomains: "+domains), append(provider, "emailDomains: "+domains)
		}
		rows = append(rows,
			row{what + " of an endpoint", "ScimEndpoint", "{" + strings.Join(endpoint, ", ") + "}", words},
			row{what + " of a provider", "IdentityProvider", "{" + strings.Join(provider, ", ") + "}", words})
	}
	add("no linking", "linking: Never", "", "")
	add("linking by userName", "linking: ByUserName", "", "")
	add("linking by userName within domains", "linking: ByUserName", "[acme.com]", "")
	add("linking by e-mail", "linking: ByEmail", "[acme.com, xn--bcher-kva.example]", "")
	add("linking by e-mail without a domain", "linking: ByEmail", "", needs)
	add("linking with approval", "linking: ByUserName, linkingApproval: Required", "", "")
	add("linking without approval", "linking: ByUserName, linkingApproval: Automatic", "", "")
	add("linking by something else", "linking: ByPhone", "", `supported values: "Never", "ByUserName", "ByEmail"`)
	add("another approval", "linking: ByUserName, linkingApproval: 'Yes'", "", `supported values: "Automatic", "Required"`)
	add("other domains refused", "otherEmailDomains: Refused", "[acme.com]", "")
	add("other domains refused without any", "otherEmailDomains: Refused", "", "otherEmailDomains Refused needs emailDomains")
	add("other domains allowed without any", "otherEmailDomains: Allowed", "", "")
	add("other domains by something else", "otherEmailDomains: Ignored", "[acme.com]", `supported values: "Allowed", "Refused"`)
	add("domains alone", "", "[acme.com]", "")
	add("no domains", "", "[]", "should have at least 1 items")
	add("an address", "", "[ada@acme.com]", form)
	add("a domain in upper case", "", "[Acme.com]", form)
	add("a domain twice", "", "[acme.com, acme.com]", "Duplicate value")
	add("64 domains", "", "["+strings.Join(many[:63], ", ")+", b.com]", "")
	add("65 domains", "", "["+strings.Join(many[:64], ", ")+", b.com]", "must have at most 64 items")
	add("a long domain", "", "["+strings.Repeat("a", 254)+"]", "may not be more than 253")
	check(t, rows)
}
