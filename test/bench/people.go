// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
)

// userBody is the n-th user of a set as an identity provider sends it, about 1.5 KB as it
// is answered.
func userBody(set string, n int) []byte {
	name := userName(set, n)
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":%q,"externalId":"00u%s%09d",`+
		`"name":{"formatted":"Ms. Barbara Jane Jensen III","familyName":"Jensen","givenName":"Barbara","middleName":"Jane",`+
		`"honorificPrefix":"Ms.","honorificSuffix":"III"},"displayName":"Barbara Jensen","nickName":"Babs",`+
		`"profileUrl":"https://login.example.com/people/barbara.jensen","title":%q,"userType":"Employee",`+
		`"preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,`+
		`"emails":[{"value":%q,"type":"work","primary":true},{"value":"barbara.jensen@home.example.org","type":"home"}],`+
		`"phoneNumbers":[{"value":"+1-555-555-5555","type":"work"},{"value":"+1-555-555-4444","type":"mobile"}],`+
		`"addresses":[{"type":"work","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA",`+
		`"postalCode":"91608","country":"US","primary":true}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%d","costCenter":"4130",`+
		`"organization":"Universal Studios","division":"Theme Park","department":"Tour Operations"}}`,
		name, set, n, title(n), name, 700_000+n)
}

func userName(set string, n int) string {
	return set + ".user" + sixDigits(n) + "@example.com"
}

func sixDigits(n int) string {
	text := strconv.Itoa(n)
	return "000000"[:max(0, 6-len(text))] + text
}

// rare is in the titles of one user in a thousand.
const rare = "Pathfinder"

func title(n int) string {
	if n%1000 == 77 {
		return "Senior " + rare + " of the Studio Tour"
	}
	return "Tour Guide " + strconv.Itoa(n%1000)
}
