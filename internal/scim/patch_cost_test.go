// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// counted repeats a format with the numbers from 0, joined by commas.
func counted(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, ",")
}

// repeated repeats a text, joined by commas.
func repeated(n int, text string) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }

// crowd counts how many of its members are looked at.
type crowd struct {
	MemberList
	looked int
}

// Get finds nobody: looking through the list would be the test's own cost.
func (c *crowd) Get(string) (Member, bool) { return Member{}, false }

func (c *crowd) All() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for _, member := range c.MemberList {
			if c.looked++; !yield(member) {
				return
			}
		}
	}
}

// TestPatchHasABudget shows what one PATCH may cost: of a user with 1,000 emails and
// as many addresses, and of a group with 100,000 members.
func TestPatchHasABudget(t *testing.T) {
	emails := `[` + counted(1000, `{"value":"e%d@x"}`) + `]`
	addresses := `[` + counted(1000, `{"locality":"town %d"}`) + `]`
	long := strings.Repeat("a", 16000)
	wide := `emails[` + strings.TrimSuffix(strings.Repeat(`value co "b" or `, 100), " or ") + `]`
	tests := []struct {
		name, operations string
		allowed          bool
	}{
		{"the same 1,000 emails again", `{"op":"add","path":"emails","value":` + emails + `}`, true},
		{"the same 1,000 emails forty times", repeated(40, `{"op":"add","path":"emails","value":`+emails+`}`), true},
		{"the same 1,000 emails put in place forty times", repeated(40, `{"op":"replace","path":"emails","value":`+emails+`}`), true},
		{"the same 1,000 emails removed", `{"op":"remove","path":"emails","value":` + emails + `}`, true},
		{"one email of them, a hundred times", counted(100, `{"op":"replace","path":"emails[value eq \"e%d@x\"].display","value":"d"}`), true},
		{"all emails a hundred times", counted(100, `{"op":"replace","path":"emails.display","value":"d%d"}`), true},
		{"all emails a thousand times", counted(1000, `{"op":"replace","path":"emails.display","value":"d%d"}`), false},
		{"a filter of 100 parts, sixty times", repeated(60, `{"op":"remove","path":"`+strings.ReplaceAll(wide, `"`, `\"`)+`"}`), false},
		{"values that can only be compared one by one", `{"op":"add","path":"addresses","value":` + addresses + `}`, true},
		{"the same many times", repeated(20, `{"op":"add","path":"addresses","value":`+addresses+`}`), false},
		{"one name a thousand times", counted(1000, `{"op":"replace","path":"displayName","value":"d%d"}`), true},
		{"a long name fifty times", repeated(50, `{"op":"replace","path":"displayName","value":"`+long+`"}`), true},
	}
	user := mustDecode(t, Core().User(), `{"id":"u","userName":"a","emails":`+emails+`,"addresses":`+addresses+`}`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			patch, err := Core().User().ParsePatch(patchOps(test.operations))
			if err != nil {
				t.Fatal(err)
			}
			result, _, err := patch.Apply(user, nil)
			checkBudget(t, err, test.allowed)
			if !test.allowed && result != user {
				t.Error("a part of the operations was applied")
			}
		})
	}
}

