// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	enterpriseKey = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":`
	operatorKey   = `"urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User":`
)

// patchOps wraps operations in a PATCH body.
func patchOps(operations string) []byte {
	return []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`)
}

// TestPatchUser shows what operations make of a small user. In each row `start`
// and `want` are the attributes beside id and userName, `active` being true; an
// empty want means that nothing changes.
func TestPatchUser(t *testing.T) {
	tests := []struct{ name, start, operations, want string }{
		// Single-valued attributes.
		{"add", ``, `{"op":"add","path":"title","value":"Guide"}`, `"title":"Guide"`},
		{"add to what is there", `"title":"Guide"`, `{"op":"add","path":"title","value":"Boss"}`, `"title":"Boss"`},
		{"replace", `"title":"Guide"`, `{"op":"replace","path":"title","value":"Boss"}`, `"title":"Boss"`},
		{"replace by the same", `"title":"Guide"`, `{"op":"replace","path":"title","value":"Guide"}`, ``},
		{"replace what is not there", ``, `{"op":"replace","path":"title","value":"Boss"}`, `"title":"Boss"`},
		{"replace by null", `"title":"Guide"`, `{"op":"replace","path":"title","value":null}`, `-`},
		{"replace by an empty string", `"title":"Guide"`, `{"op":"replace","path":"title","value":""}`, `-`},
		{"add null", `"title":"Guide"`, `{"op":"add","path":"title","value":null}`, `-`},
		{"remove", `"title":"Guide"`, `{"op":"remove","path":"title"}`, `-`},
		{"remove with a value", `"title":"Guide"`, `{"op":"Remove","path":"title","value":"Guide"}`, `-`},
		{"remove what is not there", ``, `{"op":"remove","path":"title"}`, ``},
		{"value before path", ``, `{"value":"Guide","path":"title","op":"add"}`, `"title":"Guide"`},
		{"blanks around the path", ``, `{"op":"add","path":" title ","value":"Guide"}`, `"title":"Guide"`},
		{"several, in order", ``, `{"op":"add","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"},{"op":"add","path":"nickName","value":"c"}`,
			`"nickName":"c","title":"b"`},
		{"there and back", `"title":"a"`, `{"op":"remove","path":"title"},{"op":"add","path":"title","value":"a"}`, ``},

		// Complex attributes: what is not named stays.
		{"add a sub-attribute", `"name":{"familyName":"J"}`, `{"op":"add","path":"name.givenName","value":"Ann"}`, `"name":{"familyName":"J","givenName":"Ann"}`},
		{"add an object", `"name":{"familyName":"J"}`, `{"op":"add","path":"name","value":{"givenName":"Ann"}}`, `"name":{"familyName":"J","givenName":"Ann"}`},
		{"replace an object", `"name":{"familyName":"J","givenName":"A"}`, `{"op":"replace","path":"name","value":{"givenName":"Ann"}}`, `"name":{"familyName":"J","givenName":"Ann"}`},
		{"replace with null inside", `"name":{"familyName":"J","givenName":"A"}`, `{"op":"replace","path":"name","value":{"givenName":null}}`, `"name":{"familyName":"J"}`},
		{"remove a sub-attribute", `"name":{"familyName":"J","givenName":"A"}`, `{"op":"remove","path":"name.givenName"}`, `"name":{"familyName":"J"}`},
		{"remove the last sub-attribute", `"name":{"givenName":"A"}`, `{"op":"remove","path":"name.givenName"}`, `-`},
		{"remove a complex attribute", `"name":{"givenName":"A"}`, `{"op":"remove","path":"name"}`, `-`},

		// Multi-valued attributes.
		{"add a value", `"emails":[{"value":"a"}]`, `{"op":"add","path":"emails","value":[{"value":"b"}]}`, `"emails":[{"value":"a"},{"value":"b"}]`},
		{"add one that is no list", ``, `{"op":"add","path":"emails","value":{"value":"b"}}`, `"emails":[{"value":"b"}]`},
		{"add what is there", `"emails":[{"value":"a","type":"work"}]`, `{"op":"add","path":"emails","value":[{"value":"a","type":"work"}]}`, ``},
		{"add what is there in part", `"emails":[{"value":"a","type":"work"}]`, `{"op":"add","path":"emails","value":[{"value":"A"}]}`, `"emails":[{"value":"A","type":"work"}]`},
		{"add to what is there", `"emails":[{"value":"a"}]`, `{"op":"add","path":"emails","value":[{"value":"a","type":"work"}]}`, `"emails":[{"value":"a","type":"work"}]`},
		{"add of another type", `"emails":[{"value":"a","type":"work"}]`, `{"op":"add","path":"emails","value":[{"value":"a","type":"home"}]}`, `"emails":[{"value":"a","type":"work"},{"value":"a","type":"home"}]`},
		{"add nothing", `"emails":[{"value":"a"}]`, `{"op":"add","path":"emails","value":[]}`, ``},
		{"replace all values", `"emails":[{"value":"a"},{"value":"b"}]`, `{"op":"replace","path":"emails","value":[{"value":"c"}]}`, `"emails":[{"value":"c"}]`},
		{"replace by none", `"emails":[{"value":"a"}]`, `{"op":"replace","path":"emails","value":[]}`, `-`},
		{"remove all values", `"emails":[{"value":"a"}]`, `{"op":"remove","path":"emails"}`, `-`},
		{"remove values by value", `"emails":[{"value":"a","type":"work"},{"value":"b"}]`, `{"op":"remove","path":"emails","value":[{"value":"a"}]}`, `"emails":[{"value":"b"}]`},
		{"remove an empty list of values", `"emails":[{"value":"a"}]`, `{"op":"remove","path":"emails","value":[]}`, ``},
		{"replace in every value", `"emails":[{"value":"a"},{"value":"b","type":"x"}]`, `{"op":"replace","path":"emails.type","value":"work"}`, `"emails":[{"value":"a","type":"work"},{"value":"b","type":"work"}]`},
		{"remove from every value", `"emails":[{"value":"a","type":"x"}]`, `{"op":"remove","path":"emails.type"}`, `"emails":[{"value":"a"}]`},
		{"add by the value's path", `"emails":[{"value":"a"}]`, `{"op":"add","path":"emails.value","value":"b"}`, `"emails":[{"value":"a"},{"value":"b"}]`},
		{"organizations", operatorKey + `{"organizationId":["1"]}`, `{"op":"add","path":"` + OperatorUserSchema + `:organizationId","value":["1","2"]}`, operatorKey + `{"organizationId":["1","2"]}`},
		{"remove an organization", operatorKey + `{"organizationId":["1","2"]}`, `{"op":"remove","path":"` + NinjaOneUserSchema + `:organizationId","value":["1"]}`, operatorKey + `{"organizationId":["2"]}`},

		// Value paths.
		{"replace in the value that matches", `"emails":[{"value":"a","type":"work"},{"value":"b","type":"home"}]`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"c"}`,
			`"emails":[{"value":"c","type":"work"},{"value":"b","type":"home"}]`},
		{"replace the value that matches", `"emails":[{"value":"a","type":"work","display":"x"}]`, `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"c","type":"work"}}`,
			`"emails":[{"value":"c","type":"work"}]`},
		{"add to the value that matches", `"emails":[{"value":"a","type":"work"}]`, `{"op":"add","path":"emails[type eq \"work\"]","value":[{"display":"x"}]}`,
			`"emails":[{"value":"a","display":"x","type":"work"}]`},
		{"remove the value that matches", `"emails":[{"value":"a","type":"work"},{"value":"b"}]`, `{"op":"remove","path":"emails[type eq \"work\"]"}`, `"emails":[{"value":"b"}]`},
		{"remove the values that match", `"emails":[{"value":"a"},{"value":"b"},{"value":"c"}]`, `{"op":"remove","path":"emails[value eq \"a\" or value eq \"c\"]"}`, `"emails":[{"value":"b"}]`},
		{"remove what nothing matches", `"emails":[{"value":"a"}]`, `{"op":"remove","path":"emails[type eq \"work\"]"}`, ``},
		{"remove from the value that matches", `"emails":[{"value":"a","type":"work","display":"x"}]`, `{"op":"remove","path":"emails[type eq \"work\"].display"}`, `"emails":[{"value":"a","type":"work"}]`},
		{"remove the value of a value", `"emails":[{"value":"a","type":"work"}]`, `{"op":"remove","path":"emails[type eq \"work\"].value"}`, `-`},
		{"blanks in a value path", `"emails":[{"value":"a","type":"work"}]`, `{"op":"remove","path":"emails[ type  eq \"work\" ]"}`, `-`},

		// E4: Entra ID sets what is not there yet.
		{"E4: Add", ``, `{"op":"Add","path":"emails[type eq \"work\"].value","value":"a@b.c"}`, `"emails":[{"value":"a@b.c","type":"work"}]`},
		{"E4: Replace", `"emails":[{"value":"h","type":"home"}]`, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@b.c"}`,
			`"emails":[{"value":"h","type":"home"},{"value":"a@b.c","type":"work"}]`},
		{"E4: addresses", ``, `{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"Ulm"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"}`,
			`"addresses":[{"locality":"Ulm","country":"DE","type":"work"}]`},
		{"E4: the primary role", `"roles":[{"value":"x","primary":true}]`, `{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}`, `"roles":[{"value":"Admin","primary":true}]`},
		{"E4: a primary role", `"roles":[{"value":"x"}]`, `{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}`, `"roles":[{"value":"x"},{"value":"Admin","primary":true}]`},
		{"E4: set to nothing", ``, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":""}`, ``},

		// primary moves (RFC 7644 §3.5.2).
		{"primary moves to a new value", `"emails":[{"value":"a","primary":true}]`, `{"op":"add","path":"emails","value":[{"value":"b","primary":true}]}`,
			`"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]`},
		{"primary moves to an old value", `"emails":[{"value":"a","primary":true},{"value":"b"}]`, `{"op":"replace","path":"emails[value eq \"b\"].primary","value":true}`,
			`"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]`},
		{"primary stays when another is replaced", `"emails":[{"value":"a","type":"x"},{"value":"b","primary":true}]`, `{"op":"replace","path":"emails[type eq \"x\"].value","value":"c"}`,
			`"emails":[{"value":"c","type":"x"},{"value":"b","primary":true}]`},

		// Without a path.
		{"an object", ``, `{"op":"add","value":{"title":"Guide","name":{"givenName":"Ann"}}}`, `"name":{"givenName":"Ann"},"title":"Guide"`},
		{"what a client may not write is skipped", ``, `{"op":"replace","value":{"id":"9","meta":{"version":"x"},"schemas":["x"],"groups":[],"title":"Guide"}}`, `"title":"Guide"`},
		{"what the schema does not know is skipped", ``, `{"op":"replace","value":{"shoeSize":42,"urn:example:x":{"a":1},"urn:example:x:y":1,"title":"Guide"}}`, `"title":"Guide"`},
		{"null in an object", `"title":"Guide"`, `{"op":"replace","value":{"title":null}}`, `-`},
		{"an extension", ``, `{"op":"add","value":{` + enterpriseKey + `{"department":"IT"}}}`, enterpriseKey + `{"department":"IT"}`},
		{"an extension's other attributes stay", enterpriseKey + `{"costCenter":"1"}`, `{"op":"replace","value":{` + enterpriseKey + `{"department":"IT"}}}`, enterpriseKey + `{"costCenter":"1","department":"IT"}`},
		{"value paths as names", ``, `{"op":"add","value":{"emails[type eq \"work\"].value":"a@b.c"}}`, `"emails":[{"value":"a@b.c","type":"work"}]`},
		{"nothing", ``, `{"op":"replace","value":{}}`, ``},

		// URNs.
		{"core URN", ``, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.givenName","value":"Ann"}`, `"name":{"givenName":"Ann"}`},
		{"extension URN", ``, `{"op":"add","path":"` + EnterpriseUserSchema + `:department","value":"IT"}`, enterpriseKey + `{"department":"IT"}`},
		{"extension URN in another case", ``, `{"op":"add","path":"` + strings.ToUpper(EnterpriseUserSchema) + `:DEPARTMENT","value":"IT"}`, enterpriseKey + `{"department":"IT"}`},
		{"an extension as the path", ``, `{"op":"add","path":"` + EnterpriseUserSchema + `","value":{"department":"IT"}}`, enterpriseKey + `{"department":"IT"}`},
		{"remove an extension", enterpriseKey + `{"department":"IT"}`, `{"op":"remove","path":"` + EnterpriseUserSchema + `"}`, `-`},
		{"replace an extension by null", enterpriseKey + `{"department":"IT"}`, `{"op":"replace","path":"` + EnterpriseUserSchema + `","value":null}`, `-`},
		{"the core schema as the path", ``, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"title":"x"}}`, `"title":"x"`},
		{"the core schema as a name", ``, `{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"title":"x"}}}`, `"title":"x"`},
		{"X1: SCIM 1.0 URNs", ``, `{"op":"add","path":"urn:scim:schemas:core:1.0:title","value":"x"},{"op":"add","path":"urn:scim:schemas:extension:enterprise:1.0:department","value":"IT"}`,
			`"title":"x",` + enterpriseKey + `{"department":"IT"}`},
		{"a URN within a value path", `"emails":[{"value":"a","type":"work"},{"value":"b"}]`, `{"op":"remove","path":"emails[urn:ietf:params:scim:schemas:core:2.0:User:emails.type eq \"work\"]"}`, `"emails":[{"value":"b"}]`},
		{"a URN within a value path, without the attribute", `"emails":[{"value":"a","type":"work"},{"value":"b"}]`, `{"op":"replace","path":"emails[urn:ietf:params:scim:schemas:core:2.0:User:type eq \"work\"].value","value":"c"}`, `"emails":[{"value":"c","type":"work"},{"value":"b"}]`},
		{"NinjaOne's URN", ``, `{"op":"add","value":{"` + NinjaOneUserSchema + `":{"userType":"ENDUSER"}}}`, operatorKey + `{"userType":"endUser"}`},

		// What is accepted and forgotten.
		{"password", ``, `{"op":"replace","path":"password","value":"hunter2"}`, ``},
		{"password in an object", ``, `{"op":"replace","value":{"password":"hunter2"}}`, ``},
		{"schemas", ``, `{"op":"add","path":"schemas","value":["urn:example:x"]}`, ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt := Core().User()
			user := mustDecode(t, rt, joinFields(`{"id":"1","userName":"ann","active":true`, test.start))
			want := render(user)
			if test.want != "" {
				want = render(mustDecode(t, rt, joinFields(`{"id":"1","userName":"ann","active":true`, strings.TrimPrefix(test.want, "-"))))
			}
			before := render(user)
			patch, err := rt.ParsePatch(patchOps(test.operations))
			if err != nil {
				t.Fatal(err)
			}
			got, changed, err := patch.Apply(user, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, render(got)); diff != "" {
				t.Error(diff)
			}
			if changed != (test.want != "") || changed != (got != user) {
				t.Errorf("changed is %v, another object %v", changed, got != user)
			}
			if render(user) != before {
				t.Error("the user itself changed")
			}
		})
	}
}

func joinFields(start, more string) string {
	if more == "" {
		return start + "}"
	}
	return start + "," + more + "}"
}

// TestPatchDialects replays requests as identity providers write them.
func TestPatchDialects(t *testing.T) {
	tests := []struct{ name, start, body, want string }{
		{"E1, E2: Entra ID disables a user", ``,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`,
			`"active":false`},
		{"E2: in lower case", ``,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":"false"}]}`,
			`"active":false`},
		{"E3: Entra ID with its compliance flag", `"active":true,"name":{"givenName":"A","familyName":"J"}`,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"displayName":"B","name.givenName":"K","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"A"}}]}`,
			`"name":{"familyName":"J","givenName":"K"},"displayName":"B","active":true,` + enterpriseKey + `{"employeeNumber":"A"}`},
		{"Entra ID without its flag, many attributes", `"active":true`,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
			 {"op":"Replace","path":"displayName","value":"Pvlo"},
			 {"op":"Replace","path":"emails[type eq \"work\"].value","value":"TestBcwqnm@test.microsoft.com"},
			 {"op":"Replace","path":"name.givenName","value":"Gtfd"},
			 {"op":"Replace","path":"externalId","value":"Eqpj"},
			 {"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","value":"Eqpj"}]}`,
			`"externalId":"Eqpj","name":{"givenName":"Gtfd"},"displayName":"Pvlo","active":true,"emails":[{"value":"TestBcwqnm@test.microsoft.com","type":"work"}],` +
				enterpriseKey + `{"employeeNumber":"Eqpj"}`},
		{"E6: manager as an object", enterpriseKey + `{"manager":{"value":"1","$ref":"../Users/1","displayName":"Bob"}}`,
			`{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"2"}}]}`,
			enterpriseKey + `{"manager":{"value":"2"}}`},
		{"E6: manager as a string", enterpriseKey + `{"manager":{"value":"1","$ref":"../Users/1"}}`,
			`{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"2"}]}`,
			enterpriseKey + `{"manager":{"value":"2"}}`},
		{"E6: manager as a list", ``,
			`{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":[{"$ref":"https://x/Users/2","value":"2"}]}]}`,
			enterpriseKey + `{"manager":{"value":"2"}}`},
		{"E6: manager as an empty string", enterpriseKey + `{"department":"IT","manager":{"value":"1"}}`,
			`{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":""}]}`,
			enterpriseKey + `{"department":"IT"}`},
		{"E6: manager removed", enterpriseKey + `{"manager":{"value":"1"}}`,
			`{"Operations":[{"op":"Remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"}]}`, `-`},
		{"E6: the same manager again", enterpriseKey + `{"manager":{"value":"1","$ref":"../Users/1"}}`,
			`{"Operations":[{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"1"}]}`, ``},
		{"E13: roles as JSON in a string", `"roles":[{"value":"25","display":"Role1234","type":"x"}]`,
			`{"Operations":[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b07648-ecfe-589f-9d2f-6325724a46ee\",\"value\":\"26\",\"displayName\":\"Role5678\"}"}]}]}`,
			`"roles":[{"value":"25","display":"Role1234","type":"x"},{"value":"26","display":"Role5678"}]`},
		{"E13: a role that is there", `"roles":[{"value":"25","display":"Role1234","type":"x"}]`,
			`{"Operations":[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b07648-ecfe-589f-9d2f-6325724a46ee\",\"value\":\"25\",\"displayName\":\"Role1234\"}"}]}]}`, ``},
		{"E13: roles replaced", `"roles":[{"value":"25"}]`,
			`{"Operations":[{"op":"replace","path":"roles","value":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"User","value":"User"}]}]}`,
			`"roles":[{"value":"User","display":"User","type":"WindowsAzureActiveDirectoryRole","primary":false}]`},
		{"O6: Okta deactivates", `"active":true,"title":"x"`,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`,
			`"title":"x","active":false`},
		{"X5: Keycloak's boolean", `"active":false`, `{"Operations":[{"op":"replace","path":"active","value":"true"}]}`, `"active":true`},
		{"operations in another case, schemas missing", ``, `{"operations":[{"OP":"ADD","Path":"title","Value":"x"}]}`, `"title":"x"`},
		{"a path that is null", ``, `{"Operations":[{"op":"replace","path":null,"value":{"title":"x"}}]}`, `"title":"x"`},
		{"names this server does not know", ``, `{"Operations":[{"op":"add","name":"addTitle","path":"title","value":"x"}],"x":[1]}`, `"title":"x"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt := Core().User()
			user := mustDecode(t, rt, joinFields(`{"id":"1","userName":"ann"`, test.start))
			want := render(user)
			if test.want != "" {
				want = render(mustDecode(t, rt, joinFields(`{"id":"1","userName":"ann"`, strings.TrimPrefix(test.want, "-"))))
			}
			patch, err := rt.ParsePatch([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			got, changed, err := patch.Apply(user, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, render(got)); diff != "" {
				t.Error(diff)
			}
			if changed != (test.want != "") {
				t.Errorf("changed is %v", changed)
			}
		})
	}
}

