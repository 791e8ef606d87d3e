// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"scim-operator.io/internal/scim"
)

// named gives the fresh slices of a layout names, as writing them does.
func (l *layout) named() *memberList {
	for _, c := range l.fresh {
		c.slice = randomSuffix()
	}
	return l.next
}

func valuesOf(l *memberList) []string {
	var values []string
	for m := range l.all() {
		values = append(values, m.value)
	}
	return values
}

func addMembers(m *scim.Members, from, to int) {
	for i := from; i < to; i++ {
		m.Add(scim.Member{Value: fmt.Sprintf("member-%06d", i)})
	}
}

// reader reads a list of members without an index.
func reader(s *Store, l *memberList) scim.MemberReader {
	return s.membersOf(&entry{id: "group", revision: 1, members: l})
}

func TestLayoutEqualsAList(t *testing.T) {
	s := offlineStore(t, scim.Core())
	rapid.Check(t, func(t *rapid.T) {
		list := newMemberList()
		var model []string
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			members := scim.NewMembers(reader(s, list))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				members.Clear()
				model = nil
			case 1, 2, 3:
				from := rapid.IntRange(0, 3000).Draw(t, "from")
				to := from + rapid.SampledFrom([]int{1, 10, 900, 2500}).Draw(t, "count")
				for i := from; i < to; i++ {
					if v := fmt.Sprintf("member-%06d", i); members.Remove(v) {
						model = slices.DeleteFunc(model, func(m string) bool { return m == v })
					}
				}
			default:
				from := rapid.IntRange(0, 3000).Draw(t, "from")
				for i := from; i < from+rapid.SampledFrom([]int{1, 10, 900, 2500}).Draw(t, "count"); i++ {
					if v := fmt.Sprintf("member-%06d", i); members.Add(scim.Member{Value: v}) {
						model = append(model, v)
					}
				}
			}
			l := plan(list, members)
			before := slices.Clone(list.chunks)
			next := l.named()
			requireLayout(t, before, l)
			list = next
			if got := valuesOf(list); !slices.Equal(got, model) {
				t.Fatalf("members are %d, want %d in order", len(got), len(model))
			}
			if list.count != len(model) {
				t.Fatalf("count is %d, want %d", list.count, len(model))
			}
		}
	})
}

func requireLayout(t *rapid.T, before []*chunk, l *layout) {
	seen := map[*chunk]bool{}
	for i, c := range l.next.chunks {
		seen[c] = true
		if !fits(len(c.members), c.bytes()) || len(c.members) == 0 {
			t.Fatalf("chunk %d has %d members, %d bytes", i, len(c.members), c.bytes())
		}
		if (c.slice == "") == l.next.sliced() {
			t.Fatalf("chunk %d is named %q among %d", i, c.slice, len(l.next.chunks))
		}
	}
	for _, c := range before {
		replaced := slices.Contains(l.replaced, c)
		if c.slice != "" && replaced == seen[c] {
			t.Fatalf("slice %s is replaced: %v, and named: %v", c.slice, replaced, seen[c])
		}
	}
}

func TestAChangeOfOneMemberTouchesOneSlice(t *testing.T) {
	s := offlineStore(t, scim.Core())
	members := scim.NewMembers(nil)
	addMembers(members, 0, 100_000)
	list := plan(newMemberList(), members).named()
	if len(list.chunks) != 100 {
		t.Fatalf("100,000 members are in %d slices", len(list.chunks))
	}
	for name, change := range map[string]func(*scim.Members){
		"one added":            func(m *scim.Members) { m.Add(scim.Member{Value: "new"}) },
		"one removed":          func(m *scim.Members) { m.Remove("member-050000") },
		"one there before":     func(m *scim.Members) { m.Remove("member-000000"); m.Add(scim.Member{Value: "member-000000"}) },
		"replaced by the same": func(m *scim.Members) { m.Clear(); addMembers(m, 0, 100_000) },
	} {
		t.Run(name, func(t *testing.T) {
			members := scim.NewMembers(reader(s, list))
			change(members)
			if l := plan(list, members); len(l.fresh) > 1 || len(l.replaced) > 1 {
				t.Errorf("%d slices are written and %d replaced", len(l.fresh), len(l.replaced))
			}
		})
	}
}

