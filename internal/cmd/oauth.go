// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"strings"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/oauth"
	"scim-operator.io/internal/server"
)

// notedAccessTokens tells of each that is let in.
type notedAccessTokens struct {
	*oauth.Verifier
	note func()
}

// Recall implements server.AccessTokens.
func (n notedAccessTokens) Recall(presented string) (id string, ok bool) {
	if id, ok = n.Verifier.Recall(presented); ok {
		n.note()
	}
	return id, ok
}

// Verify implements server.AccessTokens.
func (n notedAccessTokens) Verify(ctx context.Context, presented string) (id string, ok bool, err error) {
	if id, ok, err = n.Verifier.Verify(ctx, presented); ok {
		n.note()
	}
	return id, ok, err
}

// accessTokens verifies those of the endpoint's issuer, and tells of each that is let in;
// nil when there is none.
func (o *serveOptions) accessTokens(definition *v1alpha1.ScimEndpointSpec, way guard.Egress, note func()) server.AccessTokens {
	given := definition.OAuth
	if given == nil {
		return nil
	}
	policy := oauth.Policy{
		Issuer: given.Issuer, JWKSURL: given.JWKSURL, CACertificates: given.CACertificates,
		Audiences: given.Audiences, Subjects: given.Subjects,
	}
	for _, c := range given.RequiredClaims {
		policy.Claims = append(policy.Claims, oauth.Claim{Name: c.Name, Values: c.Values})
	}
	return notedAccessTokens{note: note, Verifier: oauth.New(policy, oauth.Options{
		AllowInternal: o.internalIssuers, Egress: way, UserAgent: "scim-operator-serve/" + buildVersion(),
	})}
}

// issuer is that of the endpoint's access tokens, "" for none.
func issuer(definition *v1alpha1.ScimEndpointSpec) string {
	if definition.OAuth == nil {
		return ""
	}
	return definition.OAuth.Issuer
}

// meOfTokens maps a claim of access tokens to the user whom /Me stands for; nil when no claim
// does.
func meOfTokens(definition *v1alpha1.ScimEndpointSpec) *server.TokenSubjects {
	if definition.OAuth == nil || definition.OAuth.Me == nil {
		return nil
	}
	given := *definition.OAuth.Me
	attribute := "userName"
	if given.Attribute == v1alpha1.UserIdentifierExternalID {
		attribute = "externalId"
	}
	return &server.TokenSubjects{Attribute: attribute, Of: func(tokenID, presented string) (string, bool) {
		if !strings.HasPrefix(tokenID, oauth.IDPrefix) {
			return "", false
		}
		return oauth.TextClaim(presented, given.Claim), true
	}}
}
