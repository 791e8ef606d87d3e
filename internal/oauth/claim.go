// SPDX-License-Identifier: Apache-2.0

package oauth

import "github.com/go-jose/go-jose/v4/jwt"

// maxTextClaim bounds a claim that names a user, in bytes.
const maxTextClaim = 4 << 10

// TextClaim returns the text of a claim of a token that a Verifier has accepted. It is "" for a
// claim that is missing, is no text, or is longer than any attribute that it may name.
func TextClaim(accepted, name string) string {
	token, err := jwt.ParseSigned(accepted, algorithms)
	if err != nil {
		return ""
	}
	var all map[string]any
	// The signature of this very text has been checked.
	if token.UnsafeClaimsWithoutVerification(&all) != nil {
		return ""
	}
	text, ok := all[name].(string)
	if !ok || len(text) > maxTextClaim {
		return ""
	}
	return text
}
