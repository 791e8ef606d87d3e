// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Judge returns nil when sign-on can rest on the metadata of an issuer: it is that of this
// issuer, its endpoints are HTTPS URLs, and it offers the authorization code flow. Otherwise it
// returns the first thing that is wrong, as ErrInvalid. The keys are judged by ParseKeys.
func Judge(m *Metadata, issuer string) error {
	for _, check := range []func(*Metadata, string) error{issuerMatches, endpointsSecure, codeFlowOffered} {
		if err := check(m, issuer); err != nil {
			return err
		}
	}
	return nil
}

// issuerMatches compares letter by letter (OpenID Connect Discovery 1.0 §4.3), because every ID
// token is compared in the same way.
func issuerMatches(m *Metadata, issuer string) error {
	switch {
	case m.Issuer == "":
		return invalid("the discovery document has no issuer; check that spec.signOn.oidc.issuer is the issuer of an OpenID provider")
	case m.Issuer != issuer:
		return invalid("the discovery document is that of the issuer %s; write spec.signOn.oidc.issuer exactly so if this is the right one", quoted(m.Issuer))
	default:
		return nil
	}
}

func endpointsSecure(m *Metadata, _ string) error {
	for _, endpoint := range []struct {
		name, address string
		required      bool
	}{
		{"authorization_endpoint", m.AuthorizationEndpoint, true},
		{"token_endpoint", m.TokenEndpoint, true},
		{"jwks_uri", m.JWKSURL, true},
		{"end_session_endpoint", m.EndSessionEndpoint, false},
	} {
		if endpoint.address == "" && !endpoint.required {
			continue
		}
		if wrong := wrongWithURL(endpoint.address); wrong != "" {
			return invalid("the discovery document's %s %s; correct it at the identity provider", endpoint.name, wrong)
		}
	}
	return nil
}

// wrongWithURL returns what is wrong with an endpoint, or "". It repeats no URL.
func wrongWithURL(address string) string {
	switch u, err := url.Parse(address); {
	case address == "":
		return "is missing"
	case len(address) > MaxURL:
		return fmt.Sprintf("is longer than %d characters", MaxURL)
	case err != nil || u.Hostname() == "":
		return "is not an absolute URL"
	case u.Scheme != "https":
		return fmt.Sprintf("is not HTTPS: it begins with %.16s://", u.Scheme)
	case u.User != nil:
		return "contains a user name or password"
	default:
		return ""
	}
}

// codeFlowOffered accepts a document that lists no response types: some leave the list out.
func codeFlowOffered(m *Metadata, _ string) error {
	offersCode := func(types string) bool { return slices.Contains(strings.Fields(types), "code") }
	if len(m.ResponseTypesSupported) == 0 || slices.ContainsFunc(m.ResponseTypesSupported, offersCode) {
		return nil
	}
	return invalid("the discovery document offers no response type with code; enable the authorization code flow at the identity provider")
}
