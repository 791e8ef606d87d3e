// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseUser shows what becomes of the body of a POST or PUT: the resource as
// it is rendered before the server gives it an id.
func TestParseUser(t *testing.T) {
	const enterprise = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":`
	tests := []struct{ name, body, want string }{
		{"the least", `{"userName":"ann"}`, `{` + schemasUser + `"userName":"ann"}`},
		{"names in any case", `{"USERNAME":"ann","Name":{"GivenName":"Ann"}}`,
			`{` + schemasUser + `"userName":"ann","name":{"givenName":"Ann"}}`},
		{"in the order of the schema", `{"title":"x","userName":"ann","externalId":"7"}`,
			`{` + schemasUser + `"externalId":"7","userName":"ann","title":"x"}`},
		{"readOnly attributes are dropped", `{"id":"9","userName":"ann","meta":{"created":"nonsense","version":1},"groups":[{"value":"g"}]}`,
			`{` + schemasUser + `"userName":"ann"}`},
		{"passwords are forgotten", `{"userName":"ann","password":"hunter2"}`, `{` + schemasUser + `"userName":"ann"}`},
		{"even when they are no strings", `{"userName":"ann","password":{"a":[1]}}`, `{` + schemasUser + `"userName":"ann"}`},
		{"no value is no attribute", `{"userName":"ann","title":null,"nickName":"","emails":[],"name":{},"roles":[null,""]}`,
			`{` + schemasUser + `"userName":"ann"}`},
		{"unknown attributes are ignored", `{"userName":"ann","shoeSize":42,"name":{"pet":"Rex","givenName":"Ann"}}`,
			`{` + schemasUser + `"userName":"ann","name":{"givenName":"Ann"}}`},
		{"unknown schemas are ignored", `{"schemas":["urn:example:x"],"userName":"ann","urn:example:x":{"a":1}}`,
			`{` + schemasUser + `"userName":"ann"}`},
		{"booleans as strings", `{"userName":"ann","active":"False"}`, `{` + schemasUser + `"userName":"ann","active":false}`},
		{"a single value where there may be many", `{"userName":"ann","emails":{"value":"a@b.c"}}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"a@b.c"}]}`},
		{"a bare value where there may be many", `{"userName":"ann","emails":["a@b.c"]}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"a@b.c"}]}`},
		{"a list of one where there is one", `{"userName":["ann"],"name":[{"givenName":"Ann"}]}`,
			`{` + schemasUser + `"userName":"ann","name":{"givenName":"Ann"}}`},
		{"the same value twice", `{"userName":"ann","emails":[{"value":"a@b.c"},{"value":"a@b.c"}]}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"a@b.c"}]}`},
		{"one primary value", `{"userName":"ann","emails":[{"value":"a","primary":"True"},{"value":"b","primary":true}]}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`},
		{"manager as an object (E6)", `{"userName":"ann",` + enterprise + `{"manager":{"value":"7","displayName":"Bob"}}}`,
			`{` + schemasEnterprise + `"userName":"ann",` + enterprise + `{"manager":{"value":"7"}}}`},
		{"manager as a string (E6)", `{"userName":"ann",` + enterprise + `{"manager":"7"}}`,
			`{` + schemasEnterprise + `"userName":"ann",` + enterprise + `{"manager":{"value":"7"}}}`},
		{"manager as a list (E6)", `{"userName":"ann",` + enterprise + `{"manager":[{"value":"7"}]}}`,
			`{` + schemasEnterprise + `"userName":"ann",` + enterprise + `{"manager":{"value":"7"}}}`},
		{"manager as an empty string (E6)", `{"userName":"ann",` + enterprise + `{"manager":""}}`, `{` + schemasUser + `"userName":"ann"}`},
		{"roles empty and meta (E7)", `{"userName":"ann","roles":[],"meta":{"resourceType":"User"}}`, `{` + schemasUser + `"userName":"ann"}`},
		{"roles as objects (E13)", `{"userName":"ann","roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","displayName":"Admin","value":"Admin"}]}`,
			`{` + schemasUser + `"userName":"ann","roles":[{"value":"Admin","display":"Admin","type":"WindowsAzureActiveDirectoryRole","primary":false}]}`},
		{"roles as JSON in the value (E13)", `{"userName":"ann","roles":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"}]}`,
			`{` + schemasUser + `"userName":"ann","roles":[{"value":"25","display":"Role1234"}]}`},
		{"roles as a JSON string (E13)", `{"userName":"ann","roles":"[{\"value\":\"a\"},{\"value\":\"b\",\"primary\":\"true\"}]"}`,
			`{` + schemasUser + `"userName":"ann","roles":[{"value":"a"},{"value":"b","primary":true}]}`},
		{"roles as JSON that is cut off (E13)", `{"userName":"ann","roles":["admin","{\"value\":\"a"]}`, ""},
		{"roles as bare strings (E13)", `{"userName":"ann","roles":["admin","{not JSON"]}`,
			`{` + schemasUser + `"userName":"ann","roles":[{"value":"admin"},{"value":"{not JSON"}]}`},
		{"e-mails as a JSON string", `{"userName":"ann","emails":"[{\"value\":\"a@b.c\",\"type\":\"work\",\"primary\":\"True\"},{\"value\":\"d@e.f\"}]"}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"a@b.c","type":"work","primary":true},{"value":"d@e.f"}]}`},
		{"telephone numbers as JSON strings", `{"userName":"ann","phoneNumbers":["{\"value\":\"1\",\"type\":\"work\"}"," [{ \"value\":\"2\"}]","3"]}`,
			`{` + schemasUser + `"userName":"ann","phoneNumbers":[{"value":"1","type":"work"},{"value":"2"},{"value":"3"}]}`},
		{"addresses as a JSON string", `{"userName":"ann","addresses":"{\"country\":\"DE\",\"type\":\"work\"}"}`,
			`{` + schemasUser + `"userName":"ann","addresses":[{"country":"DE","type":"work"}]}`},
		{"a name as a JSON string", `{"userName":"ann","name":"{\"givenName\":\"Ann\"}"}`,
			`{` + schemasUser + `"userName":"ann","name":{"givenName":"Ann"}}`},
		{"a manager as a JSON string", `{"userName":"ann",` + enterprise + `{"manager":"{\"value\":\"7\"}"}}`,
			`{` + schemasEnterprise + `"userName":"ann",` + enterprise + `{"manager":{"value":"7"}}}`},
		{"an extension as a JSON string", `{"userName":"ann",` + enterprise + `"{\"department\":\"IT\",\"manager\":\"7\"}"}`,
			`{` + schemasEnterprise + `"userName":"ann",` + enterprise + `{"department":"IT","manager":{"value":"7"}}}`},
		{"JSON is unpacked once", `{"userName":"ann","emails":"[\"{\\\"value\\\":\\\"a\\\"}\"]"}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"{\"value\":\"a\"}"}]}`},
		{"an address that begins with a brace", `{"userName":"ann","emails":["{ann}@example.com"]}`,
			`{` + schemasUser + `"userName":"ann","emails":[{"value":"{ann}@example.com"}]}`},
		{"a role that looks like JSON", `{"userName":"ann","roles":[{"value":"{curly}"}]}`,
			`{` + schemasUser + `"userName":"ann","roles":[{"value":"{curly}"}]}`},
		{"the project's extension", `{"userName":"ann","urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User":{"userType":"TECHNICIAN","organizationId":["1","2"]}}`,
			`{` + schemasOperator + `"userName":"ann","urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User":{"userType":"Technician","organizationId":["1","2"]}}`},
		{"under its alias", `{"userName":"ann","urn:ietf:params:scim:schemas:extension:ninjaone:2.0:User":{"userType":"enduser","organizationId":"All"}}`,
			`{` + schemasOperator + `"userName":"ann","urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User":{"userType":"endUser","organizationId":["All"]}}`},
		{"escapes", `{"userName":"a","title":"\u0061\ud83d\ude00\n\"\\\/"}`, `{` + schemasUser + `"userName":"a","title":"a😀\n\"\\/"}`},
		{"schemas of SCIM 1.0 (X1)", `{"schemas":["urn:scim:schemas:core:1.0"],"userName":"ann"}`, `{` + schemasUser + `"userName":"ann"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Core().User().Parse([]byte(test.body))
			if test.want == "" {
				wantError(t, err, "invalidValue", "roles")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, render(p.Object)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseKeepsEveryAttribute(t *testing.T) {
	rt := Core().User()
	stored := mustDecode(t, rt, bjensen)
	parsed, err := rt.Parse([]byte(bjensen))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"id", "meta", "groups"} {
		stored = stored.With(rt.Attribute(path), nil)
	}
	manager := rt.Attribute(EnterpriseUserSchema + ":manager")
	enterprise := stored.Object(rt.Extension(EnterpriseUserSchema))
	boss := enterprise.Object(manager).With(manager.SubAttribute("displayName"), nil).With(manager.SubAttribute("$ref"), nil)
	stored = stored.With(rt.Extension(EnterpriseUserSchema), enterprise.With(manager, boss))
	if diff := cmp.Diff(render(stored), render(parsed.Object)); diff != "" {
		t.Error(diff)
	}
	if !stored.Equal(parsed.Object) {
		t.Error("the objects are not equal, though they render the same")
	}
}

func TestParseGroup(t *testing.T) {
	tests := []struct {
		name, body string
		want       []Member
	}{
		{"no members", `{"displayName":"x"}`, nil},
		{"null", `{"displayName":"x","members":null}`, nil},
		{"empty", `{"displayName":"x","members":[]}`, nil},
		{"objects", `{"displayName":"x","members":[{"value":"1","$ref":null,"display":null,"type":"user"},{"value":"2"}]}`,
			[]Member{{Value: "1", Type: "User"}, {Value: "2"}}},
		{"strings", `{"displayName":"x","members":["1","2"]}`, []Member{{Value: "1"}, {Value: "2"}}},
		{"one object", `{"displayName":"x","members":{"value":"1"}}`, []Member{{Value: "1"}}},
		{"twice the same", `{"displayName":"x","members":[{"value":"1"},{"value":"1"}]}`, []Member{{Value: "1"}}},
		{"what the client says of a member is not kept", `{"displayName":"x","members":[{"value":"1","display":"Ann","$ref":"x","type":"robot","x":{}}]}`,
			[]Member{{Value: "1"}}},
		{"Entra ID's schema (E7)", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"displayName":"x","meta":{"resourceType":"Group"}}`,
			nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Core().Group().Parse([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Members) != len(test.want) || len(test.want) > 0 && !cmp.Equal(p.Members, test.want) {
				t.Error(cmp.Diff(test.want, p.Members))
			}
			if got := render(p.Object); got != `{`+schemasGroup+`"displayName":"x"}` {
				t.Errorf("object is %s", got)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("x", maxStringBytes+1)
	tests := []struct{ name, body, scimType, want string }{
		{"nothing", ``, "invalidSyntax", "must be a JSON object"},
		{"an array", `[]`, "invalidSyntax", "must be a JSON object"},
		{"cut off", `{"userName":"ann"`, "invalidSyntax", "byte 18: expected ',' or '}'"},
		{"cut off in a string", `{"userName":"ann`, "invalidSyntax", "not closed"},
		{"something behind", `{"userName":"ann"} x`, "invalidSyntax", "should end here"},
		{"a NUL byte behind", "{\"userName\":\"ann\"}\x00", "invalidSyntax", "should end here"},
		{"comma at the end", `{"userName":"ann",}`, "invalidSyntax", "another value"},
		{"no comma", `{"userName":"ann" "title":"x"}`, "invalidSyntax", "expected ','"},
		{"no colon", `{"userName" "ann"}`, "invalidSyntax", "expected ':'"},
		{"name without quotes", `{userName:"ann"}`, "invalidSyntax", "double quotes"},
		{"a bare word", `{"userName":ann}`, "invalidSyntax", "expected a value"},
		{"half a word", `{"userName":"ann","active":tru}`, "invalidSyntax", "expected a value"},
		{"invalid UTF-8", "{\"userName\":\"a\xff\"}", "invalidSyntax", "UTF-8"},
		{"control character", "{\"userName\":\"a\nb\"}", "invalidSyntax", "control character"},
		{"half a surrogate pair", `{"userName":"\ud83d"}`, "invalidSyntax", "surrogate"},
		{"NUL", `{"userName":"a\u0000"}`, "invalidSyntax", "U+0000"},
		{"a name twice", `{"userName":"ann","userName":"bob"}`, "invalidSyntax", `"userName" is there twice`},
		{"a name twice, in another case", `{"userName":"ann","USERNAME":"bob"}`, "invalidSyntax", `"USERNAME" is there twice`},
		{"an unknown name twice", `{"userName":"ann","x":{"a":1,"a":2}}`, "invalidSyntax", `"a" is there twice`},
		{"too deep", `{"userName":"ann","x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "invalidSyntax", "nested"},
		{"no userName", `{"displayName":"x"}`, "invalidValue", "userName: it is required"},
		{"an empty userName", `{"userName":""}`, "invalidValue", "userName: it is required"},
		{"a userName of blanks", `{"userName":"  "}`, "invalidValue", "userName: it is required"},
		{"a userName of wide blanks", `{"userName":"\u3000\u00a0"}`, "invalidValue", "userName: it is required"},
		{"a tab in a userName", `{"userName":"ann\tlee"}`, "invalidValue", "userName: it contains the control character U+0009"},
		{"a C1 control in a userName", `{"userName":"ann\u0085"}`, "invalidValue", "userName: it contains the control character U+0085"},
		{"DEL in a userName", `{"userName":"ann\u007f"}`, "invalidValue", "userName: it contains the control character U+007F"},
		{"a zero-width space in a userName", `{"userName":"a\u200bnn"}`, "invalidValue", "userName: it contains U+200B, a character that cannot be seen"},
		{"a byte order mark in a userName", `{"userName":"\ufeffann"}`, "invalidValue", "U+FEFF"},
		{"a soft hyphen in a userName", `{"userName":"an\u00adn"}`, "invalidValue", "U+00AD"},
		{"a bidirectional control in a userName", `{"userName":"ann\u202e"}`, "invalidValue", "U+202E"},
		{"an isolate in a userName", `{"userName":"ann\u2066"}`, "invalidValue", "U+2066"},
		{"a line separator in a userName", `{"userName":"ann\u2028lee"}`, "invalidValue", "U+2028"},
		{"a filler in a userName", `{"userName":"ann\u3164"}`, "invalidValue", "U+3164"},
		{"a tag in a userName", `{"userName":"ann\udb40\udc41"}`, "invalidValue", "U+E0041"},
		{"a joiner that joins nothing", `{"userName":"ann\u200d"}`, "invalidValue", "U+200D"},
		{"a joiner in front", `{"userName":"\u200dann"}`, "invalidValue", "U+200D"},
		{"an emoji style in front", `{"userName":"\ufe0fann"}`, "invalidValue", "U+FE0F"},
		{"userName a number", `{"userName":7}`, "invalidValue", "userName: it must be a string, not a number"},
		{"userName an object", `{"userName":{}}`, "invalidValue", "userName: it must be a string, not an object"},
		{"userName a boolean", `{"userName":true}`, "invalidValue", "userName: it must be a string, not a boolean"},
		{"several userNames", `{"userName":["a","b"]}`, "invalidValue", "it has one value, not several"},
		{"a list in a list", `{"userName":"a","emails":[["x"]]}`, "invalidValue", "emails: it must be an object, not an array"},
		{"active a word", `{"userName":"a","active":"maybe"}`, "invalidValue", "active: it must be true or false"},
		{"active a number", `{"userName":"a","active":1}`, "invalidValue", "active: it must be a boolean, not a number"},
		{"name a string", `{"userName":"a","name":"Ann"}`, "invalidValue", "name: it must be an object, not a string"},
		{"a name as JSON that is cut off", `{"userName":"a","name":"{\"givenName\":\"Ann"}`, "invalidValue", "name: the JSON inside the string is not valid"},
		{"a name as JSON of a wrong type", `{"userName":"a","name":"{\"givenName\":7}"}`, "invalidValue", "name.givenName: it must be a string"},
		{"a name as JSON of several", `{"userName":"a","name":"[{\"givenName\":\"A\"},{\"givenName\":\"B\"}]"}`, "invalidValue", "name: it has one value, not several"},
		{"givenName a list", `{"userName":"a","name":{"givenName":["a","b"]}}`, "invalidValue", "name.givenName"},
		{"certificate", `{"userName":"a","x509Certificates":[{"value":"%%%"}]}`, "invalidValue", "x509Certificates.value: it must be base64"},
		{"userType of the project", `{"userName":"a","` + OperatorUserSchema + `":{"userType":"boss"}}`, "invalidValue", "one of Technician, endUser"},
		{"an extension twice", `{"userName":"a","` + OperatorUserSchema + `":{"userType":"endUser"},"` + NinjaOneUserSchema + `":{"userType":"endUser"}}`, "invalidValue", "twice"},
		{"schemas an object", `{"schemas":{},"userName":"a"}`, "invalidSyntax", "schemas"},
		{"schemas of numbers", `{"schemas":[1],"userName":"a"}`, "invalidSyntax", "schemas"},
		{"a long string", `{"userName":"` + long + `"}`, "invalidValue", "userName: more than 16384 bytes"},
		{"many values", `{"userName":"a","emails":[` + strings.TrimSuffix(numbered(`{"value":"%d"},`, maxValues+1), ",") + `]}`, "invalidValue", "emails: more than 1000 values"},
		{"many names", `{"userName":"a"` + numbered(`,"x%d":1`, maxKeys+1) + `}`, "invalidSyntax", "names in one object"},
		{"many long values", `{"userName":"a","emails":[` + strings.TrimSuffix(numbered(`{"value":"%d`+strings.Repeat("x", 1000)+`"},`, 500), ",") + `]}`, "invalidValue", "the resource takes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Core().User().Parse([]byte(test.body))
			wantError(t, err, test.scimType, test.want)
		})
	}
	for body, want := range map[string]string{
		`{"members":[]}`:                                        "displayName: it is required",
		`{"displayName":"x","members":[{}]}`:                    "members.value: every member needs a value",
		`{"displayName":"x","members":[{"value":7}]}`:           "members.value: it must be a string",
		`{"displayName":"x","members":[7]}`:                     "members: it must be an object",
		`{"displayName":"x","members":[""]}`:                    "every member needs a value",
		`{"displayName":"x","members":["` + long[:2000] + `"]}`: "members.value: more than 1024 bytes",
	} {
		_, err := Core().Group().Parse([]byte(body))
		wantError(t, err, "invalidValue", want)
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestParseTypes(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	accepted := map[string]string{
		`{"label":"x","count":7}`:                        `"count":7`,
		`{"label":"x","count":-7.0e1}`:                   `"count":-70`,
		`{"label":"x","count":9223372036854775807}`:      `"count":9223372036854775807`,
		`{"label":"x","weight":2.50}`:                    `"weight":2.5`,
		`{"label":"x","weight":1e21}`:                    `"weight":1e+21`,
		`{"label":"x","color":"RED"}`:                    `"color":"red"`,
		`{"label":"x","built":"2020-02-29T10:00:00.5Z"}`: `"built":"2020-02-29T10:00:00.5Z"`,
		`{"label":"x","built":"2020-02-29T10:00:00"}`:    `"built":"2020-02-29T10:00:00Z"`,
	}
	for body, want := range accepted {
		p, err := rt.Parse([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := render(p.Object); !strings.Contains(got, want) {
			t.Errorf("%s became %s", body, got)
		}
	}
	refused := map[string]string{
		`{"label":"x","count":7.5}`:                      "count: it must be an integer",
		`{"label":"x","count":"7"}`:                      "count: it must be an integer, not a string",
		`{"label":"x","count":99999999999999999999}`:     "count: it must be an integer of 64 bits",
		`{"label":"x","weight":1e999}`:                   "weight: the number is out of range",
		`{"label":"x","color":"blue"}`:                   "color: it must be one of red, green",
		`{"label":"x","built":"2021-02-29T10:00:00"}`:    "built: it must be a date and time",
		`{"label":"x","size":{"height":1}}`:              "size.width: it is required",
		`{"label":"x","parts":[{"type":"a"}]}`:           "parts.value: it is required",
		`{"label":"x","urn:example:Extra":{"hint":"a"}}`: "urn:example:Extra:code: it is required",
	}
	for body, want := range refused {
		_, err := rt.Parse([]byte(body))
		wantError(t, err, "invalidValue", want)
	}
}

func TestErrorsNameNoSecret(t *testing.T) {
	const secret = "hunter2"
	for _, body := range []string{
		`{"userName":"a","password":"hunter2","active":"hunter2"}`,
		`{"userName":"a","password":"hunter2`,
		`{"userName":"a","password":hunter2}`,
		`{"userName":"a","x509Certificates":[{"value":"hunter2%"}]}`,
	} {
		_, err := Core().User().Parse([]byte(body))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, filter := range []string{`password eq "hunter2"`, `active eq "hunter2"`, `meta.created gt "hunter2"`} {
		_, err := Core().User().ParseFilter(filter)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

func TestErrorBody(t *testing.T) {
	got := string(ErrUniqueness("User", "userName").AppendJSON(nil))
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"uniqueness","detail":"another User has this userName","status":"409"}`
	if got != want {
		t.Errorf("body is %s", got)
	}
	got = string(ErrNotFound("User", "<\"id\">").AppendJSON(nil))
	if !json.Valid([]byte(got)) || strings.Contains(got, "scimType") || !strings.Contains(got, `"status":"404"`) {
		t.Errorf("body is %s", got)
	}
}

func TestDecodeReadsWhatIsRendered(t *testing.T) {
	rt := Core().User()
	first := mustDecode(t, rt, bjensen)
	second := mustDecode(t, rt, render(first))
	if !first.Equal(second) {
		t.Error(cmp.Diff(render(first), render(second)))
	}
	container := rt.Extension(EnterpriseUserSchema)
	document := AppendValue(nil, first.Get(container))
	value, err := decodeValue(container, document)
	if err != nil || !equalValues(value, first.Get(container)) {
		t.Errorf("extension %s, error %v", document, err)
	}
	if _, err := decodeValue(container, []byte(`{} x`)); err == nil {
		t.Error("garbage behind a value is accepted")
	}
	if _, err := rt.Decode([]byte(`"x"`)); err == nil {
		t.Error("a string is accepted as a resource")
	}
}
