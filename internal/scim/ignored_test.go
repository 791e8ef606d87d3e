// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPatchPassesOverWhatIsUnknown(t *testing.T) {
	const undeclared = "urn:ietf:params:scim:schemas:extension:acme:2.0:User"
	deactivate := `{"op":"Replace","path":"active","value":"False"}`
	tests := []struct {
		name, operations string
		ignored          []string
	}{
		{"an extension that is not declared", `{"op":"Add","path":"` + undeclared + `:badge","value":"7"},` + deactivate, []string{undeclared + ":badge"}},
		{"an attribute", deactivate + `,{"op":"Replace","path":"shoeSize","value":42}`, []string{"shoeSize"}},
		{"a sub-attribute", `{"op":"Replace","path":"name.shoe","value":42},` + deactivate, []string{"name.shoe"}},
		{"behind a value path", `{"op":"Replace","path":"addresses[type eq \"alice@example.com\"].shoe","value":42},` + deactivate, []string{"addresses.shoe"}},
		{"before a value path", `{"op":"Remove","path":"shoes[type eq \"alice@example.com\"].value"},` + deactivate, []string{"shoes"}},
		{"in the brackets of a value path", `{"op":"Replace","path":"addresses[shoe eq 42 and type eq \"work\"].locality","value":"x"},` + deactivate, []string{"addresses.shoe"}},
		{"in the brackets and behind them", `{"op":"Replace","path":"addresses[shoe eq 42].lace","value":"x"},` + deactivate, []string{"addresses.shoe"}},
		{"in the brackets, with its URN", `{"op":"Remove","path":"emails[urn:ietf:params:scim:schemas:core:2.0:User:emails.shoe pr]"},` + deactivate, []string{"emails.shoe"}},
		{"with a value of any kind", `{"op":"Add","path":"shoeSize","value":{"a":[1]}},` + deactivate, []string{"shoeSize"}},
		{"twice", `{"op":"Add","path":"shoeSize","value":1},{"op":"Remove","path":"shoeSize"},` + deactivate, []string{"shoeSize"}},
		{"without a path", `{"op":"replace","value":{"active":false,"shoeSize":42,"` + undeclared + `":{"badge":"7"},"name.shoe":1,"emails[type eq \"work\"].shoe":1}}`,
			[]string{"shoeSize", undeclared, "name.shoe", "emails.shoe"}},
		{"in objects", `{"op":"replace","value":{"active":false,"emails":[{"value":"a","alice":1},{"value":"b","alice":1}]}}`, []string{"emails.alice"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt := Core().User()
			patch, err := rt.ParsePatch(patchOps(test.operations), IgnoreUnknown())
			if err != nil {
				t.Fatal(err)
			}
			got, changed, err := patch.Apply(mustDecode(t, rt, small), nil)
			if err != nil || !changed || got.Get(rt.Attribute("active")) != false {
				t.Errorf("%s, changed %v, error %v", render(got), changed, err)
			}
			if diff := cmp.Diff(Ignored{Names: test.ignored}, patch.Ignored()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPatchPassesOverNothingElse: what is wrong in another way is refused, and without the
// option so is what is unknown.
func TestPatchPassesOverNothingElse(t *testing.T) {
	for operation, scimType := range map[string]string{
		`{"op":"add","path":"title x","value":"x"}`:                           "invalidPath",
		`{"op":"add","path":"shoe size","value":"x"}`:                         "invalidPath",
		`{"op":"add","path":"/title","value":"x"}`:                            "invalidPath",
		`{"op":"add","path":"emails[type eq \"work\"].shoe x","value":"x"}`:   "invalidPath",
		`{"op":"add","path":"emails[shoe eq \"work\"","value":"x"}`:           "invalidFilter",
		`{"op":"add","path":"emails[shoe is \"work\"].value","value":"x"}`:    "invalidFilter",
		`{"op":"add","path":"emails[shoe eq \"work\"] x","value":"x"}`:        "invalidFilter",
		`{"op":"add","path":"emails[shoe eq \"a\" and type xx 1]","value":1}`: "invalidFilter",
		`{"op":"replace","path":"id","value":"x"}`:                            "mutability",
		`{"op":"replace","path":"active","value":"maybe"}`:                    "invalidValue",
		`{"op":"move","path":"shoeSize","value":1}`:                           "invalidSyntax",
		`{"op":"replace","path":"ims[type eq \"x\"]","value":{"value":"a"}}`:  "noTarget",
	} {
		rt := Core().User()
		patch, err := rt.ParsePatch(patchOps(operation), IgnoreUnknown())
		if err == nil {
			_, _, err = patch.Apply(mustDecode(t, rt, small), nil)
		}
		wantError(t, err, scimType, "")
	}
	_, err := Core().User().ParsePatch(patchOps(`{"op":"add","path":"shoeSize","value":1}`))
	wantError(t, err, "invalidPath", "shoeSize")
	_, err = Core().User().ParsePatch(patchOps(`{"op":"remove","path":"emails[shoe eq \"work\"]"}`))
	wantError(t, err, "invalidFilter", "shoe")
}

func TestBodiesTellWhatIsUnknown(t *testing.T) {
	parsed, err := Core().User().Parse([]byte(`{"schemas":["urn:x:y"],"userName":"ann","password":"p","meta":{"x":1},"shoeSize":1,` +
		`"name":{"pet":"Rex"},"emails":"[{\"value\":\"a\",\"x\":1}]","alice smith":1,"urn:example:x":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Ignored{Names: []string{"shoeSize", "name.pet", "emails.x", "urn:example:x"}, More: true}
	if diff := cmp.Diff(want, parsed.Ignored); diff != "" {
		t.Error(diff)
	}
	group, err := Core().Group().Parse([]byte(`{"displayName":"x","members":[{"value":"1","$ref":"r","display":"d","colour":"c"}]}`))
	if err != nil || !cmp.Equal(group.Ignored, Ignored{Names: []string{"members.colour"}}) {
		t.Errorf("%v, error %v", group.Ignored, err)
	}
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, `,"x%d":1`, i)
	}
	parsed, err = Core().User().Parse([]byte(`{"userName":"ann","` + strings.Repeat("y", 1000) + `":1` + many.String() + `}`))
	if err != nil || len(parsed.Ignored.Names) != maxIgnored || !parsed.Ignored.More {
		t.Errorf("%v, error %v", parsed.Ignored, err)
	}
}
