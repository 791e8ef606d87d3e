// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// spellingsOfNoValue are the ways in which a request says that an attribute has no value.
var spellingsOfNoValue = []string{
	`{"op":"replace","path":"%s","value":null}`,
	`{"op":"replace","path":"%s","value":""}`,
	`{"op":"replace","path":"%s","value":[]}`,
	`{"op":"Replace","path":"%s","value":[null]}`,
	`{"op":"add","path":"%s","value":null}`,
	`{"op":"Add","path":"%s","value":""}`,
	`{"op":"remove","path":"%s"}`,
	`{"op":"remove","path":"%s","value":null}`,
	`{"op":"remove","path":"%s","value":""}`,
	`{"op":"Remove","path":"%s","value":"False"}`,
	`{"op":"replace","value":{"%s":null}}`,
	`{"op":"replace","value":{"%s":""}}`,
	`{"op":"replace","value":{"%s":[]}}`,
	`{"op":"add","value":{"%s":null}}`,
	`{"op":"replace","value":"{\"%s\":null}"}`,
	`{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"%s":null}}`,
	`{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"%s":null}}}`,
}

// TestPatchKeepsWhatHasADefault clears every attribute that the server has a default for,
// in every spelling. It keeps its value.
func TestPatchKeepsWhatHasADefault(t *testing.T) {
	rt := Core().User()
	tried := 0
	for a := range rt.Attributes() {
		if a.Initial == nil {
			continue
		}
		for _, current := range []Value{true, false} {
			user := mustDecode(t, rt, `{"id":"1","userName":"ann"}`).With(a, current)
			for _, name := range []string{a.Path(), strings.ToUpper(a.Path()), UserSchema + ":" + a.Path()} {
				for _, spelling := range spellingsOfNoValue {
					if strings.Contains(name, ":") && strings.Contains(spelling, UserSchema) {
						continue
					}
					tried++
					operation := strings.Replace(spelling, "%s", name, 1)
					patch, err := rt.ParsePatch(patchOps(operation))
					if err != nil {
						t.Errorf("%s: %v", operation, err)
						continue
					}
					got, changed, err := patch.Apply(user, nil)
					if err != nil || changed || got.Get(a) != current {
						t.Errorf("%v, then %s: %v, changed %v, error %v", current, operation, got.Get(a), changed, err)
					}
				}
			}
		}
	}
	if tried < 90 {
		t.Errorf("%d requests were tried", tried)
	}
}

// TestPutKeepsWhatHasADefault is the same with a PUT, and a POST that clears it.
func TestPutKeepsWhatHasADefault(t *testing.T) {
	rt := Core().User()
	disabled := mustDecode(t, rt, `{"id":"1","userName":"ann","active":false}`)
	for _, said := range []string{``, `,"active":null`, `,"active":""`, `,"active":[]`} {
		body := []byte(`{"userName":"ann"` + said + `}`)
		parsed, err := rt.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		if got, changed, err := rt.Replace(disabled, parsed.Object); err != nil || changed || got != disabled {
			t.Errorf("PUT %s: %s, error %v", body, render(got), err)
		}
		if parsed, err = rt.ParseNew(body); err != nil || parsed.Object.Get(rt.Attribute("active")) != true {
			t.Errorf("POST %s: %s, error %v", body, render(parsed.Object), err)
		}
	}
}

