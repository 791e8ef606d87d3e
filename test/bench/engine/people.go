// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"

	"scim-operator.io/internal/scim"
)

// person has every attribute of RFC 7643 §8.2 and §8.3, after its examples.
const person = `{"id":"%[1]d","externalId":"701984-%[1]d","userName":"user%[1]d@example.com",
"name":{"formatted":"Ms. Barbara J Jensen, III","familyName":"Jensen","givenName":"Barbara","middleName":"Jane",
 "honorificPrefix":"Ms.","honorificSuffix":"III"},
"displayName":"Babs Jensen","nickName":"Babs","profileUrl":"https://login.example.com/user%[1]d","title":"Tour Guide",
"userType":"Employee","preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,
"emails":[{"value":"user%[1]d@example.com","display":"Work","type":"work","primary":true},{"value":"user%[1]d@home.example.com","type":"home"}],
"phoneNumbers":[{"value":"555-555-5555","type":"work"},{"value":"555-555-4444","type":"mobile"}],
"ims":[{"value":"someaimhandle","type":"aim"}],"photos":[{"value":"https://photos.example.com/F%[1]d","type":"photo"}],
"addresses":[{"formatted":"100 Universal City Plaza\nHollywood, CA 91608 USA","streetAddress":"100 Universal City Plaza",
 "locality":"Hollywood","region":"CA","postalCode":"91608","country":"US","type":"work","primary":true}],
"groups":[{"value":"e9e30dba","display":"Tour Guides","type":"direct"}],
"entitlements":[{"value":"parking"}],"roles":[{"value":"Guide","primary":true}],"x509Certificates":[{"value":"MIIDQzCC"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130",
 "organization":"Universal Studios","division":"Theme Park","department":"Tour Operations",
 "manager":{"value":"26118915","displayName":"John Smith"}},
"meta":{"resourceType":"User","created":"2010-01-23T04:56:22Z","lastModified":"2011-05-13T04:42:34Z",
 "location":"https://example.com/v2/Users/%[1]d","version":"W/\"3694e05e\""}}`

// People makes users as a store keeps them.
func People(n int) ([]scim.Packed, error) {
	rt := scim.Core().User()
	users := make([]scim.Packed, n)
	for i := range users {
		user, err := rt.Decode(fmt.Appendf(nil, person, i))
		if err != nil {
			return nil, err
		}
		users[i] = rt.Pack(user)
	}
	return users, nil
}
