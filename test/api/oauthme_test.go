// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
)

// TestOAuthMe: whom /Me stands for with an access token, in a provider and in an endpoint.
func TestOAuthMe(t *testing.T) {
	const (
		noUser = "this claim names no user"
		policy = "{oauth: {issuer: 'https://id.acme.com', audiences: [scim], subjects: [okta], me: "
	)
	var rows []row
	add := func(what, me, words string) {
		rows = append(rows,
			row{what + ", by hand", "ScimEndpoint", policy + me + "}}", words},
			row{what, "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: " + policy + me + "}}}}", words})
	}
	add("by the userName", "{claim: preferred_username, attribute: UserName}", "")
	add("by the externalId", "{claim: oid, attribute: ExternalID}", "")
	add("without a claim", "{attribute: ExternalID}", "claim: Required value")
	add("without an attribute", "{claim: sub}", "attribute: Required value")
	add("by another attribute", "{claim: sub, attribute: id}", "Unsupported value")
	add("by an empty claim", "{claim: '', attribute: UserName}", "should be at least 1")
	add("by too long a claim", "{claim: "+strings.Repeat("c", 257)+", attribute: UserName}", "may not be")
	add("by the issuer", "{claim: iss, attribute: UserName}", noUser)
	add("by the audience", "{claim: aud, attribute: UserName}", noUser)
	check(t, rows)
}
