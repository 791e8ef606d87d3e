// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestPatchGroup shows what operations make of a group with the members a, b and
// c. `want` are the members afterwards, separated by blanks; a row that begins
// with "=" changes nothing.
func TestPatchGroup(t *testing.T) {
	tests := []struct{ name, operations, want string }{
		{"E5: Entra ID adds", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"d"}]}`, "a b c d"},
		{"E5: Entra ID removes", `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"b"}]}`, "a c"},
		{"E5: with its compliance flag", `{"op":"remove","path":"members[value eq \"b\"]"}`, "a c"},
		{"E5: somebody who is no member", `{"op":"Remove","path":"members","value":[{"value":"x"}]}`, "= a b c"},
		{"E5: nobody", `{"op":"Remove","path":"members","value":[]}`, "= a b c"},
		{"O7: Okta renames without path", `{"op":"replace","value":{"id":"g","displayName":"Guides"}}`, "= a b c"},
		{"O7: Okta removes one and adds another", `{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"d","display":null}]}`, "b c d"},
		{"O7: Okta replaces all", `{"op":"replace","path":"members","value":[{"value":"c"},{"value":"d","display":"D"}]}`, "c d"},
		{"O7: without a path", `{"op":"add","value":{"members":[{"value":"d"}]}}`, "a b c d"},
		{"O7: replace without a path", `{"op":"replace","value":{"members":[{"value":"d"}]}}`, "d"},
		{"X2: JumpCloud removes without a filter", `{"op":"remove","path":"members","value":[{"value":"a"},{"value":"c"}]}`, "b"},
		{"ids instead of objects", `{"op":"remove","path":"members","value":["a"]}`, "b c"},
		{"one object instead of a list", `{"op":"add","path":"members","value":{"value":"d"}}`, "a b c d"},
		{"a filter on more than the value", `{"op":"remove","path":"members[value eq \"a\" and type eq \"Group\"]"}`, "= a b c"},
		{"a filter with or", `{"op":"remove","path":"members[(value eq \"a\") or (value eq \"b\")]"}`, "c"},
		{"a filter with or and and", `{"op":"remove","path":"members[value eq \"a\" or value eq \"a\" or value eq \"b\" and type eq \"Group\" or value eq \"x\"]"}`, "b c"},
		{"a filter with or, of which not all name a member", `{"op":"remove","path":"members[value eq \"a\" or type eq \"Group\" or value sw \"c\"]"}`, "b"},
		{"a filter without value", `{"op":"remove","path":"members[type eq \"User\"]"}`, ""},
		{"add by a filter", `{"op":"add","path":"members[value eq \"d\"]"}`, "a b c d"},
		{"replace one by itself", `{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"a","type":"User"}}`, "= a b c"},
		{"add members who are there", `{"op":"add","path":"members","value":[{"value":"a"},{"value":"b"}]}`, "= a b c"},
		{"replace by the same in another order", `{"op":"replace","path":"members","value":[{"value":"c"},{"value":"a"},{"value":"b"}]}`, "= a b c"},
		{"add nobody", `{"op":"add","path":"members","value":[]}`, "= a b c"},
		{"remove all", `{"op":"remove","path":"members"}`, ""},
		{"replace by nobody", `{"op":"replace","path":"members","value":[]}`, ""},
		{"replace by nobody, without a path", `{"op":"replace","value":{"members":[]}}`, ""},
		{"add null", `{"op":"add","path":"members","value":null}`, "= a b c"},
		{"add an empty string", `{"op":"add","path":"members","value":""}`, "= a b c"},
		{"add a blank", `{"op":"add","path":"members","value":" "}`, "= a b c"},
		{"add null without a path", `{"op":"add","value":{"members":null}}`, "= a b c"},
		{"replace by null", `{"op":"replace","path":"members","value":null}`, ""},
		{"replace by an empty string", `{"op":"replace","path":"members","value":""}`, ""},
		{"replace by a blank", `{"op":"replace","path":"members","value":" "}`, ""},
		{"replace by null, without a path", `{"op":"replace","value":{"displayName":"Guides","members":null}}`, ""},
		{"remove null", `{"op":"remove","path":"members","value":null}`, ""},
		{"remove what an empty string names", `{"op":"remove","path":"members","value":""}`, "= a b c"},
		{"remove what a blank names", `{"op":"remove","path":"members","value":" "}`, "= a b c"},
		{"replace one by null", `{"op":"replace","path":"members[value eq \"a\"]","value":null}`, "b c"},
		{"a list as JSON in a string", `{"op":"add","path":"members","value":"[{\"value\":\"d\"},{\"value\":\"e\"}]"}`, "a b c d e"},
		{"members as JSON in strings", `{"op":"remove","path":"members","value":["{\"value\":\"a\"}","b"]}`, "c"},
		{"an id in braces", `{"op":"add","path":"members","value":["{0a21f0f2}"]}`, "a b c {0a21f0f2}"},
		{"a URN within a value path", `{"op":"remove","path":"members[urn:ietf:params:scim:schemas:core:2.0:Group:members.value eq \"a\"]"}`, "b c"},
		{"remove all and add again", `{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"a"},{"value":"b"},{"value":"c"}]}`, "= a b c"},
		{"add and remove again", `{"op":"add","path":"members","value":[{"value":"d"}]},{"op":"remove","path":"members[value eq \"d\"]"}`, "= a b c"},
		{"remove and add again", `{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":["a"]}`, "= a b c"},
		{"with the schema's URN", `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"d"}]}`, "a b c d"},
		{"X1: with OneLogin's URN", `{"op":"add","path":"urn:scim:schemas:core:1.0:members","value":[{"value":"d"}]}`, "a b c d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rt := Core().Group()
			group := mustDecode(t, rt, `{"id":"g","displayName":"Guides"}`)
			base := members("a", "b", "c")
			m := NewMembers(base)
			patch, err := rt.ParsePatch(patchOps(test.operations))
			if err != nil {
				t.Fatal(err)
			}
			_, changed, err := patch.Apply(group, m)
			if err != nil {
				t.Fatal(err)
			}
			want, same := strings.CutPrefix(test.want, "=")
			if changed == same || m.Changed() == same {
				t.Errorf("changed is %v, of members %v", changed, m.Changed())
			}
			checkMembers(t, m, base, strings.Fields(want))
		})
	}
}

