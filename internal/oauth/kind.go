// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// The media types of a JWT's header (RFC 7515 §4.1.9), without `application/`.
const (
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	typeJWT         = "jwt"    // what many issuers write into every token
)

var (
	// idTokenClaims are claims that ID tokens (OpenID Connect Core 1.0 §2, §3.3.2.11) and
	// logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4) have, and access tokens have not.
	idTokenClaims = []string{"nonce", "at_hash", "c_hash", "s_hash", "events"}
	// accessTokenClaims are claims that access tokens have, and ID tokens have not: those of
	// RFC 9068 §2.2 and of Entra ID.
	accessTokenClaims = []string{"client_id", "scope", "scp", "appid", "appidacr", "azpacr"}
	// otherKinds are what issuers call tokens for something else: Keycloak in the claim
	// `typ`, Amazon Cognito in `token_use`.
	otherKinds = []string{"id", "id_token", "refresh", "offline", "logout"}
)

// isAccessToken reports whether a token is meant for a resource server. A token of the type
// at+jwt is. A token of no type, or of the type JWT, is unless it is recognizable as an ID
// token, a logout token or a refresh token: many issuers give access tokens no type of their
// own, and an ID token can have the right audience. Every other type is for something else.
func isAccessToken(header *jose.Header, audience []string, claims map[string]any) bool {
	given, present := header.ExtraHeaders[jose.HeaderType]
	text, isText := given.(string)
	if present && !isText {
		return false
	}
	switch strings.TrimPrefix(strings.ToLower(text), "application/") {
	case typeAccessToken:
		return true
	case typeJWT, "":
		return !isOtherKind(claims) && !isForItsClient(audience, claims)
	default:
		return false
	}
}

func isOtherKind(claims map[string]any) bool {
	for _, name := range []string{"typ", "token_use"} {
		if kind, ok := claims[name].(string); ok && slices.Contains(otherKinds, strings.ToLower(kind)) {
			return true
		}
	}
	return slices.ContainsFunc(idTokenClaims, func(name string) bool { return claims[name] != nil })
}

// isForItsClient reports whether a token is for the client that asked for it, as every ID
// token is, without a sign of being an access token of a client that is a resource server too.
func isForItsClient(audience []string, claims map[string]any) bool {
	client, ok := claims["azp"].(string)
	if !ok || !slices.Contains(audience, client) {
		return false
	}
	if kind, _ := claims["typ"].(string); strings.EqualFold(kind, "Bearer") { // Keycloak's
		return false
	}
	return !slices.ContainsFunc(accessTokenClaims, func(name string) bool { return claims[name] != nil })
}
