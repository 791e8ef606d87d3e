// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strings"
	"testing"
)

// The corners of JSON, of values and of constructors that no identity provider
// has been seen to reach.

func TestJSONStrings(t *testing.T) {
	for in, want := range map[string]string{
		`"\"\\\/\b\f\n\r\t"`:          "\"\\/\b\f\n\r\t",
		`"plain \u00e9 \uD83D\uDE00"`: "plain é 😀",
		`"\u00C9\u20AC"`:              "É€",
	} {
		v, err := decodeValue(Core().User().Attribute("title"), []byte(in))
		if err != nil || v != want {
			t.Errorf("%s is %q, error %v", in, v, err)
		}
	}
	for in, want := range map[string]string{
		`"a\`:            "not closed",
		`"a\n`:           "not closed",
		`"\u12`:          "hexadecimal",
		`"\u12x4"`:       "hexadecimal",
		`"\udc00"`:       "surrogate",
		`"\ud83d\u0041"`: "surrogate",
		"\"\\n\x01\"":    "control character",
		`"\e"`:           "unknown escape",
		`nul`:            "expected a value",
		``:               "expected a value",
		`["a"`:           "expected ','",
		`["a","b"]`:      "not several",
		`["a" "b"]`:      "expected ','",
		`[,]`:            "expected a value",
	} {
		_, err := decodeValue(Core().User().Attribute("title"), []byte(in))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", in, err, want)
		}
	}
	if v, err := decodeValue(Core().User().Attribute("title"), []byte(` [ ] `)); v != nil || err != nil {
		t.Errorf("an empty list is %v, error %v", v, err)
	}
}

func TestJSONNumbers(t *testing.T) {
	for in, want := range map[string]int{
		"0": 1, "-0": 2, "12,": 2, "1.5e-7]": 6, "1E5": 3, "2e+3": 4,
		"": 0, "-": 0, "01": 0, "1.": 0, ".5": 0, "1e": 0, "1e+": 0, "x": 0,
	} {
		if got := numberLength(in); got != want {
			t.Errorf("%q has a number of %d bytes, want %d", in, got, want)
		}
	}
}

func TestPatchMakesWhatAFilterDescribes(t *testing.T) {
	r, err := NewRegistry(WithExtension("User", Extension{Schema: &Schema{ID: "urn:example:Badges", Attributes: []*Attribute{
		complexAttribute("badges", "", []*Attribute{
			attribute(String, "value", ""), attribute(Integer, "level", ""), attribute(Decimal, "weight", ""),
			attribute(DateTime, "since", ""), attribute(Boolean, "valid", ""), attribute(String, "issuer", "", readOnly),
		}, multiValued),
	}}}))
	if err != nil {
		t.Fatal(err)
	}
	rt := r.User()
	user := mustDecode(t, rt, small)
	for filter, want := range map[string]string{
		`level eq 3`:                        `{"value":"x","level":3}`,
		`weight eq 1.5 and valid eq true`:   `{"value":"x","weight":1.5,"valid":true}`,
		`weight eq 2`:                       `{"value":"x","weight":2}`,
		`since eq \"2020-01-01T00:00:00Z\"`: `{"value":"x","since":"2020-01-01T00:00:00Z"}`,
		`level eq 1.5`:                      "",
		`level gt 3`:                        "",
		`level eq null`:                     "",
		`issuer eq \"me\"`:                  "",
		`not (level eq 3)`:                  "",
		`level eq 3 or level eq 4`:          "",
		`level eq 3 and (weight gt 1)`:      "",
	} {
		patch, err := rt.ParsePatch(patchOps(`{"op":"add","path":"urn:example:Badges:badges[` + filter + `].value","value":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := patch.Apply(user, nil)
		if want == "" {
			wantError(t, err, "noTarget", "no value matches")
			continue
		}
		if err != nil || !strings.Contains(render(got), `"badges":[`+want+`]`) {
			t.Errorf("%s makes %s, error %v", filter, render(got), err)
		}
	}
}

func TestPatchRemovesByWhatIsNamed(t *testing.T) {
	rt := Core().User()
	user := mustDecode(t, rt, `{"id":"1","userName":"ann","addresses":[{"locality":"Ulm","country":"DE"},{"locality":"Bonn","country":"DE"}],"emails":[{"value":"a","type":"work"},{"value":"a","type":"home"}]}`)
	for operation, want := range map[string]string{
		`{"op":"remove","path":"addresses","value":[{"locality":"ULM"}]}`:                 `"addresses":[{"locality":"Bonn","country":"DE"}]`,
		`{"op":"remove","path":"emails","value":{"value":"A","type":"home"}}`:             `"emails":[{"value":"a","type":"work"}]`,
		`{"op":"replace","path":"addresses.country","value":"AT"}`:                        `"addresses":[{"locality":"Ulm","country":"AT"},{"locality":"Bonn","country":"AT"}]`,
		`{"op":"replace","path":"emails.type","value":"other"}`:                           `"emails":[{"value":"a","type":"other"}]`,
		`{"op":"replace","path":"addresses[country eq \"DE\"]","value":{"country":"FR"}}`: `"addresses":[{"country":"FR"}]`,
		`{"op":"remove","path":"addresses[locality sw \"U\"].country"}`:                   `"addresses":[{"locality":"Ulm"},{"locality":"Bonn","country":"DE"}]`,
	} {
		patch, err := rt.ParsePatch(patchOps(operation))
		if err != nil {
			t.Fatal(err)
		}
		got, changed, err := patch.Apply(user, nil)
		if err != nil || !changed || !strings.Contains(render(got), want) {
			t.Errorf("%s makes %s, error %v", operation, render(got), err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err          *Error
		status       int
		scimType     string
		path, detail string
	}{
		{ErrNotFound("User", "1"), 404, "", "", `User "1" was not found`},
		{ErrUniqueness("Group", "displayName"), 409, "uniqueness", "displayName", "another Group has this displayName"},
		{ErrInvalidVersion(), 412, "", "", "has changed since"},
		{ErrInvalidSyntax("x"), 400, "invalidSyntax", "", "x"},
		{ErrInvalidValue("", "it is wrong"), 400, "invalidValue", "", "request: it is wrong"},
		{ErrMutability("id", "it is readOnly"), 400, "mutability", "id", "id: it is readOnly"},
		{NewError(401, "", "no token"), 401, "", "", "no token"},
	} {
		if test.err.Status != test.status || test.err.ScimType != test.scimType || test.err.Path != test.path ||
			!strings.Contains(test.err.Detail, test.detail) || !strings.Contains(test.err.Error(), test.detail) {
			t.Errorf("error is %+v, want %+v", test.err, test)
		}
	}
}