// TestNoValueInEveryOperation shows what "no value" does: the rule of docs/scim.md.
func TestNoValueInEveryOperation(t *testing.T) {
	const (
		title  = `"title":"Guide"`
		emails = `"emails":[{"value":"a","type":"work"},{"value":"b","type":"home"}]`
		gone   = `-`
		same   = ``
	)
	tests := []struct{ name, start, operation, want string }{
		{"replace one by null", title, `{"op":"replace","path":"title","value":null}`, gone},
		{"replace one by an empty string", title, `{"op":"replace","path":"title","value":""}`, gone},
		{"replace one by an empty list", title, `{"op":"replace","path":"title","value":[]}`, gone},
		{"add null where there is one", title, `{"op":"add","path":"title","value":null}`, gone},
		{"add an empty string where there is one", title, `{"op":"add","path":"title","value":""}`, gone},
		{"add an empty list where there is one", title, `{"op":"add","path":"title","value":[]}`, gone},
		{"add null to an object", `"name":{"givenName":"A","familyName":"J"}`, `{"op":"add","path":"name","value":{"givenName":null}}`, `"name":{"familyName":"J"}`},
		{"remove one, whatever its value", title, `{"op":"remove","path":"title","value":""}`, gone},
		{"replace many by null", emails, `{"op":"replace","path":"emails","value":null}`, gone},
		{"replace many by an empty string", emails, `{"op":"replace","path":"emails","value":""}`, gone},
		{"replace many by a blank", emails, `{"op":"replace","path":"emails","value":" "}`, gone},
		{"replace many by an empty list", emails, `{"op":"replace","path":"emails","value":[]}`, gone},
		{"add null to many", emails, `{"op":"add","path":"emails","value":null}`, same},
		{"add an empty string to many", emails, `{"op":"add","path":"emails","value":""}`, same},
		{"add a blank to many", emails, `{"op":"add","path":"emails","value":" "}`, same},
		{"add an empty list to many", emails, `{"op":"add","path":"emails","value":[]}`, same},
		{"add an empty value to many", emails, `{"op":"add","path":"emails.value","value":""}`, same},
		{"remove null", emails, `{"op":"remove","path":"emails","value":null}`, gone},
		{"remove what an empty string names", emails, `{"op":"remove","path":"emails","value":""}`, same},
		{"remove what a blank names", emails, `{"op":"remove","path":"emails","value":" "}`, same},
		{"remove what an empty list names", emails, `{"op":"remove","path":"emails","value":[]}`, same},
		{"in a value path, by null", emails, `{"op":"replace","path":"emails[type eq \"work\"]","value":null}`, `"emails":[{"value":"b","type":"home"}]`},
		{"in a value path, an empty value", emails, `{"op":"replace","path":"emails[type eq \"work\"].value","value":""}`, `"emails":[{"value":"b","type":"home"}]`},
		{"without a path, by null", title, `{"op":"replace","value":{"title":null}}`, gone},
		{"without a path, null is added", emails, `{"op":"add","value":{"emails":null}}`, same},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt := Core().User()
			user := mustDecode(t, rt, joinFields(`{"id":"1","userName":"ann"`, test.start))
			want := render(user)
			if test.want != same {
				want = render(mustDecode(t, rt, joinFields(`{"id":"1","userName":"ann"`, strings.TrimPrefix(test.want, gone))))
			}
			patch, err := rt.ParsePatch(patchOps(test.operation))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := patch.Apply(user, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, render(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// blanks are strings that show nothing.
var blanks = []string{" ", "\t", "\u00a0", "\u3000", "\u2003 ", "\u200b", "\ufeff", "\u2060", "\u3164", "\u2800", "\u00ad", " \u200d ", "\r\n", "\x01"}

// identifyingPaths are the attributes whose values stand for somebody or something.
var identifyingPaths = []string{
	"id", "externalId", "userName", "emails.value", "phoneNumbers.value", "ims.value", "photos.value", "entitlements.value",
	"roles.value", "groups.value", EnterpriseUserSchema + ":manager.value", OperatorUserSchema + ":organizationId",
}

func TestBlankIsNoValueWhereValuesIdentify(t *testing.T) {
	rt := Core().User()
	for _, path := range identifyingPaths {
		if a := rt.Attribute(path); !a.identifying {
			t.Errorf("%s does not identify", path)
		}
	}
	group := Core().Group()
	for _, blank := range blanks {
		quoted := string(appendString(nil, blank))
		body := `{"userName":"ann","externalId":` + quoted + `,"emails":[{"value":` + quoted + `},` + quoted + `],"title":` + quoted + `,` +
			enterpriseKey + `{"manager":{"value":` + quoted + `}},` + operatorKey + `{"organizationId":[` + quoted + `]}}`
		parsed, err := rt.Parse([]byte(body))
		if err != nil {
			t.Errorf("%q: %v", blank, err)
			continue
		}
		if want := `{` + schemasUser + `"userName":"ann","title":` + quoted + `}`; render(parsed.Object) != want {
			t.Errorf("%q became %s", blank, render(parsed.Object))
		}
		for _, required := range []*ResourceType{rt, group} {
			name := map[*ResourceType]string{rt: "userName", group: "displayName"}[required]
			_, err = required.Parse([]byte(`{"` + name + `":` + quoted + `}`))
			wantError(t, err, "invalidValue", name+": it is required")
		}
		_, err = group.Parse([]byte(`{"displayName":"x","members":[{"value":` + quoted + `}]}`))
		wantError(t, err, "invalidValue", "members.value: every member needs a value")

		stored := NewBuilder(2)
		stored.SetText(rt.Attribute("userName"), "ann")
		stored.SetText(rt.Attribute("externalId"), blank)
		if o := stored.Object(); o.Len() != 1 {
			t.Errorf("%q is read as %s", blank, render(o))
		}

		known := mustDecode(t, rt, `{"id":"1","externalId":"x","userName":"ann",`+enterpriseKey+`{"manager":{"value":"7"}}}`)
		patch, err := rt.ParsePatch(patchOps(`{"op":"replace","path":"externalId","value":` + quoted + `},{"op":"add","path":"` +
			EnterpriseUserSchema + `:manager","value":` + quoted + `},{"op":"add","path":"emails[type eq \"work\"].value","value":` + quoted + `}`))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := patch.Apply(known, nil)
		if want := `{` + schemasUser + `"id":"1","userName":"ann"}`; err != nil || render(got) != want {
			t.Errorf("%q: the patch makes %s, error %v", blank, render(got), err)
		}
		patch, err = rt.ParsePatch(patchOps(`{"op":"replace","path":"userName","value":` + quoted + `}`))
		if err == nil {
			_, _, err = patch.Apply(known, nil)
		}
		wantError(t, err, "mutability", "userName: it is required")
	}
}

// TestDeclaredAttributesIdentify: an attribute that a schema declares unique is one.
func TestDeclaredAttributesIdentify(t *testing.T) {
	r, err := NewRegistry(WithResourceType(ResourceType{Name: "Device", Endpoint: "/Devices", Schema: &Schema{
		ID: "urn:example:Device", Attributes: []*Attribute{
			attribute(String, "serial", "", caseExact, uniqueServer),
			attribute(String, "label", ""),
		},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	rt := r.ResourceType("Device")
	parsed, err := rt.Parse([]byte(`{"externalId":"\u00a0","serial":"\t","label":" "}`))
	if err != nil || render(parsed.Object) != `{"schemas":["urn:example:Device"],"label":" "}` {
		t.Errorf("%v, error %v", parsed, err)
	}
	if v, err := decodeValue(rt.Attribute("serial"), []byte(`"\u200b"`)); v != nil || err != nil {
		t.Errorf("a stored blank is %q, error %v", v, err)
	}
}

// TestBlankNamesAreBlank: a name that folds to nothing is blank.
func TestBlankNamesAreBlank(t *testing.T) {
	pieces := append([]string{"a", "\u0301", "é", ".", "\u0600"}, blanks...)
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 5).Draw(t, "pieces"), "")
		if FoldName(name) == "" && !IsBlank(name) {
			t.Fatalf("%q folds to nothing and is not blank", name)
		}
	})
	for _, seen := range []string{"a", " a ", "\u0301", "\u0600", "0", "\u200da"} {
		if IsBlank(seen) {
			t.Errorf("%q is blank", seen)
		}
	}
}