func TestPatchOfMembersHasABudget(t *testing.T) {
	tests := []struct {
		name, operations string
		allowed          bool
	}{
		{"members by a filter", `{"op":"remove","path":"members[display co \"x\"]"}`, true},
		{"a hundred members by one filter", `{"op":"remove","path":"members[` +
			strings.ReplaceAll(counted(100, `value eq \"%d\"`), ",", " or ") + `]"}`, true},
		{"a filter of a hundred parts", `{"op":"remove","path":"members[` +
			strings.ReplaceAll(counted(100, `display co \"%d\"`), ",", " or ") + `]"}`, true},
		{"members by a filter, 10,000 times", repeated(10_000, `{"op":"remove","path":"members[display co \"x\"]"}`), false},
		{"other members in place of all, 10,000 times", repeated(10_000, `{"op":"replace","path":"members","value":["x"]}`), false},
		{"other members, 10,000 times", counted(10_000, `{"op":"add","path":"members","value":["x%d"]}`), true},
		{"all members removed, 10,000 times", repeated(10_000, `{"op":"remove","path":"members"}`), true},
	}
	everybody := make(MemberList, 100_000)
	for i := range everybody {
		everybody[i] = Member{Value: fmt.Sprint(i), Display: "somebody"}
	}
	group := mustDecode(t, Core().Group(), `{"id":"g","displayName":"Guides"}`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			patch, err := Core().Group().ParsePatch(patchOps(test.operations))
			if err != nil {
				t.Fatal(err)
			}
			base := &crowd{MemberList: everybody}
			m := NewMembers(base)
			_, _, err = patch.Apply(group, m)
			checkBudget(t, err, test.allowed)
			if base.looked > maxWork {
				t.Errorf("%d members were looked at", base.looked)
			}
			if !test.allowed && m.Changed() {
				t.Error("a part of the operations was applied")
			}
		})
	}
}

func checkBudget(t *testing.T, err error, allowed bool) {
	t.Helper()
	var e *Error
	switch {
	case allowed:
		if err != nil {
			t.Error(err)
		}
	case !errors.As(err, &e) || e.Status != http.StatusRequestEntityTooLarge || !strings.Contains(e.Detail, "send fewer operations"):
		t.Errorf("the error is %v", err)
	}
}

// TestValueSet compares a value set with one that compares every value with every
// other.
func TestValueSet(t *testing.T) {
	rt := Core().User()
	emails := rt.Attribute("emails")
	value := func(n int) Value {
		if n%3 == 0 {
			return "text " + fmt.Sprint(n)
		}
		return (&Object{}).With(emails.value, fmt.Sprint(n)).With(emails.primary, n%2 == 0)
	}
	rapid.Check(t, func(t *rapid.T) {
		var set valueSet
		var list, touched List
		index := func(list List, v Value) int {
			for i := range list {
				if equalValues(list[i], v) {
					return i
				}
			}
			return -1
		}
		for range rapid.IntRange(0, 80).Draw(t, "values") {
			v := value(rapid.IntRange(0, 40).Draw(t, "value"))
			if rapid.Bool().Draw(t, "keep") {
				if set.keep(v); index(touched, v) < 0 {
					list = append(list, v)
				}
				continue
			}
			want := index(list, v)
			if want < 0 {
				want, list, touched = len(list), append(list, v), append(touched, v)
			}
			if got := set.put(v); got != want {
				t.Fatalf("put gives place %d, not %d", got, want)
			}
		}
		if !equalValues(set.list, list) {
			t.Fatalf("the set is %v, not %v", set.list, list)
		}
	})
}

// TestEntries compares looking entries up by their value with looking at each.
func TestEntries(t *testing.T) {
	emails := Core().User().Attribute("emails")
	kind := emails.lookup["type"]
	draw := func(t *rapid.T) Value {
		o := (&Object{}).With(kind, rapid.SampledFrom([]string{"", "work", "home"}).Draw(t, "type"))
		return o.With(emails.value, rapid.SampledFrom([]string{"", "a@x", "A@x", "ß@x", "ss@x", "b@x"}).Draw(t, "value"))
	}
	rapid.Check(t, func(t *rapid.T) {
		long, short := newEntries(emails, nil, newWork()), newEntries(emails, nil, newWork())
		for range rapid.IntRange(0, 3*linearUpTo).Draw(t, "entries") {
			v := draw(t)
			long.append(v)
			short.append(v)
		}
		short.byKey = nil
		v := draw(t)
		got, err := long.find(v)
		want, wrong := short.find(v)
		if err != nil || wrong != nil || got != want {
			t.Fatalf("it is found at %d (%v), not at %d (%v)", got, err, want, wrong)
		}
	})
}
