// SPDX-License-Identifier: Apache-2.0

// Package idp holds what is known of each identity provider from its public
// documentation.
package idp

import api "scim-operator.io/api/v1alpha1"

// unknown is the behavior of an identity provider of which nothing is known.
var unknown = api.ProviderBehavior{
	ExternalIDs:       api.ExternalIDsReassignable,
	UnknownAttributes: api.UnknownAttributesRefused,
}

// known has the behavior of a product as far as it differs from unknown.
var known = map[api.IdentityProviderType]api.ProviderBehavior{
	// Okta sends its own user id, which an administrator cannot edit.
	api.ProviderOkta: {ExternalIDs: api.ExternalIDsImmutable},
	// Entra ID maps mailNickname to externalId unless an administrator maps objectId. Its
	// PATCH has several attributes, and a mapping may name one of an extension that the
	// endpoint does not have.
	api.ProviderEntraID: {UnknownAttributes: api.UnknownAttributesIgnored},
	// OneLogin sends what the administrator writes in a template, often the e-mail
	// address. PingIdentity and Keycloak send what the administrator maps. What Google
	// Workspace, JumpCloud and Duo send is not documented.
}

// Behavior returns what may be expected of an identity provider: what an administrator
// decided, and what is known of its type where the administrator left it open.
func Behavior(t api.IdentityProviderType, decided api.ProviderBehavior) api.ProviderBehavior {
	return decided.Or(known[t]).Or(unknown)
}
