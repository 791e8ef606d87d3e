// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/oauth"
	"scim-operator.io/internal/server"
)

// accessTokens verifies those of the endpoint's issuer; nil when there is none.
func (o *serveOptions) accessTokens(endpoint *v1alpha1.ScimEndpoint) server.AccessTokens {
	given := endpoint.Spec.OAuth
	if given == nil {
		return nil
	}
	policy := oauth.Policy{Issuer: given.Issuer, JWKSURL: given.JWKSURL, Audiences: given.Audiences, Subjects: given.Subjects}
	for _, c := range given.RequiredClaims {
		policy.Claims = append(policy.Claims, oauth.Claim{Name: c.Name, Values: c.Values})
	}
	return oauth.New(policy, oauth.Options{
		AllowInternal: o.internalIssuers, RootCAs: o.issuerRoots, UserAgent: "scim-operator-serve/" + buildVersion(),
	})
}