// Who adds members one by one has each of them written again only a few times, and the
// slices that this leaves do not become many.
func TestMembersAddedOneByOneAreWrittenSeldom(t *testing.T) {
	s := offlineStore(t, scim.Core())
	members := scim.NewMembers(nil)
	addMembers(members, 0, 10_000)
	list := plan(newMemberList(), members).named()
	written := 0
	for i := 10_000; i < 12_000; i++ {
		members := scim.NewMembers(reader(s, list))
		addMembers(members, i, i+1)
		l := plan(list, members)
		for _, c := range l.fresh {
			written += len(c.members)
		}
		list = l.named()
	}
	if most := 2_000 * 11; written > most { // doubled ten times, a member is in a slice of 1,000
		t.Errorf("%d members were written for 2,000 that were added; at most %d should be", written, most)
	}
	if len(list.chunks) > 12+10 {
		t.Errorf("12,000 members are in %d slices", len(list.chunks))
	}
}

// However slices were emptied, they are joined before they are many.
func TestEmptiedSlicesAreJoined(t *testing.T) {
	s := offlineStore(t, scim.Core())
	members := scim.NewMembers(nil)
	addMembers(members, 0, 100_000)
	list := plan(newMemberList(), members).named()
	empty := func(first, leave int) {
		for i := first; i < 100; i += 2 {
			members := scim.NewMembers(reader(s, list))
			for j := leave; j < 1000; j++ {
				members.Remove(fmt.Sprintf("member-%06d", 1000*i+j))
			}
			list = plan(list, members).named()
		}
	}
	empty(0, 100)
	empty(1, 10)
	if most := 2*(list.count/1000+1) + spareSlices; len(list.chunks) > most {
		t.Errorf("%d members are in %d slices; at most %d should be", list.count, len(list.chunks), most)
	}
}

// Some characters take six bytes as JSON; no object passes 256 KiB with them either.
func TestMembersOfManyEscapesFit(t *testing.T) {
	for _, character := range []string{"<", "\"", "\\", "é", "\u2028", "a"} {
		members := scim.NewMembers(nil)
		for i := range 300 {
			value := strings.Repeat(character, 1024/len(character)-8) + fmt.Sprint(i)
			members.Add(scim.Member{Value: value})
		}
		list := plan(newMemberList(), members).named()
		for _, c := range list.chunks {
			encoded, err := json.Marshal(c.stored())
			if err != nil || len(encoded) > 256<<10 {
				t.Errorf("%q: %d members are %d bytes, %v", character, len(c.members), len(encoded), err)
			}
		}
	}
}

func TestAGroupDoesNotGoToAndFro(t *testing.T) {
	s := offlineStore(t, scim.Core())
	list := newMemberList()
	step := func(change func(*scim.Members)) {
		members := scim.NewMembers(reader(s, list))
		change(members)
		list = plan(list, members).named()
	}
	for _, row := range []struct {
		name   string
		change func(*scim.Members)
		sliced bool
	}{
		{"1000 members are in the group", func(m *scim.Members) { addMembers(m, 0, 1000) }, false},
		{"1001 are in slices", func(m *scim.Members) { addMembers(m, 1000, 1001) }, true},
		{"1000 stay in slices", func(m *scim.Members) { m.Remove("member-000000") }, true},
		{"501 stay in slices", func(m *scim.Members) {
			for i := 1; i < 500; i++ {
				m.Remove(fmt.Sprintf("member-%06d", i))
			}
		}, true},
		{"500 are in the group again", func(m *scim.Members) { m.Remove("member-000500") }, false},
		{"501 stay in the group", func(m *scim.Members) { addMembers(m, 0, 1) }, false},
	} {
		step(row.change)
		if list.sliced() != row.sliced {
			t.Errorf("%s: sliced is %v with %d members", row.name, list.sliced(), list.count)
		}
	}
}
