// SPDX-License-Identifier: Apache-2.0

package api

import "testing"

// TestAccess: what an endpoint says about who is let in.
func TestAccess(t *testing.T) {
	const client = "audiences: [scim], subjects: [okta]"
	for _, row := range []struct{ name, spec, words string }{
		{"networks", `trustedProxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1/32]`, ""},
		{"an address", `trustedProxies: [10.0.0.1]`, "each of trustedProxies must be a network such as 10.0.0.0/8 or fd00::/8"},
		{"a host", `trustedProxies: [proxy.example.com/8]`, "each of trustedProxies must be a network"},
		{"no network", `trustedProxies: []`, "should have at least 1 items"},
		{"names of users in the audit log", `audit: {userNames: Hashed}`, ""},
		{"names of users in some other way", `audit: {userNames: Rot13}`, "Unsupported value"},
		{"an issuer", `oauth: {issuer: "https://idp.example.com/tenant", ` + client + `}`, ""},
		{"an issuer with its keys", `oauth: {issuer: "https://idp.example.com", jwksURL: "https://idp.example.com/keys?v=1", ` + client + `}`, ""},
		{"an issuer without TLS", `oauth: {issuer: "http://idp.example.com", ` + client + `}`, "issuer must be an https URL without"},
		{"an issuer with a password", `oauth: {issuer: "https://a:b@idp.example.com", ` + client + `}`, "issuer must be an https URL without"},
		{"an issuer that is no URL", `oauth: {issuer: idp, ` + client + `}`, "issuer must be an https URL without"},
		{"keys without TLS", `oauth: {issuer: "https://idp.example.com", jwksURL: "http://idp.example.com/keys", ` + client + `}`, "jwksURL must be an https URL without"},
		{"an issuer of a private CA", `oauth: {issuer: "https://idp.example.com", caCertificates: "# ours\n-----BEGIN CERTIFICATE-----\n", ` + client + `}`, ""},
		{"a CA that is no certificate", `oauth: {issuer: "https://idp.example.com", caCertificates: ca.crt, ` + client + `}`, "caCertificates must be certificates in PEM"},
		{"a CA that is nothing", `oauth: {issuer: "https://idp.example.com", caCertificates: "", ` + client + `}`, "should be at least 1 chars long"},
		{"no audience", `oauth: {issuer: "https://idp.example.com", subjects: [okta]}`, "spec.oauth.audiences: Required value"},
		{"every client of the issuer", `oauth: {issuer: "https://idp.example.com", audiences: [scim]}`, "give subjects or requiredClaims"},
		{"clients by a claim", `oauth: {issuer: "https://idp.example.com", audiences: [scim], requiredClaims: [{name: azp, values: [okta]}]}`, ""},
		{"a claim of any value", `oauth: {issuer: "https://idp.example.com", audiences: [scim], requiredClaims: [{name: azp}]}`, "spec.oauth.requiredClaims[0].values: Required value"},
		{"a claim twice", `oauth: {issuer: "https://idp.example.com", audiences: [scim], requiredClaims: [{name: azp, values: [a]}, {name: azp, values: [b]}]}`, "Duplicate value"},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireRefusal(t, create(t, manifest(t, "ScimEndpoint", "", row.spec)), row.words)
		})
	}
}
