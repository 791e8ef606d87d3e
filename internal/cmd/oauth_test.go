// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/oauth"
	"scim-operator.io/internal/oauth/issuertest"
)

func TestAnIssuerOfAPrivateCA(t *testing.T) {
	issuer := issuertest.New(t)
	token := issuertest.Sign(t, jose.ES256, issuer.NewKey("1"), "1", issuer.Claims(time.Now(), nil))
	options := &serveOptions{internalIssuers: true}
	for name, certificates := range map[string]string{"given": issuer.CACertificates(), "not given": ""} {
		noted := 0
		definition := &v1alpha1.ScimEndpointSpec{}
		definition.OAuth = &v1alpha1.OAuthPolicy{
			Issuer: issuer.URL, CACertificates: certificates, Audiences: []string{"scim"}, Subjects: []string{"okta"},
		}
		_, ok, err := options.accessTokens(definition, guard.Egress{}, func() { noted++ }).Verify(t.Context(), token)
		var later *oauth.Unavailable
		switch {
		case certificates != "" && (!ok || err != nil || noted != 1):
			t.Errorf("%s: let in: %v, error %v, noted %d times", name, ok, err, noted)
		case certificates == "" && (ok || !errors.As(err, &later) || noted != 0):
			t.Errorf("%s: let in: %v, error %v, noted %d times; want to be told to come later", name, ok, err, noted)
		}
	}
}

func TestWhomAccessTokensName(t *testing.T) {
	issuer := issuertest.New(t)
	token := issuertest.Sign(t, jose.ES256, issuer.NewKey("1"), "1", issuer.Claims(time.Now(), map[string]any{"oid": "a1"}))
	definition := &v1alpha1.ScimEndpointSpec{}
	if meOfTokens(definition) != nil {
		t.Error("access tokens of nobody name somebody")
	}
	definition.OAuth = &v1alpha1.OAuthPolicy{}
	if meOfTokens(definition) != nil {
		t.Error("a claim counts that the endpoint does not name")
	}
	for identifier, attribute := range map[v1alpha1.UserIdentifier]string{
		v1alpha1.UserIdentifierUserName: "userName", v1alpha1.UserIdentifierExternalID: "externalId",
	} {
		definition.OAuth.Me = &v1alpha1.OAuthSubject{Claim: "oid", Attribute: identifier}
		subjects := meOfTokens(definition)
		if value, ok := subjects.Of(oauth.IDPrefix+"0123", token); subjects.Attribute != attribute || value != "a1" || !ok {
			t.Errorf("%s: %s is %q, %v", identifier, subjects.Attribute, value, ok)
		}
		if value, ok := subjects.Of("0123456789ab", token); ok {
			t.Errorf("a token of the endpoint names %q", value)
		}
	}
}
