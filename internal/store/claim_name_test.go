// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"k8s.io/client-go/rest"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
	"scim-operator.io/internal/scim"
)

// The manager computes the names of claims from what it reads of a user or group, and finds
// nothing if the store computes others.
func TestTheManagerComputesTheNamesOfClaims(t *testing.T) {
	s, err := New(Config{REST: &rest.Config{}, Namespace: "acme", Endpoint: "okta", BaseURL: "https://scim.example.com", Types: scim.Core()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bjensen", "BJensen@Example.COM", " padded ", "Straße", "ﬁne", "Ｆｕｌｌ", "inv\u200bisible", "İ", "é", "e\u0301"} {
		user, group := &api.ScimUser{}, &api.ScimGroup{}
		user.Spec.EndpointRef.Name, user.Spec.UserName = "okta", name
		group.Spec.EndpointRef.Name, group.Spec.DisplayName = "okta", name
		for _, row := range []struct {
			unique *unique
			object object
			want   string
		}{
			{s.users.unique[0], user, identity.UserNameClaim(user)},
			{s.groups.unique[0], group, identity.DisplayNameClaim(group)},
		} {
			if got := s.claimName(row.unique, row.unique.key(row.unique.stored(row.object))); got != row.want {
				t.Errorf("%s %q: the store names the claim %s, the manager %s", row.unique.claimed, name, got, row.want)
			}
		}
	}
}
