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
		supported    = api.ExpiringTokensSupported
		unsupported  = api.ExpiringTokensUnsupported
	)
	for _, row := range []struct {
		product api.IdentityProviderType
		decided api.ProviderBehavior
		want    api.ProviderBehavior
	}{
		{api.ProviderOkta, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: immutable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderEntraID, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: ignored, ExpiringTokens: unsupported}},
		{api.ProviderOneLogin, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderGoogleWorkspace, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderJumpCloud, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderPingIdentity, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderDuo, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderKeycloak, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderGeneric, api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{"a product of a later release", api.ProviderBehavior{}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderOkta, api.ProviderBehavior{ExternalIDs: reassignable}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: supported}},
		{api.ProviderEntraID, api.ProviderBehavior{ExternalIDs: immutable}, api.ProviderBehavior{ExternalIDs: immutable, UnknownAttributes: ignored, ExpiringTokens: unsupported}},
		{api.ProviderEntraID, api.ProviderBehavior{ExpiringTokens: supported}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: ignored, ExpiringTokens: supported}},
		{api.ProviderEntraID, api.ProviderBehavior{UnknownAttributes: refused}, api.ProviderBehavior{ExternalIDs: reassignable, UnknownAttributes: refused, ExpiringTokens: unsupported}},
	} {
		if got := Behavior(row.product, row.decided); got != row.want {
			t.Errorf("%s with %+v: %+v, want %+v", row.product, row.decided, got, row.want)
		}
	}
}

// TestEveryTypeHasARow: a value of spec.type of which nothing is known has a row that says so.
func TestEveryTypeHasARow(t *testing.T) {
	types := []api.IdentityProviderType{api.ProviderOkta, api.ProviderEntraID, api.ProviderOneLogin, api.ProviderGoogleWorkspace,
		api.ProviderJumpCloud, api.ProviderPingIdentity, api.ProviderDuo, api.ProviderKeycloak, api.ProviderGeneric}
	rows := Products()
	if len(rows) != len(types) {
		t.Fatalf("%d rows for %d types", len(rows), len(types))
	}
	for i, row := range rows {
		if row.Type != types[i] || row.Name == "" || row.Sync() == "" {
			t.Errorf("row %d is that of %q, want %s", i, row.Type, types[i])
		}
		if p := row.Portal; p.BaseURL == "" || p.Token == "" || p.OrganizationID == "" {
			t.Errorf("%s has a field without a label: %+v", row.Type, p)
		}
		if row.Behavior != Behavior(row.Type, api.ProviderBehavior{}) {
			t.Errorf("%s behaves as %+v in the table", row.Type, row.Behavior)
		}
	}
	entra := Of(api.ProviderEntraID)
	if entra.AcceptsExpiringTokens() || entra.Sync() != "every 40 minutes" || entra.Portal.BaseURL != "Tenant URL" || entra.Portal.Token != "Secret Token" {
		t.Errorf("Entra ID is %+v", entra)
	}
	if other := Of("a product of a later release"); other.Portal != Of(api.ProviderGeneric).Portal || !other.AcceptsExpiringTokens() {
		t.Errorf("a product of a later release is %+v", other)
	}
}
