// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "testing"

func TestTokenSecretNames(t *testing.T) {
	ep := &ScimEndpoint{}
	ep.Name = "okta"
	for name, serial := range map[string]int64{
		"okta-scim-token":     1,
		"okta-scim-token-2":   2,
		"okta-scim-token-117": 117,
		"okta-scim-token-1":   0, // the first has no number
		"okta-scim-token-02":  0,
		"okta-scim-token-0":   0,
		"okta-scim-token--2":  0,
		"okta-scim-token2":    0,
		"okta-scim-token-x":   0,
		"okta-scim-digests":   0,
		"entra-scim-token-2":  0,
	} {
		if got := ep.TokenSerial(name); got != serial {
			t.Errorf("%s is number %d, not %d", name, got, serial)
		}
		if serial > 0 && ep.TokenSecretName(serial) != name {
			t.Errorf("number %d is %s, not %s", serial, ep.TokenSecretName(serial), name)
		}
	}
}