// checkMembers checks what Members shows, and that its delta makes the same of its
// base.
func checkMembers(t *testing.T, m *Members, base MemberList, want []string) {
	t.Helper()
	var shown []string
	for member := range m.All() {
		shown = append(shown, member.Value)
		if got, ok := m.Get(member.Value); !ok || got != member {
			t.Errorf("Get(%s) is %v", member.Value, got)
		}
	}
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(want, shown, sorted, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if m.Len() != len(want) {
		t.Errorf("Len is %d, not %d", m.Len(), len(want))
	}
	cleared, added, removed := m.Delta()
	written := map[string]bool{}
	if !cleared {
		for _, member := range base {
			written[member.Value] = true
		}
	}
	for _, value := range removed {
		if cleared || !written[value] {
			t.Errorf("%s is removed and was not there", value)
		}
		delete(written, value)
	}
	for _, member := range added {
		if written[member.Value] {
			t.Errorf("%s is added and was there", member.Value)
		}
		written[member.Value] = true
	}
	var result []string
	for value := range written {
		result = append(result, value)
	}
	if diff := cmp.Diff(want, result, sorted, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the delta makes something else: %s", diff)
	}
}

func TestPatchGroupAppliesWholeOrNotAtAll(t *testing.T) {
	rt := Core().Group()
	group := mustDecode(t, rt, `{"id":"g","displayName":"Guides"}`)
	base := members("a", "b")
	m := NewMembers(base)
	m.Add(Member{Value: "z"})
	patch, err := rt.ParsePatch(patchOps(`{"op":"add","path":"members","value":["c"]},{"op":"remove","path":"members[value eq \"a\"]"},` +
		`{"op":"remove","path":"members[value eq \"z\"]"},{"op":"replace","path":"externalId","value":"7"},{"op":"remove","path":"displayName"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, changed, err := patch.Apply(group, m)
	wantError(t, err, "mutability", "displayName: it is required")
	if got != group || changed {
		t.Error("an error, and yet the group changed")
	}
	checkMembers(t, m, base, []string{"a", "b", "z"})
}

func TestPatchGroupErrors(t *testing.T) {
	for operations, want := range map[string][2]string{
		`{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}`:      {"mutability", "a member cannot be changed"},
		`{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}`:  {"mutability", "a member cannot be changed"},
		`{"op":"replace","path":"members[value eq \"a\"].display","value":"b"}`:    {"mutability", "it is readOnly"},
		`{"op":"add","path":"members[type eq \"User\"]","value":{"value":"b"}}`:    {"noTarget", "no value matches"},
		`{"op":"add","path":"members"}`:                                            {"invalidValue", "add needs a value"},
		`{"op":"add","path":"members","value":[{"display":"x"}]}`:                  {"invalidValue", "every member needs a value"},
		`{"op":"add","path":"members","value":7}`:                                  {"invalidValue", "members: it must be an object"},
		`{"op":"remove","path":"members[valu eq \"a\"]"}`:                          {"invalidFilter", "not a sub-attribute of members"},
		`{"op":"replace","value":{"displayName":"x","members":[{"value":["a"]}]}}`: {"invalidValue", "members.value"},
	} {
		_, err := Core().Group().ParsePatch(patchOps(operations))
		wantError(t, err, want[0], want[1])
	}
}

func TestPatchKnowsWhatItTouches(t *testing.T) {
	tests := []struct {
		operations string
		want       bool
	}{
		{`{"op":"add","path":"members","value":["a"]}`, true},
		{`{"op":"replace","value":{"members":["a"]}}`, true},
		{`{"op":"replace","value":{"displayName":"x","members":["a"]}}`, true},
		{`{"op":"replace","path":"displayName","value":"x"}`, false},
	}
	for _, test := range tests {
		patch, err := Core().Group().ParsePatch(patchOps(test.operations))
		if err != nil {
			t.Fatal(err)
		}
		if patch.WantsMembers() != test.want {
			t.Errorf("%s: members %v", test.operations, patch.WantsMembers())
		}
	}
}

func TestMembers(t *testing.T) {
	base := members("a", "b", "c")
	m := NewMembers(base)
	if m.Add(Member{Value: "a"}) || !m.Add(Member{Value: "d"}) || m.Add(Member{Value: "d"}) {
		t.Error("Add is wrong about what changed")
	}
	if !m.Remove("a") || m.Remove("a") || m.Remove("x") || !m.Remove("d") {
		t.Error("Remove is wrong about what changed")
	}
	checkMembers(t, m, base, []string{"b", "c"})
	if !m.Add(Member{Value: "a"}) || m.Changed() {
		t.Error("there and back again is a change")
	}
	if !m.Clear() || m.Clear() || m.Len() != 0 {
		t.Error("Clear is wrong about what changed")
	}
	checkMembers(t, m, base, nil)
	m.Add(Member{Value: "x"})
	m.Add(Member{Value: "w"})
	cleared, added, removed := m.Delta()
	if !cleared || len(added) != 2 || added[0].Value != "w" || removed != nil {
		t.Errorf("delta is %v %v %v", cleared, added, removed)
	}
	m.Add(Member{Value: "b"})
	if cleared, added, removed := m.Delta(); cleared || len(added) != 2 || !cmp.Equal(removed, []string{"a", "c"}) {
		t.Errorf("what stays is written: %v %v %v", cleared, added, removed)
	}
	checkMembers(t, m, base, []string{"b", "w", "x"})
	if NewMembers(nil).Clear() || NewMembers(nil).Changed() {
		t.Error("an empty group changes by being emptied")
	}
	for range m.All() {
		break
	}
}
