// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestTokenPolicy: the same in a provider and in an endpoint that somebody writes by hand.
func TestTokenPolicy(t *testing.T) {
	var rows []row
	add := func(what, policy, words string) {
		rows = append(rows,
			row{what + ", by hand", "ScimEndpoint", "{token: " + policy + "}", words},
			row{what, "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: {token: " + policy + "}}}", words})
	}
	ids := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"%012x"`, i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	const (
		lifetime = "lifetime must be a duration such as 4320h, of at least 1h and at most 87600h"
		overlap  = "overlap must be a duration such as 1h, of at most 24h"
		renew    = "renewBefore must be a duration such as 720h, of at least 1h"
		shorter  = "renewBefore must be at least 1h shorter than lifetime"
		after    = "deleteAfter must be a duration such as 24h, of at least 1m"
		anID     = "an id of a token has 12 hexadecimal digits in lower case"
		ref      = "secretRef: {name: vault, key: scim-token}"
	)
	add("nothing", "{}", "")
	add("all of what the operator issues", `{generation: 7, lifetime: 4320h, overlap: 1h, renewBefore: 720h, revokedTokenIDs: ["0123456789ab"], delivery: {deleteAfter: 24h}}`, "")
	add("all of what somebody else maintains", `{generation: 7, lifetime: 8760h, overlap: 0s, revokedTokenIDs: ["0123456789ab"], `+ref+`}`, "")

	add("generation 0", "{generation: 0}", "should be greater than or equal to 1")
	add("the shortest lifetime", "{lifetime: 1h}", "")
	add("the longest lifetime", "{lifetime: 87600h}", "")
	add("a lifetime of several parts", "{lifetime: 1h30m}", "")
	add("too short a lifetime", "{lifetime: 59m}", lifetime)
	add("too long a lifetime", "{lifetime: 87601h}", lifetime)
	add("a lifetime in days", "{lifetime: 180d}", lifetime)
	add("a lifetime below zero", "{lifetime: -2h}", lifetime)
	add("a lifetime of nothing", "{lifetime: ''}", lifetime)
	add("a lifetime that never ends", "{lifetime: forever}", lifetime)
	add("the longest overlap", "{overlap: 24h}", "")
	add("no overlap", "{overlap: 0s}", "")
	add("too long an overlap", "{overlap: 24h1s}", overlap)
	add("an overlap below zero", "{overlap: -1h}", overlap)
	add("a renewal at the last hour", "{renewBefore: 1h}", "")
	add("a renewal at the last minute", "{renewBefore: 1m}", renew)
	add("a renewal before it begins", "{renewBefore: 4320h}", shorter)
	add("a renewal just after it has begun", "{renewBefore: 4319h}", "")
	add("a renewal in the first hour of a short lifetime", "{lifetime: 24h, renewBefore: 23h1m}", shorter)
	add("a renewal after the first hour of a short lifetime", "{lifetime: 24h, renewBefore: 23h}", "")

	add("as many revoked as there may be", "{revokedTokenIDs: "+ids(32)+"}", "")
	add("more revoked", "{revokedTokenIDs: "+ids(33)+"}", "must have at most 32 items")
	add("none revoked, in so many words", "{revokedTokenIDs: []}", "should have at least 1 items")
	add("an id twice", `{revokedTokenIDs: ["0123456789ab", "0123456789ab"]}`, "Duplicate value")
	add("an id in upper case", `{revokedTokenIDs: ["0123456789AB"]}`, anID)
	add("half an id", `{revokedTokenIDs: ["012345"]}`, "should be at least 12 chars long")
	add("a token instead of its id", `{revokedTokenIDs: ["scimop_`+strings.Repeat("x", 49)+`"]}`, "may not be more than 12")

	add("a reference without a key", "{secretRef: {name: vault}}", "secretRef.key: Required value")
	add("a reference without a name", "{secretRef: {key: x}}", "secretRef.name: Required value")
	add("a reference to a name that no Secret has", "{secretRef: {name: 'Vault/x', key: x}}", "the name of a Secret must have only lower case letters")
	add("a reference to a key that no Secret has", "{secretRef: {name: vault, key: 'a/b'}}", "key must have only letters")
	add("a renewal of what somebody else maintains", "{"+ref+", renewBefore: 24h}", "renewed by whoever maintains that Secret")
	add("a deletion of what somebody else maintains", "{"+ref+", delivery: {deleteAfter: 24h}}", "not the operator's to delete")

	add("a deletion after a minute", "{delivery: {deleteAfter: 1m}}", "")
	add("a deletion at once", "{delivery: {deleteAfter: 0s}}", after)
	add("a deletion some day", "{delivery: {deleteAfter: 1d}}", after)
	check(t, rows)
}
