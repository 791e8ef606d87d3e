// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const storedSchema = "urn:example:stored:2.0:User"

// container is that of an extension with these attributes.
func container(t rapid.TB, attributes []*Attribute) *Attribute {
	t.Helper()
	types, err := NewRegistry(WithExtension("User", Extension{Schema: &Schema{ID: storedSchema, Name: "Stored", Attributes: attributes}}))
	if err != nil {
		t.Fatal(err)
	}
	return types.User().Extension(storedSchema)
}

func TestDecodeStored(t *testing.T) {
	a := container(t, []*Attribute{
		{Name: "number", Type: Integer},
		{Name: "color", CanonicalValues: []string{"Red"}, CanonicalOnly: true, Required: true},
		{Name: "valid", Type: Boolean},
		{Name: "code", Mutability: WriteOnly, Returned: ReturnedNever},
		{Name: "days", Type: Integer, MultiValued: true},
		{Name: "doors", Type: Complex, MultiValued: true, Sub: []*Attribute{{Name: "value"}, {Name: "until", Type: DateTime}, {Name: "primary", Type: Boolean}}},
	})
	for _, row := range []struct {
		name, stored, value string
		exact               bool
		unreadable          string
	}{
		{"all of it", `{"color":"Red","number":7}`, `{"number":7,"color":"Red"}`, true, ""},
		{"another type", `{"number":"seven","color":"Red"}`, `{"color":"Red"}`, false, ":number"},
		{"no canonical value", `{"color":"red"}`, `{"color":"red"}`, true, ""},
		{"without what is required", `{"number":7}`, `{"number":7}`, true, ""},
		{"an unknown name", `{"number":7,"size":1}`, `{"number":7}`, false, ""},
		{"a name in another case", `{"Number":7}`, `{"number":7}`, false, ""},
		{"two names that differ in case", `{"Number":7,"number":8}`, `{"number":7}`, false, ""},
		{"deep, and with names that differ in case", `{"x":{"a":[[[[[[[[[[[[[[[[[[{"b\"}":1,"B\"}":-2.5e3}]]]]]]]]]]]]]]]]]],"A":null},"number":7}`, `{"number":7}`, false, ""},
		{"writeOnly by now", `{"code":"x","number":7}`, `{"number":7}`, false, ""},
		{"null", `{"number":null,"color":"Red"}`, `{"color":"Red"}`, false, ""},
		{"a boolean as a string", `{"valid":"True"}`, `{"valid":true}`, false, ""},
		{"one of a list", `{"number":[7]}`, `{"number":7}`, false, ""},
		{"several of a list", `{"number":[7,8],"color":"Red"}`, `{"color":"Red"}`, false, ":number"},
		{"a list of one", `{"days":7}`, `{"days":[7]}`, false, ""},
		{"elements of another type", `{"days":[1,"two",3]}`, `{"days":[1,3]}`, false, ":days"},
		{"an element twice", `{"days":[1,1]}`, `{"days":[1]}`, false, ""},
		{"a number that is written otherwise", `{"number":7.0}`, `{"number":7}`, false, ""},
		{"sub-attributes", `{"doors":[{"value":"n","until":"soon"},{"level":1},{"value":"s","level":2}]}`,
			`{"doors":[{"value":"n"},{"value":"s"}]}`, false, ":doors.until"},
		{"two that are primary", `{"doors":[{"value":"n","primary":true},{"value":"s","primary":true}]}`,
			`{"doors":[{"value":"n","primary":true},{"value":"s","primary":false}]}`, false, ""},
		{"a text in the place of an object", `{"doors":["n"]}`, `{"doors":[{"value":"n"}]}`, false, ""},
		{"no object", `[1,2]`, `null`, false, " "},
		{"nothing", `{}`, `null`, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := a.DecodeStored([]byte(row.stored))
			unreadable := ""
			if got.Unreadable != nil {
				unreadable = got.Unreadable.Path()
			}
			want := storedSchema + row.unreadable
			if row.unreadable == "" || row.unreadable == " " {
				want = row.unreadable
			}
			if want == " " {
				want = storedSchema
			}
			if value := string(AppendValue(nil, got.Value)); value != row.value || got.Exact != row.exact || unreadable != want {
				t.Errorf("%s %v %q, want %s %v %q", value, got.Exact, unreadable, row.value, row.exact, want)
			}
		})
	}
}

