// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
)

// row is a manifest and the words with which it is refused, "" when it is accepted.
type row struct{ name, kind, spec, words string }

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			requireRefusal(t, create(t, manifest(t, r.kind, "", r.spec)), r.words)
		})
	}
}

func TestNames(t *testing.T) {
	const okta = "{type: Okta, signOn: {saml: {metadata: {url: 'https://acme.okta.com/metadata'}}}}"
	for _, of := range []struct{ kind, an, spec string }{
		{"IdentityProvider", "an IdentityProvider", okta},
		{"ScimEndpoint", "a ScimEndpoint", ""},
	} {
		long := "the name of " + of.an + " may have at most 50 characters"
		form := "the name of " + of.an + " must begin with a letter and have only lower case letters, digits and hyphens"
		for _, r := range []struct{ name, words string }{
			{"a", ""},
			{"okta-2", ""},
			{strings.Repeat("n", 50), ""},
			{strings.Repeat("n", 51), long},
			{"7geese", form},
			{"okta.acme", form},
		} {
			t.Run(of.kind+" "+r.name, func(t *testing.T) {
				requireRefusal(t, create(t, manifest(t, of.kind, r.name, of.spec)), r.words)
			})
		}
	}
}

func TestIdentityProviders(t *testing.T) {
	with := func(metadata string) string { return "{type: Okta, signOn: {saml: {metadata: " + metadata + "}}}" }
	configMap := func(name, key string) string {
		return with("{configMapKeyRef: {name: '" + name + "', key: '" + key + "'}}")
	}
	const (
		once = "give the SAML metadata in exactly one way: url, xml or configMapKeyRef"
		name = "the ConfigMap's name must have only lower case letters, digits, hyphens and dots"
		key  = "key must be a ConfigMap key: letters, digits, hyphens, underscores and dots"
		url  = "url must be an absolute URL such as https://idp.example.com/saml/metadata"
	)
	var rows []row
	add := func(what, spec, words string) { rows = append(rows, row{what, "IdentityProvider", spec, words}) }

	add("metadata by url", with("{url: 'https://idp.example.com/metadata?id=1'}"), "")
	add("metadata by xml", with("{xml: '<EntityDescriptor/>'}"), "")
	add("metadata by ConfigMap", configMap("saml.acme", "metadata.xml"), "")
	add("metadata in two ways", with("{url: 'https://idp.example.com/metadata', xml: '<EntityDescriptor/>'}"), once)
	add("metadata in three ways", with("{url: 'https://idp.example.com/m', xml: '<E/>', configMapKeyRef: {name: a, key: b}}"), once)
	add("no metadata", with("{}"), "spec.signOn.saml.metadata")
	add("no sign-on", "{type: Okta}", "spec.signOn: Required value")
	add("metadata at a path", with("{url: /metadata}"), url)
	add("metadata at a host", with("{url: idp.example.com}"), url)
	add("metadata at a URL with a space", with("{url: 'https://a b'}"), url)
	add("metadata at a long URL", with("{url: 'https://h/"+strings.Repeat("x", 2048)+"'}"), "may not be more than 2048")
	add("large metadata", with("{xml: '"+strings.Repeat("x", 262145)+"'}"), "may not be more than 262144")

	const (
		one    = "say in exactly one way how people sign on: saml, oidc or none"
		issuer = "issuer must be an https URL without a query, a fragment or user information"
	)
	signOn := func(way string) string { return "{type: Okta, signOn: {" + way + "}}" }
	oidc := func(issuer string) string { return signOn("oidc: {issuer: '" + issuer + "'}") }
	add("sign-on by OpenID Connect", oidc("https://login.example.com/acme/v2.0"), "")
	add("sign-on that is not managed here", signOn("none: {}"), "")
	add("no way to sign on", signOn(""), "spec.signOn")
	add("two ways to sign on", signOn("none: {}, oidc: {issuer: 'https://login.example.com'}"), one)
	add("three ways to sign on", signOn("none: {}, oidc: {issuer: 'https://a'}, saml: {metadata: {xml: '<E/>'}}"), one)
	add("OpenID Connect without an issuer", signOn("oidc: {}"), "spec.signOn.oidc.issuer")
	add("an issuer without TLS", oidc("http://login.example.com"), issuer)
	add("an issuer with a query", oidc("https://login.example.com?tenant=acme"), issuer)
	add("an issuer with a password", oidc("https://a:b@login.example.com"), issuer)
	add("an issuer that is a path", oidc("/acme"), issuer)
	add("a long issuer", oidc("https://h/"+strings.Repeat("x", 1024)), "may not be more than 1024")

	add("a ConfigMap's name in upper case", configMap("SAML", "k"), name)
	add("a ConfigMap's name with a slash", configMap("a/b", "k"), name)
	add("a ConfigMap's name that ends with a hyphen", configMap("a-", "k"), name)
	add("a key with all that it may have", configMap("a", "._-aZ9"), "")
	add("a key with a space", configMap("a", "a b"), key)
	add("a key that is a dot", configMap("a", "."), key)
	add("a key that is two dots", configMap("a", ".."), key)
	add("a key that begins with two dots", configMap("a", "..a"), key)

	add("no type", "{signOn: {saml: {metadata: {xml: '<E/>'}}}}", "spec.type: Required value")
	add("an unknown type", "{type: Octa, signOn: {saml: {metadata: {xml: '<E/>'}}}}", `supported values: "Okta", "EntraID"`)
	for _, product := range strings.Fields("Okta EntraID OneLogin GoogleWorkspace JumpCloud PingIdentity Duo Keycloak Generic") {
		add(product, "{type: "+product+", signOn: {saml: {metadata: {xml: '<E/>'}}}}", "")
	}
	for _, provisioning := range strings.Fields("Disabled Enabled Paused") {
		add(provisioning, "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {provisioning: "+provisioning+"}}", "")
	}
	add("unknown provisioning", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {provisioning: 'On'}}",
		`supported values: "Disabled", "Enabled", "Paused"`)
	add("an organization", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {organizationID: '"+strings.Repeat("1", 256)+"'}}", "")
	add("a long organization", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {organizationID: '"+strings.Repeat("1", 257)+"'}}",
		"may not be more than 256")
	add("an endpoint with too many replicas", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: {replicas: 33}}}",
		"spec.scim.endpoint.replicas")
	check(t, rows)
}

