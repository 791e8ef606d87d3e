// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
)

// TestDeprovisioning: how people leave is the same in a provider and in an endpoint that
// somebody writes by hand.
func TestDeprovisioning(t *testing.T) {
	var rows []row
	add := func(what, d, words string) {
		rows = append(rows, row{what + ", by hand", "ScimEndpoint", "{deprovisioning: " + d + "}", words})
		if words != "" {
			words = strings.Replace(words, "spec.", "spec.scim.", 1)
		}
		rows = append(rows, row{what, "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {deprovisioning: " + d + "}}", words})
	}
	add("all there is", "{policy: Deactivate, retention: 720h, guard: {maxUsers: 20, maxPercent: 10, window: 1h}}", "")
	add("the policy alone", "{policy: Delete}", "")
	add("a retention alone", "{retention: 1h30m}", "")
	add("a guard that lets nobody go", "{guard: {maxUsers: 0}}", "")
	add("a guard over a week", "{guard: {maxPercent: 100, window: 168h}}", "")
	add("nothing", "{}", "should have at least 1 properties")
	add("a policy that there is not", "{policy: Forget}", `Unsupported value: "Forget"`)
	add("a record of what is deleted", "{policy: Delete, retention: 720h}", "with the policy Delete there is none")
	add("no retention at all", "{retention: 0s}", "retention must be a duration such as 720h, longer than nothing")
	add("a negative retention", "{retention: -1h}", "retention must be a duration such as 720h")
	add("days", "{retention: 30d}", "retention must be a duration such as 720h")
	add("no duration", "{retention: soon}", "retention must be a duration such as 720h")
	add("longer than a century", "{retention: 876001h}", "at most 876000h")
	add("a guard without a limit", "{guard: {window: 1h}}", "say how many may leave: give maxUsers, maxPercent or both")
	add("a guard of seconds", "{guard: {maxUsers: 1, window: 59s}}", "window must be a duration such as 1h, from 1m to 168h")
	add("a guard of more than a week", "{guard: {maxUsers: 1, window: 169h}}", "window must be a duration such as 1h, from 1m to 168h")
	add("fewer than none", "{guard: {maxUsers: -1}}", "should be greater than or equal to 0")
	add("more than all", "{guard: {maxPercent: 101}}", "should be less than or equal to 100")

	provider := func(onDisable string) string {
		return "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {onDisable: " + onDisable + "}}"
	}
	rows = append(rows,
		row{"users stay when it ends", "IdentityProvider", provider("Keep"), ""},
		row{"users are inactive when it ends", "IdentityProvider", provider("Deactivate"), ""},
		row{"users are deleted when it ends", "IdentityProvider", provider("Delete"), `Unsupported value: "Delete"`},
	)
	check(t, rows)
}
