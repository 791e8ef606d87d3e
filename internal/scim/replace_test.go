// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplaceUser(t *testing.T) {
	tests := []struct{ name, current, body, want string }{
		{"what is not named goes", `{"id":"1","userName":"ann","title":"x","active":true}`, `{"userName":"ann","active":true}`,
			`{` + schemasUser + `"id":"1","userName":"ann","active":true}`},
		{"readOnly attributes stay (O5)", `{"id":"1","userName":"ann","groups":[{"value":"g"}],"meta":{"version":"W/\"1\""}}`,
			`{"id":"2","userName":"bob","groups":[],"meta":{"version":"x"}}`,
			`{` + schemasUser + `"id":"1","userName":"bob","groups":[{"value":"g"}],"meta":{"version":"W/\"1\""}}`},
		{"what the server knows of the manager stays", `{"id":"1","userName":"ann",` + enterpriseKey + `{"manager":{"value":"7","displayName":"Bob"}}}`,
			`{"userName":"ann","title":"x",` + enterpriseKey + `{"manager":{"value":"7"}}}`,
			`{` + schemasEnterprise + `"id":"1","userName":"ann","title":"x",` + enterpriseKey + `{"manager":{"value":"7","displayName":"Bob"}}}`},
		{"but not of another manager", `{"id":"1","userName":"ann",` + enterpriseKey + `{"manager":{"value":"7","displayName":"Bob"}}}`,
			`{"userName":"ann",` + enterpriseKey + `{"manager":{"value":"8"}}}`,
			`{` + schemasEnterprise + `"id":"1","userName":"ann",` + enterpriseKey + `{"manager":{"value":"8"}}}`},
		{"an extension that is not named goes", `{"id":"1","userName":"ann",` + enterpriseKey + `{"manager":{"value":"7","displayName":"Bob"}}}`,
			`{"userName":"ann"}`, `{` + schemasUser + `"id":"1","userName":"ann"}`},
		{"active stays as it is when it is not named", `{"id":"1","userName":"ann","active":false}`, `{"userName":"ann","title":"x"}`,
			`{` + schemasUser + `"id":"1","userName":"ann","title":"x","active":false}`},
		{"and when it is null", `{"id":"1","userName":"ann","active":true}`, `{"userName":"ann","active":null}`, ""},
		{"the same", `{"id":"1","userName":"ann","title":"x"}`, `{"title":"x","userName":"ann"}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt := Core().User()
			current := mustDecode(t, rt, test.current)
			parsed, err := rt.Parse([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			got, changed, err := rt.Replace(current, parsed.Object)
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" {
				if changed || got != current {
					t.Errorf("changed to %s", render(got))
				}
				return
			}
			if diff := cmp.Diff(test.want, render(got)); diff != "" || !changed {
				t.Errorf("changed %v %s", changed, diff)
			}
		})
	}
}

// TestReplaceWithItself is what Okta does: it reads a user and puts it back.
func TestReplaceWithItself(t *testing.T) {
	rt := Core().User()
	current := mustDecode(t, rt, bjensen)
	parsed, err := rt.Parse([]byte(render(current)))
	if err != nil {
		t.Fatal(err)
	}
	if got, changed, err := rt.Replace(current, parsed.Object); err != nil || changed || got != current {
		t.Errorf("changed %v, error %v: %s", changed, err, cmp.Diff(render(current), render(got)))
	}
}

func TestReplaceMutability(t *testing.T) {
	rt := gadgets(t).ResourceType("Gadget")
	current := mustDecode(t, rt, `{"id":"1","label":"x","serial":"s","state":"new","size":{"width":1,"unit":"cm","area":"a"},"parts":[{"value":"p","checked":"yes"}]}`)
	replace := func(body string) (*Object, error) {
		parsed, err := rt.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := rt.Replace(current, parsed.Object)
		return got, err
	}
	_, err := replace(`{"label":"x","serial":"other"}`)
	wantError(t, err, "mutability", "serial: it is immutable")
	_, err = replace(`{"label":"x","size":{"width":1,"unit":"mm"}}`)
	wantError(t, err, "mutability", "size.unit: it is immutable")
	got, err := replace(`{"label":"y","size":{"width":2},"parts":[{"value":"q"},{"value":"p","type":"t"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schemas":["urn:example:Gadget"],"id":"1","label":"y","serial":"s","state":"new","size":{"width":2,"unit":"cm","area":"a"},` +
		`"parts":[{"value":"q"},{"value":"p","checked":"yes","type":"t"}]}`
	if diff := cmp.Diff(want, render(got)); diff != "" {
		t.Error(diff)
	}
}