func TestScimEndpoints(t *testing.T) {
	const (
		either = "expose the endpoint through an Ingress or an HTTPRoute, not both"
		any1   = "give ingress, httpRoute, or the baseURL under which you expose the Service yourself"
		host   = "host must be a DNS name in lower case, without a port, and not an IP address"
	)
	var rows []row
	add := func(what, spec, words string) { rows = append(rows, row{what, "ScimEndpoint", spec, words}) }

	add("nothing but a name", "", "")
	add("one replica", "{replicas: 1}", "")
	add("32 replicas", "{replicas: 32}", "")
	add("no replica", "{replicas: 0}", "spec.replicas in body should be greater than or equal to 1")
	add("33 replicas", "{replicas: 33}", "spec.replicas in body should be less than or equal to 32")
	add("strong reads", "{consistency: Strong}", "")
	add("eventual reads", "{consistency: Eventual}", "")
	add("another consistency", "{consistency: strong}", `spec.consistency: Unsupported value: "strong"`)
	add("enabled", "{provisioning: Enabled}", "")
	add("paused", "{provisioning: Paused}", "")
	add("disabled", "{provisioning: Disabled}", "to disable a ScimEndpoint delete it; its users and groups stay")

	add("through an Ingress", "{exposure: {ingress: {host: scim.example.com, className: nginx, tlsSecretName: scim-tls}}}", "")
	for given, words := range map[string]string{
		"tlsSecretName: scim-tls": "", "tls: ControllerCertificate": "", "tls: InsecurePlaintext": "",
		"className: nginx": "name the host's certificate in tlsSecretName",
		"tls: InsecurePlaintext, tlsSecretName: scim-tls": "name the host's certificate in tlsSecretName",
		"tls: Plaintext": `tls: Unsupported value: "Plaintext"`,
	} {
		add("an Ingress with "+given, "{exposure: {ingress: {host: scim.example.com, "+given+"}}}", words)
	}
	add("through an HTTPRoute", "{exposure: {httpRoute: {host: scim.example.com, parentRefs: [{name: public, namespace: gateways, sectionName: https}]}}}", "")
	add("through both", "{exposure: {ingress: {host: a.example.com, tlsSecretName: a}, httpRoute: {host: a.example.com, parentRefs: [{name: public}]}}}", either)
	add("through nothing", "{exposure: {}}", any1)
	add("through an HTTPRoute without a Gateway", "{exposure: {httpRoute: {host: a.example.com, parentRefs: []}}}", "parentRefs in body should have at least 1 items")
	add("through nine Gateways", "{exposure: {httpRoute: {host: a.example.com, parentRefs: ["+strings.Repeat("{name: a},", 9)+"]}}}", "must have at most 8 items")

	for given, words := range map[string]string{
		"localhost": "", "a-1.example.com": "", "1.example.com": "", "xn--bcher-kva.example": "",
		"SCIM.example.com": host, "scim.example.com:8443": host, "https://scim.example.com": host,
		"*.example.com": host, "a..b": host, "-a.example": host, "a_b.example": host, "10.0.0.1": host, "[::1]": host,
	} {
		add("an Ingress for "+given, "{exposure: {ingress: {host: '"+given+"', tls: ControllerCertificate}}}", words)
		add("an HTTPRoute for "+given, "{exposure: {httpRoute: {host: '"+given+"', parentRefs: [{name: a}]}}}", words)
	}
	check(t, rows)
}