func TestPatchErrors(t *testing.T) {
	tests := []struct{ name, operations, scimType, want string }{
		{"unknown attribute", `{"op":"add","path":"shoeSize","value":42}`, "invalidPath", `shoeSize: "shoeSize" is not an attribute of User`},
		{"unknown sub-attribute", `{"op":"add","path":"name.shoe","value":42}`, "invalidPath", "not a sub-attribute of name"},
		{"unknown schema", `{"op":"add","path":"urn:example:x:y","value":42}`, "invalidPath", "names a schema"},
		{"path with something behind", `{"op":"add","path":"title x","value":"x"}`, "invalidPath", "must be an attribute"},
		{"path with a slash", `{"op":"add","path":"/title","value":"x"}`, "invalidPath", "is not an attribute"},
		{"unclosed value path", `{"op":"add","path":"emails[type eq \"work\"","value":"x"}`, "invalidFilter", "expected ']'"},
		{"a URN of another schema within a value path", `{"op":"remove","path":"emails[` + EnterpriseUserSchema + `:emails.type eq \"work\"]"}`, "invalidFilter", "is not a sub-attribute of emails"},
		{"another attribute within a value path", `{"op":"remove","path":"emails[` + UserSchema + `:ims.type eq \"work\"]"}`, "invalidFilter", "is not a sub-attribute of emails"},
		{"bad filter in a path", `{"op":"remove","path":"emails[shoe eq \"work\"]"}`, "invalidFilter", "shoe"},
		{"filter on a string", `{"op":"remove","path":"title[value eq \"x\"]"}`, "invalidFilter", "title has no sub-attributes"},
		{"filter on an extension", `{"op":"remove","path":"` + EnterpriseUserSchema + `[a eq 1]"}`, "invalidPath", "behind an attribute"},
		{"unknown name behind a value path", `{"op":"remove","path":"emails[type eq \"work\"].shoe"}`, "invalidPath", "shoe"},
		{"nothing matches", `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"x"}}`, "noTarget", "no value matches"},
		{"nothing matches a filter that describes no value", `{"op":"add","path":"emails[type ne \"work\"].value","value":"x"}`, "noTarget", "no value matches"},
		{"nothing has the old value", `{"op":"replace","path":"emails[value eq \"old\"].value","value":"new"}`, "noTarget", "no value matches"},
		{"a sub-attribute of no entry", `{"op":"replace","path":"emails.type","value":"work"}`, "noTarget", "emails.type"},
		{"remove without a path", `{"op":"remove"}`, "noTarget", "remove needs a path"},
		{"remove the core schema", `{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User"}`, "noTarget", "remove needs a path"},
		{"readOnly", `{"op":"replace","path":"id","value":"9"}`, "mutability", "id: it is readOnly"},
		{"readOnly sub-attribute", `{"op":"replace","path":"meta.version","value":"9"}`, "mutability", "readOnly"},
		{"readOnly groups", `{"op":"add","path":"groups","value":[{"value":"g"}]}`, "mutability", "groups: it is readOnly"},
		{"required", `{"op":"remove","path":"userName"}`, "mutability", "userName: it is required"},
		{"required, by null", `{"op":"replace","value":{"userName":null}}`, "mutability", "userName: it is required"},
		{"wrong type", `{"op":"replace","path":"active","value":"maybe"}`, "invalidValue", "active: it must be true or false"},
		{"wrong type in an object", `{"op":"replace","value":{"title":7}}`, "invalidValue", "title: it must be a string, not a number"},
		{"several for one", `{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"a"},{"value":"b"}]}`, "invalidValue", "one value, not several"},
		{"no value", `{"op":"replace","path":"title"}`, "invalidValue", "title: replace needs a value"},
		{"no value and no path", `{"op":"add"}`, "invalidValue", "value: it is required"},
		{"a string without path", `{"op":"add","value":"x"}`, "invalidValue", "without a path it must be an object"},
		{"a string for an extension", `{"op":"add","path":"` + EnterpriseUserSchema + `","value":"x"}`, "invalidValue", "must be an object"},
		{"no op", `{"path":"title","value":"x"}`, "invalidSyntax", "op: it is required"},
		{"unknown op", `{"op":"move","path":"title","value":"x"}`, "invalidSyntax", "op: it must be add, replace or remove"},
		{"op a number", `{"op":1}`, "invalidSyntax", "op: it must be a string"},
		{"path an object", `{"op":"add","path":{},"value":"x"}`, "invalidSyntax", "path: it must be a string"},
		{"an operation that is none", `7`, "invalidSyntax", "it must be an object"},
		{"a long path", `{"op":"add","path":"` + strings.Repeat("x", maxPathBytes+1) + `","value":"x"}`, "invalidPath", "longer than"},
		{"the second of two", `{"op":"add","path":"title","value":"x"},{"op":"add","path":"shoe","value":"x"}`, "invalidPath", "operation 2: shoe"},
		{"the second of two, on applying", `{"op":"add","path":"title","value":"x"},{"op":"replace","path":"ims[type eq \"x\"]","value":{"value":"a"}}`, "noTarget", "operation 2: ims"},
		{"too large", `{"op":"add","path":"emails","value":[` + strings.TrimSuffix(numbered(`{"value":"%d`+strings.Repeat("x", 1000)+`"},`, 500), ",") + `]}`, "invalidValue", "the resource takes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			user := mustDecode(t, Core().User(), small)
			before := render(user)
			patch, err := Core().User().ParsePatch(patchOps(test.operations))
			if err == nil {
				var got *Object
				var changed bool
				got, changed, err = patch.Apply(user, nil)
				if got != user || changed {
					t.Error("an error, and yet something changed")
				}
			}
			wantError(t, err, test.scimType, test.want)
			if render(user) != before {
				t.Error("the user changed")
			}
		})
	}
	for body, want := range map[string]string{
		``:                               "must be a JSON object",
		`[]`:                             "must be a JSON object",
		`{}`:                             "at least one operation",
		`{"Operations":[]}`:              "at least one operation",
		`{"Operations":{}}`:              "must be an array of objects",
		`{"Operations":[{"op":"add"}`:    "expected ','",
		`{"Operations":[{"op":"add"}]}x`: "should end here",
		`{"Operations":[{"op":"add","path":"title","value":}]}`:                     "expected a value",
		`{"Operations":[{"op":"add","path":"title","value":"x","VALUE":"y"}]}`:      "twice",
		`{"Operations":[{"op":"add","value":{"title":"a","TITLE":"b"}}]}`:           "twice",
		`{"schemas":7,"Operations":[{"op":"add","path":"title","value":"x"}]}`:      "schemas",
		`{"Operations":[{"op":"add","path":"title","value":` + deep(20) + `}]}`:     "nested",
		"{\"Operations\":[{\"op\":\"add\",\"path\":\"title\",\"value\":\"\xff\"}]}": "UTF-8",
	} {
		_, err := Core().User().ParsePatch([]byte(body))
		wantError(t, err, "invalidSyntax", want)
	}
	many := func(n int) []byte {
		return patchOps(strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"title"},`, n), ","))
	}
	_, err := Core().User().ParsePatch(many(maxOperations + 1))
	wantError(t, err, "invalidValue", "more than 10000 operations")
	_, err = Core().User().ParsePatch(many(maxChanges + 1))
	wantError(t, err, "invalidValue", "more than 1000 changes")
}

// TestPatchDoesNotPileUp: what many operations make together is bounded on the way.
func TestPatchDoesNotPileUp(t *testing.T) {
	rt := Core().User()
	var operations strings.Builder
	for _, kind := range []string{"a", "b", "c"} {
		for i := range 64 {
			fmt.Fprintf(&operations, `{"op":"add","path":"emails","value":"%s%d%s"},`, kind, i, strings.Repeat("x", 4000))
		}
	}
	operations.WriteString(`{"op":"remove","path":"emails"}`)
	patch, err := rt.ParsePatch(patchOps(operations.String()))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = patch.Apply(mustDecode(t, rt, small), nil)
	wantError(t, err, "invalidValue", "operation 64: the resource takes")
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// TestPatchMutability uses attributes that no built-in type has.
func TestPatchMutability(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	const gadget = `{"id":"1","label":"x","count":1,"serial":"s1","state":"new",` +
		`"size":{"width":1,"unit":"cm","area":"a"},"parts":[{"value":"p","maker":"m","checked":"yes"}]}`
	tests := []struct{ name, operation, scimType, want string }{
		{"immutable, changed", `{"op":"replace","path":"serial","value":"s2"}`, "mutability", "serial: it is immutable"},
		{"immutable, removed", `{"op":"remove","path":"serial"}`, "mutability", "serial: it is immutable"},
		{"immutable, the same", `{"op":"replace","path":"serial","value":"s1"}`, "", ""},
		{"immutable sub-attribute", `{"op":"replace","path":"size","value":{"unit":"mm"}}`, "mutability", "it is immutable"},
		{"immutable in an entry", `{"op":"replace","path":"parts[value eq \"p\"].maker","value":"n"}`, "mutability", "it is immutable"},
		{"immutable in an entry replaced", `{"op":"replace","path":"parts[value eq \"p\"]","value":{"value":"p","maker":"n"}}`, "mutability", "parts.maker: it is immutable"},
		{"immutable in an entry added to", `{"op":"add","path":"parts","value":[{"value":"p","maker":"n"}]}`, "mutability", "parts.maker: it is immutable"},
		{"readOnly in an entry", `{"op":"replace","path":"parts[value eq \"p\"].checked","value":"no"}`, "mutability", "readOnly"},
		{"required sub-attribute", `{"op":"remove","path":"size.width"}`, "mutability", "size.width: it is required"},
		{"required in an entry", `{"op":"remove","path":"parts[value eq \"p\"].value"}`, "invalidValue", "parts.value: it is required"},
		{"required in a new extension", `{"op":"add","path":"urn:example:Extra:hint","value":"x"}`, "invalidValue", "urn:example:Extra:code: it is required"},
		{"a new extension with it", `{"op":"add","path":"urn:example:Extra","value":{"code":"c"}}`, "", `"urn:example:Extra":{"code":"c"}`},
		{"readOnly stays in an entry replaced", `{"op":"replace","path":"parts[value eq \"p\"]","value":{"value":"p","maker":"m","type":"t"}}`, "", `{"value":"p","maker":"m","checked":"yes","type":"t"}`},
		{"readOnly stays when all are replaced", `{"op":"replace","path":"parts","value":[{"value":"p"}]}`, "", `"parts":[{"value":"p","checked":"yes"}]`},
		{"a list in an entry", `{"op":"add","path":"parts[value eq \"p\"].tags","value":["a","b"]},{"op":"add","path":"parts[value eq \"p\"].tags","value":["b","c"]}`, "", `"tags":["a","b","c"]`},
		{"numbers", `{"op":"replace","value":{"count":2,"weight":1.5}}`, "", `"count":2,"weight":1.5`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := mustDecode(t, rt, gadget)
			patch, err := rt.ParsePatch(patchOps(test.operation))
			var got *Object
			if err == nil {
				got, _, err = patch.Apply(o, nil)
			}
			if test.scimType != "" {
				wantError(t, err, test.scimType, test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(render(got), test.want) {
				t.Errorf("%s is not in %s", test.want, render(got))
			}
		})
	}
}

// TestPatchOfWhatWasWrongBefore: a user who lacks what became required later can
// still be deactivated.
func TestPatchOfWhatWasWrongBefore(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	o := mustDecode(t, rt, `{"id":"1","size":{"height":1},"urn:example:Extra":{"hint":"a"}}`)
	patch, err := rt.ParsePatch(patchOps(`{"op":"replace","path":"count","value":2}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, changed, err := patch.Apply(o, nil); err != nil || !changed {
		t.Errorf("changed %v, error %v", changed, err)
	}
}
