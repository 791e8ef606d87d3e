// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"strings"
	"testing"
)

// bjensen is a user with every attribute set, after RFC 7643 §8.2 and §8.3, as the
// server would render it.
const bjensen = `{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
  "id": "2819c223", "externalId": "701984",
  "userName": "bjensen@example.com",
  "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara",
    "middleName": "Jane", "honorificPrefix": "Ms.", "honorificSuffix": "III"},
  "displayName": "Babs Jensen", "nickName": "Babs", "profileUrl": "https://login.example.com/bjensen",
  "title": "Tour Guide", "userType": "Employee", "preferredLanguage": "en-US", "locale": "en-US",
  "timezone": "America/Los_Angeles", "active": true,
  "emails": [
    {"value": "bjensen@example.com", "display": "Work", "type": "work", "primary": true},
    {"value": "babs@jensen.org", "type": "home"}],
  "phoneNumbers": [{"value": "555-555-5555", "type": "work"}, {"value": "555-555-4444", "type": "mobile"}],
  "ims": [{"value": "someaimhandle", "type": "aim"}],
  "photos": [{"value": "https://photos.example.com/F", "type": "photo"}],
  "addresses": [{"formatted": "100 Universal City Plaza\nHollywood, CA 91608 USA", "streetAddress": "100 Universal City Plaza",
    "locality": "Hollywood", "region": "CA", "postalCode": "91608", "country": "US", "type": "work", "primary": true}],
  "groups": [{"value": "e9e30dba", "$ref": "../Groups/e9e30dba", "display": "Tour Guides", "type": "direct"}],
  "entitlements": [{"value": "parking"}],
  "roles": [{"value": "Guide", "primary": true}],
  "x509Certificates": [{"value": "MIIDQzCC"}],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
    "employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios", "division": "Theme Park",
    "department": "Tour Operations", "manager": {"value": "26118915", "$ref": "../Users/26118915", "displayName": "John Smith"}},
  "urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User": {"userType": "Technician", "organizationId": ["42", "43"]},
  "meta": {"resourceType": "User", "created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z",
    "location": "https://example.com/v2/Users/2819c223", "version": "W/\"3694e05e\""}
}`

// small is a user with little, so that what a change does to it is easy to read.
const small = `{"id":"1","userName":"ann","active":true,"meta":{"resourceType":"User"}}`

// schemasUser and the like begin the JSON of a rendered resource.
const (
	schemasUser       = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`
	schemasEnterprise = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],`
	schemasOperator   = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User"],`
	schemasGroup      = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],`
)

// gadgets is a registry with a resource type and an extension that have what the
// built-in types do not: integers, decimals, required, immutable and on-request
// attributes.
func gadgets(t testing.TB) *Registry {
	t.Helper()
	parts := complexAttribute("parts", "", []*Attribute{
		attribute(String, "value", "", required, caseExact),
		attribute(String, "maker", "", immutable),
		attribute(String, "checked", "", readOnly),
		attribute(String, "type", ""),
		attribute(Boolean, "primary", ""),
		attribute(String, "tags", "", multiValued),
	}, multiValued)
	r, err := NewRegistry(
		WithResourceType(ResourceType{Name: "Gadget", Endpoint: "/Gadgets", Schema: &Schema{
			ID: "urn:example:Gadget", Attributes: []*Attribute{
				attribute(String, "label", "", required),
				attribute(Integer, "count", ""),
				attribute(Decimal, "weight", ""),
				attribute(String, "serial", "", immutable),
				attribute(String, "state", "", readOnly),
				attribute(String, "secret", "", func(a *Attribute) { a.Returned = ReturnedNever }),
				attribute(String, "notes", "", func(a *Attribute) { a.Returned = ReturnedRequest }),
				attribute(DateTime, "built", ""),
				attribute(String, "color", "", canonicalOnly("red", "green")),
				complexAttribute("size", "", []*Attribute{
					attribute(Integer, "width", "", required),
					attribute(Integer, "height", ""),
					attribute(String, "unit", "", immutable),
					attribute(String, "area", "", readOnly),
				}),
				parts,
			},
		}, Extensions: []Extension{{Schema: &Schema{ID: "urn:example:Extra", Attributes: []*Attribute{
			attribute(String, "code", "", required), attribute(String, "hint", ""),
		}}}}}),
		WithExtension("user", Extension{Schema: &Schema{ID: "urn:example:Custom", Name: "Custom", Attributes: []*Attribute{
			attribute(String, "badge", "", caseExact), attribute(Integer, "level", ""),
		}}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustDecode(t testing.TB, rt *ResourceType, document string) *Object {
	t.Helper()
	o, err := rt.Decode([]byte(document))
	if err != nil {
		t.Fatalf("decode %s: %v", document, err)
	}
	return o
}

// render returns a resource as answers show it by default, and another object as it is.
func render(o *Object) string {
	if o.Len() == 0 {
		return "{}"
	}
	root := o.fields[0].Attr.parent
	if root.role != roleRoot {
		return string(AppendValue(nil, o))
	}
	return string((&ResourceType{root: root}).Pack(o).AppendJSON(nil, nil, nil))
}

// wantError checks an error's scimType and that its detail has the words.
func wantError(t testing.TB, err error, scimType, words string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want %s", err, scimType)
	}
	if e.ScimType != scimType || !strings.Contains(e.Detail, words) {
		t.Fatalf("error is %q %q, want %q with %q", e.ScimType, e.Detail, scimType, words)
	}
}

func members(values ...string) MemberList {
	list := MemberList{}
	for _, value := range values {
		list = append(list, Member{Value: value, Type: "User"})
	}
	return list
}

// decodeValue reads the JSON of one attribute's value.
func decodeValue(a *Attribute, document []byte) (Value, error) {
	return decodeDocument(document, func(d *decoder) (Value, error) { return d.value(a) })
}

// SubAttribute returns a sub-attribute by its name, in any case; nil when there is none.
func (a *Attribute) SubAttribute(name string) *Attribute { return lookupName(a.lookup, name) }
