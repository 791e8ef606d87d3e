// SPDX-License-Identifier: Apache-2.0

// Package idp holds what is known of each identity provider from its public documentation:
// one table, which the controllers, the kubectl plugin and the documentation read.
package idp

import api "scim-operator.io/api/v1alpha1"

// Behavior returns what may be expected of an identity provider: what an administrator
// decided, and what is known of its type where the administrator left it open.
func Behavior(t api.IdentityProviderType, decided api.ProviderBehavior) api.ProviderBehavior {
	return decided.Or(Of(t).Behavior)
}
