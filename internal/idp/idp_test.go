// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"testing"

	api "scim-operator.io/api/v1alpha1"
)

func TestBehaviorOfEachType(t *testing.T) {
	const (
		immutable    = api.ExternalIDsImmutable
		reassignable = api.ExternalIDsReassignable
		ignored      = api.UnknownAttributesIgnored
		refused      = api.UnknownAttributesRefused
	)
	for _, row := range []struct {
		product api.IdentityProviderType
		decided api.ProviderBehavior
		want    api.ProviderBehavior
	}{
		{api.ProviderOkta, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: immutable, UnknownAttributes: refused}},
		{api.ProviderEntraID, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: ignored}},
		{api.ProviderOneLogin, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderGoogleWorkspace, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderJumpCloud, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderPingIdentity, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderDuo, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderKeycloak, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderGeneric, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{"a product of a later release", api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderOkta, api.ProviderBehavior{ExternalIDs: reassignable}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
		{api.ProviderEntraID, api.ProviderBehavior{ExternalIDs: immutable}, api.ProviderBehavior{ExternalIDs: immutable, UnknownAttributes: ignored}},
		{api.ProviderEntraID, api.ProviderBehavior{UnknownAttributes: refused}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused}},
	} {
		if got := Behavior(row.product, row.decided); got != row.want {
			t.Errorf("%s with %+v: %+v, want %+v", row.product, row.decided, got, row.want)
		}
	}
}