func TestOverlay(t *testing.T) {
	a := container(t, []*Attribute{
		{Name: "number", Type: Integer}, {Name: "color"}, {Name: "days", Type: Integer, MultiValued: true},
		{Name: "doors", Type: Complex, MultiValued: true, Sub: []*Attribute{{Name: "value"}, {Name: "type"}, {Name: "level", Type: Integer}}},
		{Name: "desk", Type: Complex, Sub: []*Attribute{{Name: "room"}, {Name: "floor"}}},
	})
	for _, row := range []struct{ name, stored, next, want string }{
		{"nothing changes", `{ "x":1, "number":7, "days":["a",1,1] }`, `{"number":7,"days":[1]}`, `{ "x":1, "number":7, "days":["a",1,1] }`},
		{"one changes", `{"x":{"y":null},"number":7}`, `{"number":8}`, `{"x":{"y":null},"number":8}`},
		{"one comes", `{"x":1}`, `{"number":8}`, `{"x":1,"number":8}`},
		{"one goes", `{"number":7,"x":1}`, `{}`, `{"x":1}`},
		{"all go", `{"number":7}`, `{}`, ``},
		{"one that cannot be read stays", `{"number":"a","color":"b"}`, `{"color":"c"}`, `{"number":"a","color":"c"}`},
		{"one that cannot be read is set", `{"number":"a"}`, `{"number":7}`, `{"number":7}`},
		{"a spelling stays", `{"NUMBER":7}`, `{"number":8}`, `{"NUMBER":8}`},
		{"elements that cannot be read stay", `{"days":["a",1,"b",2]}`, `{"days":[2,3]}`, `{"days":[2,3,"a","b"]}`},
		{"what an element does not know goes with its value", `{"doors":[{"value":"n","x":1,"level":1},{"value":"s","x":2}]}`,
			`{"doors":[{"value":"s","level":2},{"value":"w"}]}`, `{"doors":[{"value":"s","x":2,"level":2},{"value":"w"}]}`},
		{"or with its type", `{"doors":[{"value":"n","type":"Work","x":1},{"value":"s","type":"home","x":2}]}`,
			`{"doors":[{"value":"s","type":"home"},{"value":"e","type":"work"}]}`,
			`{"doors":[{"value":"s","type":"home","x":2},{"value":"e","type":"work","x":1}]}`},
		{"and not to another", `{"doors":[{"value":"n","x":1}]}`, `{"doors":[{"value":"s"}]}`, `{"doors":[{"value":"s"}]}`},
		{"an object loses what is known", `{"desk":{"room":"1","view":"sea"}}`, `{}`, `{"desk":{"view":"sea"}}`},
		{"an object was a text", `{"desk":"1"}`, `{"desk":{"room":"1"}}`, `{"desk":{"room":"1"}}`},
		{"no object at all", `7`, `{"number":1}`, `{"number":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			base := a.DecodeStored([]byte(row.stored)).Value
			next := a.DecodeStored([]byte(row.next)).Value
			if got := string(a.Overlay([]byte(row.stored), base, next)); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// Whatever was stored with one schema, a write with another changes what it is about and
// nothing that it cannot read.
func TestOverlayKeepsWhatCannotBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		older, newer := drawSchema(t), drawSchema(t)
		stored := drawStored(t, older)
		read := newer.DecodeStored(stored)
		if read.Exact {
			requireSame(t, "what is read exactly", AppendValue(nil, read.Value), stored)
		}
		base, _ := read.Value.(*Object)
		if got := newer.Overlay(stored, base, base); !bytes.Equal(got, stored) {
			t.Fatalf("without a change %s becomes %s", stored, got)
		}
		next := drawChange(t, newer, base)
		got := newer.Overlay(stored, base, next)
		if again, _ := newer.DecodeStored(got).Value.(*Object); !again.Equal(next) {
			t.Fatalf("%s becomes %s, in which %s is read and not %s", stored, got, AppendValue(nil, again), AppendValue(nil, next))
		}
		var before, after map[string]json.RawMessage
		_ = json.Unmarshal(stored, &before)
		_ = json.Unmarshal(got, &after) // nothing for what has no value left
		for name, value := range before {
			requireStoredKept(t, newer.SubAttribute(name), name, value, after[name], base, next)
		}
		// And back: the other schema reads what this one did not change.
		was, _ := older.DecodeStored(stored).Value.(*Object)
		is, _ := older.DecodeStored(got).Value.(*Object)
		for sub, v := range was.Fields() {
			if newer.SubAttribute(sub.Name) == nil && !equalValues(v, is.Get(sub)) {
				t.Fatalf("%s is lost to the schema that it was stored with: %s became %s", sub.Name, stored, got)
			}
		}
	})
}

// requireStoredKept checks one attribute against JSON alone.
func requireStoredKept(t *rapid.T, a *Attribute, name string, before, after json.RawMessage, base, next *Object) {
	switch {
	case a == nil, equalValues(base.Get(a), next.Get(a)):
		requireSame(t, name, after, before)
	case a.MultiValued && before[0] == '[':
		var had, has []json.RawMessage
		_ = json.Unmarshal(before, &had)
		_ = json.Unmarshal(after, &has)
		for _, element := range had {
			if s := (storedReader{}); IsEmpty(s.single(a, element)) && !slices.ContainsFunc(has, func(e json.RawMessage) bool { return bytes.Equal(e, element) }) {
				t.Fatalf("%s: %s is lost from %s, which became %s", name, element, before, after)
			}
		}
	case !a.MultiValued && a.Type == Complex && before[0] == '{': // one in the place of a list is replaced
		var had, has map[string]json.RawMessage
		_ = json.Unmarshal(before, &had)
		_ = json.Unmarshal(after, &has)
		for sub, value := range had {
			if a.SubAttribute(sub) == nil {
				requireSame(t, name+"."+sub, has[sub], value)
			}
		}
	}
}

func requireSame(t *rapid.T, what string, got, want []byte) {
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%s is %s, want %s", what, got, want)
	}
}

var storedNames = []string{"value", "type", "a", "b", "c"}

// drawSchema draws an extension whose names are those of others.
func drawSchema(t *rapid.T) *Attribute {
	draw := func(complexToo bool) *Attribute {
		types := []Type{String, Boolean, Integer, Decimal, DateTime}
		if complexToo {
			types = append(types, Complex, Complex)
		}
		a := &Attribute{Type: rapid.SampledFrom(types).Draw(t, "type")}
		if a.Type == String && rapid.Bool().Draw(t, "canonical") {
			a.CanonicalValues, a.CanonicalOnly = []string{"x"}, true
		}
		a.MultiValued = complexToo && rapid.Bool().Draw(t, "multiValued")
		return a
	}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(storedNames), 1, 4, rapid.ID[string])
	var attributes []*Attribute
	for _, name := range names.Draw(t, "attributes") {
		a := draw(true)
		a.Name = name
		if a.Type == Complex {
			for _, name := range names.Draw(t, "sub-attributes") {
				sub := draw(false)
				sub.Name = name
				a.Sub = append(a.Sub, sub)
			}
		}
		attributes = append(attributes, a)
	}
	return container(t, attributes)
}

// drawStored draws the JSON of an extension: what a schema wrote, and what it never would.
func drawStored(t *rapid.T, a *Attribute) []byte {
	o := drawChange(t, a, nil)
	var stored map[string]any
	_ = json.Unmarshal(AppendValue(nil, o), &stored)
	if stored == nil {
		stored = map[string]any{}
	}
	if rapid.Bool().Draw(t, "strange") {
		stored[rapid.SampledFrom(storedNames).Draw(t, "name")] = rapid.SampledFrom([]any{
			nil, "", "true", 1.5, []any{}, []any{"x", nil, 2, map[string]any{"a": 1, "z": "z"}}, map[string]any{}, map[string]any{"z": nil, "a": []any{1}}, []any{true},
		}).Draw(t, "value")
	}
	encoded, _ := json.Marshal(stored)
	return encoded
}

// drawChange draws what a request makes of an extension.
func drawChange(t *rapid.T, a *Attribute, base *Object) *Object {
	next := base
	if next == nil {
		next = &Object{}
	}
	for _, sub := range a.Sub {
		switch rapid.IntRange(0, 3).Draw(t, "change of "+sub.Name) {
		case 0:
			next = next.With(sub, drawStoredValue(t, sub))
		case 1:
			if list := next.List(sub); len(list) > 0 {
				next = next.With(sub, slices.Delete(slices.Clone(list), 0, 1))
			}
		case 2:
			if o := next.Object(sub); o.Len() > 0 {
				next = next.With(sub, drawChange(t, sub, o))
			}
		}
	}
	return next
}

func drawStoredValue(t *rapid.T, a *Attribute) Value {
	single := func() Value {
		switch a.Type {
		case Boolean:
			return rapid.Bool().Draw(t, a.Name)
		case Integer:
			return int64(rapid.IntRange(1, 3).Draw(t, a.Name))
		case Decimal:
			return float64(rapid.IntRange(1, 5).Draw(t, a.Name)) / 2
		case DateTime:
			return fmt.Sprintf("2020-01-0%dT00:00:00Z", rapid.IntRange(1, 3).Draw(t, a.Name))
		case Complex:
			return drawChange(t, a, nil)
		default:
			return rapid.SampledFrom([]string{"x", "y", "true", "2020-01-01T00:00:00Z"}).Draw(t, a.Name)
		}
	}
	if !a.MultiValued {
		return single()
	}
	var set valueSet
	for range rapid.IntRange(0, 3).Draw(t, a.Name) {
		if v := single(); !IsEmpty(v) {
			set.put(v)
		}
	}
	if len(set.list) == 0 {
		return nil
	}
	return set.list
}
