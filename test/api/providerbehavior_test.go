// SPDX-License-Identifier: Apache-2.0

package api

import "testing"

func TestProviderBehavior(t *testing.T) {
	var rows []row
	for _, c := range []struct{ what, fields, words string }{
		{"immutable externalIds", "externalIDs: Immutable", ""},
		{"reassignable externalIds", "externalIDs: Reassignable", ""},
		{"externalIds of another kind", "externalIDs: Unique", `supported values: "Immutable", "Reassignable"`},
		{"unknown attributes ignored", "unknownAttributes: Ignored", ""},
		{"unknown attributes refused", "unknownAttributes: Refused", ""},
		{"expiring tokens supported", "expiringTokens: Supported", ""},
		{"expiring tokens unsupported", "expiringTokens: Unsupported", ""},
		{"expiring tokens refused", "expiringTokens: Refused", `supported values: "Supported", "Unsupported"`},
		{"unknown attributes stored", "unknownAttributes: Stored", `supported values: "Ignored", "Refused"`},
	} {
		rows = append(rows,
			row{c.what + " of an endpoint", "ScimEndpoint", "{" + c.fields + "}", c.words},
			row{c.what + " of a provider", "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: {" + c.fields + "}}}", c.words})
	}
	check(t, rows)
}