func TestNamesOfOtherObjects(t *testing.T) {
	const form = " must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	ingress := func(field string) string { return "{exposure: {ingress: {host: a.example, " + field + ": '%s'}}}" }
	var rows []row
	for field, of := range map[string]struct{ spec, words string }{
		"className":          {ingress("tls: InsecurePlaintext, className"), "className" + form},
		"tlsSecretName":      {ingress("tlsSecretName"), "tlsSecretName" + form},
		"the Gateway's name": {"{exposure: {httpRoute: {host: a.example, parentRefs: [{name: '%s'}]}}}", "the Gateway's name" + form},
		"sectionName":        {"{exposure: {httpRoute: {host: a.example, parentRefs: [{name: a, sectionName: '%s'}]}}}", "sectionName" + form},
	} {
		for given, good := range map[string]bool{
			"a": true, "a-b.c-1": true, "9": true, strings.Repeat("a", 253): true,
			"A": false, "a_b": false, "a b": false, "a/b": false, "-a": false, "a-": false, ".a": false, "a..b": false, "a\u00e9": false,
		} {
			r := row{field + " " + given, "ScimEndpoint", strings.Replace(of.spec, "%s", given, 1), of.words}
			if good {
				r.words = ""
			}
			rows = append(rows, r)
		}
		rows = append(rows, row{field + " too long", "ScimEndpoint", strings.Replace(of.spec, "%s", strings.Repeat("a", 254), 1), "may not be more than 253"})
	}
	for given, words := range map[string]string{
		"gateways-2": "", "a.b": "namespace must have only lower case letters, digits and hyphens, and begin and end with a letter or digit",
		"A": "namespace must have only lower case letters", strings.Repeat("a", 64): "may not be more than 63",
	} {
		rows = append(rows, row{"namespace " + given, "ScimEndpoint", "{exposure: {httpRoute: {host: a.example, parentRefs: [{name: a, namespace: '" + given + "'}]}}}", words})
	}
	check(t, rows)
}

func TestUsersAndGroups(t *testing.T) {
	const endpoint = "endpointRef: {name: okta}"
	long := strings.Repeat("x", 1025)
	check(t, []row{
		{"a user", "ScimUser", "{" + endpoint + ", userName: ada}", ""},
		{"a user without a name", "ScimUser", "{" + endpoint + "}", "spec.userName: Required value"},
		{"a user without an endpoint", "ScimUser", "{userName: ada}", ""},
		{"a user of an endpoint without a name", "ScimUser", "{userName: ada, endpointRef: {}}", "spec.endpointRef.name: Required value"},
		{"a user who was adopted by nobody", "ScimUser", "{userName: ada, adoptedTime: '2026-01-02T03:04:05.000000Z'}", "a user without an endpointRef belongs to no identity provider"},
		{"a user who was deleted by nobody", "ScimUser", "{userName: ada, deletedTime: '2026-01-02T03:04:05.000000Z'}", "a user without an endpointRef belongs to no identity provider"},
		{"a user who returned to nobody", "ScimUser", "{userName: ada, returnedTime: '2026-01-02T03:04:05.000000Z'}", "a user without an endpointRef belongs to no identity provider"},
		{"an adopted user", "ScimUser", "{" + endpoint + ", userName: ada, adoptedTime: '2026-01-02T03:04:05.000000Z'}", ""},
		{"a user of the longest name", "ScimUser", "{" + endpoint + ", userName: " + long[1:] + "}", ""},
		{"a user of too long a name", "ScimUser", "{" + endpoint + ", userName: " + long + "}", "may not be more than 1024"},
		{"too long an externalId", "ScimUser", "{" + endpoint + ", userName: ada, externalId: " + long + "}", "may not be more than 1024"},
		{"the longest title", "ScimUser", "{" + endpoint + ", userName: ada, title: " + strings.Repeat("x", 16384) + "}", ""},
		{"too long a title", "ScimUser", "{" + endpoint + ", userName: ada, title: " + strings.Repeat("x", 16385) + "}", "may not be more than 16384"},
		{"1,000 roles", "ScimUser", "{" + endpoint + ", userName: ada, roles: [" + strings.Repeat("{value: a},", 1000) + "]}", ""},
		{"1,001 roles", "ScimUser", "{" + endpoint + ", userName: ada, roles: [" + strings.Repeat("{value: a},", 1001) + "]}", "must have at most 1000 items"},
		{"a group", "ScimGroup", "{" + endpoint + ", displayName: staff, members: [{value: ada, type: User}]}", ""},
		{"a group in slices", "ScimGroup", "{" + endpoint + ", displayName: staff, slices: [staff-1]}", ""},
		{"a group with members here and there", "ScimGroup", "{" + endpoint + ", displayName: staff, members: [{value: ada}], slices: [staff-1]}",
			"members are held either in the group or in its slices"},
		{"1,001 members", "ScimGroup", "{" + endpoint + ", displayName: staff, members: [" + strings.Repeat("{value: a},", 1001) + "]}", "must have at most 1000 items"},
		{"a member of an unknown type", "ScimGroup", "{" + endpoint + ", displayName: staff, members: [{value: a, type: Robot}]}", `supported values: "User", "Group"`},
		{"a slice without members", "ScimGroupSlice", "{" + endpoint + ", groupRef: {name: g}, members: []}", "should have at least 1 items"},
		{"a claim of something else", "ScimClaim", "{" + endpoint + ", attribute: User.title, value: x, holderRef: {name: u}}", "of users and groups only User.userName and Group.displayName are unique"},
	})
}
