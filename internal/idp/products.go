// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"fmt"
	"time"

	api "scim-operator.io/api/v1alpha1"
)

// Product is what is known of the product behind an identity provider, from its public
// documentation. What is empty is not documented.
type Product struct {
	Type api.IdentityProviderType
	// Name is what its vendor calls it.
	Name   string
	Portal Portal
	// SyncEvery is how often it synchronises; zero where that is not documented.
	SyncEvery time.Duration
	// Behavior is what its requests are like, as far as that differs from the default.
	Behavior api.ProviderBehavior
	// Note is what to watch out for while it is set up.
	Note string
}

// Portal is where an administrator enters the connection, and under which labels.
type Portal struct {
	Page, BaseURL, Token, OrganizationID string
}

// generic are the words for what a portal calls in a way that is not documented.
var generic = Portal{BaseURL: "Base URL", Token: "Token", OrganizationID: "Organization ID"}

// products are in the order of the values of spec.type.
var products = []Product{
	{
		Type: api.ProviderOkta, Name: "Okta",
		Portal: Portal{Page: "Application › Provisioning › Integration", BaseURL: "SCIM connector base URL", Token: "HTTP Header › Authorization"}, //nolint:gosec // labels, not credentials
		// Okta sends its own user id, which an administrator cannot edit.
		Behavior: api.ProviderBehavior{ExternalIDs: api.ExternalIDsImmutable},
		Note:     "Choose the authentication mode HTTP Header, and userName as the unique identifier field for users. OIDC applications have no provisioning by SCIM.",
	},
	{
		Type: api.ProviderEntraID, Name: "Entra ID",
		Portal:    Portal{Page: "Enterprise applications › Provisioning › New configuration", BaseURL: "Tenant URL", Token: "Secret Token"},
		SyncEvery: 40 * time.Minute,
		// It maps mailNickname to externalId unless an administrator maps objectId. Its PATCH
		// has several attributes, and a mapping may name one of an extension that the endpoint
		// does not have.
		Behavior: api.ProviderBehavior{UnknownAttributes: api.UnknownAttributesIgnored, ExpiringTokens: api.ExpiringTokensUnsupported},
		Note:     "Its guide asks for a token that does not expire: when the token ends, the provisioning job is put into quarantine.",
	},
	{
		Type: api.ProviderOneLogin, Name: "OneLogin",
		Portal: Portal{Page: "Application › Configuration", BaseURL: "SCIM Base URL", Token: "SCIM Bearer Token"}, //nolint:gosec // labels, not credentials
		Note:   "Set API Status to Enable. It does not announce that a group is removed.",
	},
	{
		Type: api.ProviderGoogleWorkspace, Name: "Google Workspace",
		Note: "No generic SCIM application is documented.",
	},
	{
		Type: api.ProviderJumpCloud, Name: "JumpCloud",
		Portal: Portal{Page: "SSO application › Identity Management", BaseURL: "Base URL", Token: "Token Key"},
		Note:   "People come only through groups. Activation makes and deletes a test user and a test group.",
	},
	{
		Type: api.ProviderPingIdentity, Name: "Ping Identity",
		Portal: Portal{Page: "Integrations › Provisioning › New Connection", BaseURL: "SCIM Base URL", Token: "OAuth 2 Bearer Token › Access Token"}, //nolint:gosec // labels, not credentials
		Note:   "In PingFederate the page is SP Connections › Outbound Provisioning, and the base URL is SCIM URL.",
	},
	{
		Type: api.ProviderDuo, Name: "Duo",
		Note: "The labels of its portal are not documented.",
	},
	{
		Type: api.ProviderKeycloak, Name: "Keycloak",
		Note: "It has no SCIM client of its own; an extension is needed.",
	},
	{
		Type: api.ProviderGeneric, Name: "any other",
	},
}

// Products returns what is known, a row for each value of spec.type.
func Products() []Product {
	all := make([]Product, len(products))
	for i, p := range products {
		all[i] = p.complete()
	}
	return all
}

// Of returns what is known of a type; of one that is not known, what holds for Generic.
func Of(t api.IdentityProviderType) Product {
	for _, p := range products {
		if p.Type == t {
			return p.complete()
		}
	}
	return Product{Type: t, Name: string(t)}.complete()
}

// complete fills in what holds for every product of which nothing else is known.
func (p Product) complete() Product {
	p.Behavior = p.Behavior.Or(api.DefaultProviderBehavior())
	for _, label := range []struct {
		of      *string
		generic string
	}{{&p.Portal.BaseURL, generic.BaseURL}, {&p.Portal.Token, generic.Token}, {&p.Portal.OrganizationID, generic.OrganizationID}} {
		if *label.of == "" {
			*label.of = label.generic
		}
	}
	return p
}

// Sync says how often the product synchronises.
func (p Product) Sync() string {
	if p.SyncEvery == 0 {
		return "not documented"
	}
	return fmt.Sprintf("every %d minutes", int(p.SyncEvery.Minutes()))
}

// AcceptsExpiringTokens reports whether provisioning goes on with another token after one has
// ended.
func (p Product) AcceptsExpiringTokens() bool {
	return p.Behavior.ExpiringTokens == api.ExpiringTokensSupported
}
