// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
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
	typed := e.Status == http.StatusBadRequest && e.ScimType != "" || e.Status == http.StatusRequestEntityTooLarge
	if !typed || e.Detail == "" || len(e.Detail) > 1000 || !utf8.ValidString(e.Detail) || !json.Valid(e.AppendJSON(nil)) {
		t.Fatalf("error is %+v", e)
	}
}

var columnOf = regexp.MustCompile(`^column (\d+): `)

// checkColumn makes sure that an error names a column of the filter, or the one behind it.
func checkColumn(t *testing.T, filter string, err error) {
	t.Helper()
	checkRefusal(t, err)
	var e *Error
	_ = errors.As(err, &e)
	found := columnOf.FindStringSubmatch(e.Detail)
	if found == nil || e.ScimType != ScimTypeInvalidFilter {
		t.Fatalf("%q: the error names no column: %v", filter, err)
	}
	if column, _ := strconv.Atoi(found[1]); column < 1 || column > utf8.RuneCountInString(filter)+1 {
		t.Fatalf("%q: %v", filter, err)
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen@example.com"`, `emails[type eq "work" and (value co "x")].value sw "a"`,
		`not (title pr) or meta.created gt "2010-01-23T04:56:22Z" and active eq true`,
		EnterpriseUserSchema + `:manager.value ne null`, `displayName eq "\ud83d\ude00\u00e9"`, `((((id pr))))`,
		`USERNAME EQ " Ann\u200d\u00e9" AND NOT(displayName sw "ﬁ " or userName le "ａ")`, `members[value eq "a" and type eq "User"].display ne null`,
		`urn:scim:schemas:core:1.0:userName gt "\"\\\/\b\f\n\r\t"`, `parts[tags eq "a" or value pr] and count ge -1.5e3 and weight ne 7`,
		`schemas eq "` + GroupSchema + `" and meta.resourceType eq "Group" and active eq "True" and x509Certificates co "M"`,
	} {
		f.Add(seed)
	}
	user, group := Core().User(), Core().Group()
	gadget := gadgets(f).ResourceType("Gadget")
	resources := []struct {
		*ResourceType
		*Object
		members MemberReader
	}{
		{user, mustDecode(f, user, bjensen), nil},
		{user, nil, nil},
		{group, mustDecode(f, group, `{"id":"g","displayName":"Tour Guides"}`), members("a", "b")},
		{gadget, mustDecode(f, gadget, `{"id":"1","label":"x","count":7,"weight":2.5,"parts":[{"value":"p","tags":["a","b"]}]}`), nil},
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range resources {
			fuzzFilter(t, r.ResourceType, r.Object, r.members, text)
		}
	})
}

func fuzzFilter(t *testing.T, rt *ResourceType, o *Object, m MemberReader, text string) {
	filter, err := rt.ParseFilter(text)
	if err != nil {
		checkColumn(t, text, err)
		return
	}
	if len(text) > maxFilterBytes || filter.root.parts() > 2*maxFilterNodes {
		t.Fatalf("a filter of %d bytes and %d parts is accepted", len(text), filter.root.parts())
	}
	found := filter.root.matchObject(o, m)
	packed := rt.Pack(o)
	if filter.Fetch([]Packed{packed}); filter.Match(packed, m) != found {
		t.Fatalf("%s matches: %v, and otherwise when the resource is packed", text, found)
	}
	for form, want := range map[string]bool{"(%s)": found, "not (%s)": !found, "(%[1]s) and (%[1]s)": found, "(%[1]s) or not (%[1]s)": true} {
		other, err := rt.ParseFilter(fmt.Sprintf(form, text))
		if err != nil {
			checkColumn(t, fmt.Sprintf(form, text), err) // it may be beyond a bound
		} else if matches(other, o, m) != want {
			t.Fatalf("%s matches: %v, but "+form+" does not match: %v", text, found, text, want)
		}
	}
	if !found {
		return
	}
	for _, e := range filter.Equalities() {
		same, err := rt.ParseFilter(e.Path + " eq " + string(appendString(nil, e.Value)))
		if err != nil || !matches(same, o, m) {
			t.Fatalf("%s matches, but not %s eq %q (%v)", text, e.Path, e.Value, err)
		}
	}
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
			a := target.last()
			if a != nil && rt.Attribute(a.Path()) != a {
				t.Fatalf("%q is %s, which is something else", path, a.Path())
			}
			if filter.parts() > 2*maxFilterNodes || len(path) > maxPathBytes {
				t.Fatalf("a path of %d bytes and %d parts is accepted", len(path), filter.parts())
			}
			if filter == nil && a != nil {
				again, _, err := rt.parsePath(a.Path())
				if err != nil || again != target {
					t.Fatalf("%q is %v, its path is %v (%v)", path, target, again, err)
				}
			}
			checkSort(t, rt, path)
		}
	})
}

// checkSort makes sure that resources can be sorted by an attribute or are not.
func checkSort(t *testing.T, rt *ResourceType, path string) {
	t.Helper()
	order, err := rt.ParseSort(path, "descending")
	if err != nil {
		checkRefusal(t, err)
		return
	}
	if key := order.Key(Packed{}); order.CompareKeys(key, key) != 0 || len(key) > maxSortKey+1 {
		t.Fatalf("%q: the key is %q", path, key)
	}
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
	if again, _, err := patch.Apply(o, nil); err != nil || !again.Equal(got) {
		t.Fatalf("applied once more it makes %s of what was %s (%v)", render(again), render(got), err)
	}
	checkObject(t, rt, got)
	checkPutBack(t, rt, got)
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
	document := []byte(render(o))
	if !json.Valid(document) {
		t.Fatalf("rendered %s", document)
	}
	if packed := rt.Pack(o); !packed.Object().Equal(o) {
		t.Fatalf("%s is packed as something else: %s", document, render(packed.Object()))
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

// checkPutBack does what many clients do: read a resource and PUT it as it is. It is
// valid, and nothing changes.
func checkPutBack(t *testing.T, rt *ResourceType, o *Object) {
	t.Helper()
	document := []byte(render(o))
	parsed, err := rt.Parse(document)
	if err != nil {
		t.Fatalf("%s cannot be put back: %v", document, err)
	}
	if result, changed, err := rt.Replace(o, parsed.Object); err != nil || changed {
		t.Fatalf("%s becomes %s when it is put back (%v)", document, render(result), err)
	}
}

func FuzzResource(f *testing.F) {
	for _, seed := range []string{
		bjensen, small, `{"displayName":"x","members":[{"value":"1","$ref":null}]}`,
		`{"userName":"a","roles":["{\"value\":\"b\"}"],"emails":"x","active":"TRUE","name":[{"givenName":"\u00e9"}]}`,
	} {
		f.Add([]byte(seed))
	}
	types := append(gadgets(f).ResourceTypes(), Core().ResourceTypes()...)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, rt := range types {
			parsed, err := rt.Parse(body)
			if err != nil {
				checkRefusal(t, err)
				continue
			}
			if !json.Valid(body) {
				t.Fatalf("accepted what is no JSON: %s", body)
			}
			checkObject(t, rt, parsed.Object)
			checkPutBack(t, rt, parsed.Object)
			if n := len(render(parsed.Object)); n > 8*maxObjectBytes || len(parsed.Members) > maxMembers {
				t.Fatalf("%d bytes and %d members are accepted", n, len(parsed.Members))
			}
			if _, changed, err := rt.Replace(parsed.Object, parsed.Object); err != nil || changed {
				t.Fatalf("replaced by itself: changed %v, error %v", changed, err)
			}
		}
	})
}
