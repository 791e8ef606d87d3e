// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// checkRefusal makes sure that a refusal is a SCIM error that can be sent.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T: %v", err, err)
	}
	if e.Status != 400 || e.ScimType == "" || len(e.Detail) > 1000 || !utf8.ValidString(e.Detail) || !json.Valid(e.AppendJSON(nil)) {
		t.Fatalf("error is %+v", e)
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen@example.com"`, `emails[type eq "work" and (value co "x")].value sw "a"`,
		`not (title pr) or meta.created gt "2010-01-23T04:56:22Z" and active eq true`,
		EnterpriseUserSchema + `:manager.value ne null`, `displayName eq "\ud83d\ude00\u00e9"`, `((((id pr))))`,
	} {
		f.Add(seed)
	}
	rt := Core().User()
	user := mustDecode(f, rt, bjensen)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := rt.ParseFilter(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !filter.Match(user, nil) {
			return
		}
		for _, e := range filter.Equalities() {
			same, err := rt.ParseFilter(e.Path + " eq " + string(appendString(nil, e.Value)))
			if err != nil || !same.Match(user, nil) {
				t.Fatalf("%s matches, but not %s eq %q (%v)", text, e.Path, e.Value, err)
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"userName", "name.givenName", `emails[type eq "work"].value`, EnterpriseUserSchema + ":manager", `members[value eq "x"]`,
		"urn:scim:schemas:core:1.0:title", UserSchema,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, rt := range Core().ResourceTypes() {
			target, filter, err := rt.parsePath(path)
			if err != nil {
				checkRefusal(t, err)
				continue
			}
			if filter != nil && target.attr == nil {
				t.Fatalf("%q: a filter on nothing", path)
			}
			if a := target.last(); a != nil && rt.Attribute(a.Path()) != a {
				t.Fatalf("%q is %s, which is something else", path, a.Path())
			}
		}
	})
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{"op":"Replace","path":"active","value":"False"}`,
		`{"op":"replace","value":{"displayName":"B","name.givenName":"K","` + EnterpriseUserSchema + `:employeeNumber":"A"}}`,
		`{"op":"Add","path":"emails[type eq \"other\"].value","value":"a@b.c"}`,
		`{"op":"add","path":"members","value":[{"value":"d"}]},{"op":"remove","path":"members[value eq \"a\"]"}`,
		`{"op":"Remove","path":"members","value":[{"value":"b"}]}`,
		`{"op":"add","path":"roles","value":[{"value":"{\"value\":\"25\"}","primary":true}]}`,
		`{"op":"replace","path":"` + EnterpriseUserSchema + `:manager","value":""}`,
	} {
		f.Add(patchOps(seed))
	}
	user := mustDecode(f, Core().User(), bjensen)
	group := mustDecode(f, Core().Group(), `{"id":"g","displayName":"Guides"}`)
	base := members("a", "b", "c")
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzPatch(t, Core().User(), user, nil, nil, body)
		fuzzPatch(t, Core().Group(), group, NewMembers(base), base, body)
	})
}

func fuzzPatch(t *testing.T, rt *ResourceType, o *Object, m *Members, base MemberList, body []byte) {
	patch, err := rt.ParsePatch(body)
	if err != nil {
		checkRefusal(t, err)
		return
	}
	before := render(o)
	got, changed, err := patch.Apply(o, m)
	if render(o) != before {
		t.Fatal("the resource itself changed")
	}
	if err != nil {
		checkRefusal(t, err)
		if got != o || changed || m != nil && m.Changed() {
			t.Fatal("an error, and yet something changed")
		}
		return
	}
	if changed != (got != o || m != nil && m.Changed()) {
		t.Fatalf("changed is %v", changed)
	}
	checkObject(t, rt, got)
	for _, path := range []string{"id", "meta", "groups"} {
		if a := rt.Attribute(path); a != nil && !equalValues(got.Get(a), o.Get(a)) {
			t.Fatalf("%s changed", path)
		}
	}
	if m == nil {
		return
	}
	var shown []string
	for member := range m.All() {
		shown = append(shown, member.Value)
	}
	checkMembers(t, m, base, shown)
}

// checkObject checks what holds for every resource: it survives rendering, and at
// most one value is primary.
func checkObject(t *testing.T, rt *ResourceType, o *Object) {
	t.Helper()
	document := o.AppendJSON(nil, nil)
	if !json.Valid(document) {
		t.Fatalf("rendered %s", document)
	}
	if o.Len() > 0 && !mustDecode(t, rt, string(document)).Equal(o) {
		t.Fatalf("%s is read as something else: %s", document, render(mustDecode(t, rt, string(document))))
	}
	for a, v := range o.Fields() {
		list, _ := v.(List)
		primary := 0
		for _, element := range list {
			if e, ok := element.(*Object); ok && a.primary != nil && e.Get(a.primary) == true {
				primary++
			}
		}
		if primary > 1 {
			t.Fatalf("%s has %d primary values", a.Path(), primary)
		}
	}
}

func FuzzResource(f *testing.F) {
	for _, seed := range []string{
		bjensen, small, `{"displayName":"x","members":[{"value":"1","$ref":null}]}`,
		`{"userName":"a","roles":["{\"value\":\"b\"}"],"emails":"x","active":"TRUE","name":[{"givenName":"\u00e9"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, rt := range Core().ResourceTypes() {
			parsed, err := rt.Parse(body)
			if err != nil {
				checkRefusal(t, err)
				continue
			}
			if !json.Valid(body) {
				t.Fatalf("accepted what is no JSON: %s", body)
			}
			checkObject(t, rt, parsed.Object)
			if _, changed, err := rt.Replace(parsed.Object, parsed.Object); err != nil || changed {
				t.Fatalf("replaced by itself: changed %v, error %v", changed, err)
			}
		}
	})
}
