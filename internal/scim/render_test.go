// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRenderIsWhatWasDecoded(t *testing.T) {
	var want, got any
	if err := json.Unmarshal([]byte(bjensen), &want); err != nil {
		t.Fatal(err)
	}
	want.(map[string]any)["schemas"] = []any{UserSchema, EnterpriseUserSchema, OperatorUserSchema}
	if err := json.Unmarshal([]byte(render(mustDecode(t, Core().User(), bjensen))), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRenderStrings(t *testing.T) {
	for in, want := range map[string]string{
		"":                  `""`,
		"plain":             `"plain"`,
		"<a&b>":             `"<a&b>"`,
		"quote \" slash \\": `"quote \" slash \\"`,
		"\n\r\t\b\x1f":      `"\n\r\t\u0008\u001f"`,
		"日本 😀":              `"日本 😀"`,
		"bad \xff byte":     "\"bad \ufffd byte\"",
		"\xe6\x97":          "\"\ufffd\ufffd\"",
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q is rendered %s", in, got)
		}
	}
}

func TestProjection(t *testing.T) {
	rt := Core().User()
	user := mustDecode(t, rt, `{"id":"1","externalId":"e","userName":"ann","name":{"givenName":"Ann","familyName":"J"},`+
		`"emails":[{"value":"a","type":"work"},{"value":"b"}],`+enterpriseKey+`{"department":"IT","manager":{"value":"7","displayName":"Bob"}},"meta":{"version":"v","resourceType":"User"}}`)
	all := render(user)
	tests := []struct{ name, attributes, excluded, want string }{
		{"default", "", "", all},
		{"one", "userName", "", `{` + schemasUser + `"id":"1","userName":"ann"}`},
		{"in any case, with blanks", " USERNAME , Name.GIVENname ", "", `{` + schemasUser + `"id":"1","userName":"ann","name":{"givenName":"Ann"}}`},
		{"all of a complex attribute", "name", "", `{` + schemasUser + `"id":"1","name":{"familyName":"J","givenName":"Ann"}}`},
		{"one sub-attribute of a list", "emails.type", "", `{` + schemasUser + `"id":"1","emails":[{"type":"work"}]}`},
		{"a sub-attribute that is not there", "emails.display", "", `{` + schemasUser + `"id":"1"}`},
		{"an attribute that is not there", "title", "", `{` + schemasUser + `"id":"1"}`},
		{"an unknown attribute", "shoeSize", "", `{` + schemasUser + `"id":"1"}`},
		{"with the schema's URN", "urn:ietf:params:scim:schemas:core:2.0:User:userName", "", `{` + schemasUser + `"id":"1","userName":"ann"}`},
		{"the core schema", "urn:ietf:params:scim:schemas:core:2.0:User", "", `{` + schemasUser + `"id":"1","userName":"ann","name":{"familyName":"J","givenName":"Ann"},"emails":[{"value":"a","type":"work"},{"value":"b"}]}`},
		{"an extension", EnterpriseUserSchema, "", `{` + schemasEnterprise + `"id":"1",` + enterpriseKey + `{"department":"IT","manager":{"value":"7","displayName":"Bob"}}}`},
		{"an attribute of an extension", EnterpriseUserSchema + ":department", "", `{` + schemasEnterprise + `"id":"1",` + enterpriseKey + `{"department":"IT"}}`},
		{"deep in an extension", EnterpriseUserSchema + ":manager.value", "", `{` + schemasEnterprise + `"id":"1",` + enterpriseKey + `{"manager":{"value":"7"}}}`},
		{"nothing of an extension", EnterpriseUserSchema + ":costCenter", "", `{` + schemasUser + `"id":"1"}`},
		{"meta", "meta.version", "", `{` + schemasUser + `"id":"1","meta":{"version":"v"}}`},
		{"a whole and a part of it", "name,name.givenName", "", `{` + schemasUser + `"id":"1","name":{"familyName":"J","givenName":"Ann"}}`},
		{"excluded", "", "name,emails,meta,externalId," + EnterpriseUserSchema, `{` + schemasUser + `"id":"1","userName":"ann"}`},
		{"excluded sub-attributes", "", "name.givenName,emails.value,meta," + EnterpriseUserSchema + ":manager", `{` + schemasEnterprise + `"id":"1","externalId":"e","userName":"ann","name":{"familyName":"J"},"emails":[{"type":"work"}],` + enterpriseKey + `{"department":"IT"}}`},
		{"what is always returned", "", "id,schemas,name,emails,meta,externalId," + EnterpriseUserSchema, `{` + schemasUser + `"id":"1","userName":"ann"}`},
		{"commas only", ",,", "", `{` + schemasUser + `"id":"1"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := rt.ParseProjection(test.attributes, test.excluded)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(rt.Pack(user).AppendJSON(nil, p, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := rt.ParseProjection("a", "b")
	wantError(t, err, "invalidValue", "cannot be combined")
	_, err = rt.ParseProjection(strings.Repeat("a,", 300), "")
	wantError(t, err, "invalidValue", "more than 256 names")
}

func TestProjectionOfOtherReturned(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	o := mustDecode(t, rt, `{"id":"1","label":"x","secret":"s","notes":"n"}`)
	for attributes, want := range map[string]string{
		"":                   `"label":"x"}`,
		"notes":              `"notes":"n"}`,
		"label,notes,secret": `"label":"x","notes":"n"}`,
	} {
		p, err := rt.ParseProjection(attributes, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := string(rt.Pack(o).AppendJSON(nil, p, nil)); got != `{"schemas":["urn:example:Gadget"],"id":"1",`+want {
			t.Errorf("attributes=%s gives %s", attributes, got)
		}
	}
}

func TestProjectionOfMembers(t *testing.T) {
	rt := Core().Group()
	member := Member{Value: "1", Type: "User", Display: "Ann \"A\"", Ref: "https://x/Users/1"}
	const whole = `{"value":"1","$ref":"https://x/Users/1","display":"Ann \"A\"","type":"User"}`
	tests := []struct {
		attributes, excluded string
		wants                bool
		member               string
	}{
		{"", "", true, whole},
		{"members", "", true, whole},
		{"members.value", "", true, `{"value":"1"}`},
		{"members.display,displayName", "", true, `{"display":"Ann \"A\""}`},
		{"displayName", "", false, ""},
		{"", "members", false, ""},
		{"", "members.display", true, `{"value":"1","$ref":"https://x/Users/1","type":"User"}`},
		{"", "displayName", true, whole},
	}
	for _, test := range tests {
		p, err := rt.ParseProjection(test.attributes, test.excluded)
		if err != nil {
			t.Fatal(err)
		}
		if p.WantsMembers() != test.wants || p.Wants(rt.Members()) != test.wants {
			t.Errorf("attributes=%s excludedAttributes=%s: members wanted %v", test.attributes, test.excluded, p.WantsMembers())
		}
		if got := string(AppendMember(nil, member, p)); test.wants && got != test.member {
			t.Errorf("attributes=%s excludedAttributes=%s: member is %s", test.attributes, test.excluded, got)
		}
	}
	if p, _ := Core().User().ParseProjection("userName", ""); p.WantsMembers() {
		t.Error("a user has members")
	}
}

func TestRenderGroupWithMembers(t *testing.T) {
	group := mustDecode(t, Core().Group(), `{"id":"g","displayName":"Guides"}`)
	dst := Core().Group().Pack(group).AppendOpenJSON(nil, nil)
	dst = append(dst, `,"members":[`...)
	dst = AppendMember(dst, Member{Value: "1"}, nil)
	dst = append(dst, `]}`...)
	if want := `{` + schemasGroup + `"id":"g","displayName":"Guides","members":[{"value":"1"}]}`; string(dst) != want {
		t.Errorf("group is %s", dst)
	}
}
