// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"testing"
)

// version makes a version of a user.
func version(id, name string, revision uint64) *entry {
	return &entry{id: id, name: name, revision: revision}
}

func groupVersion(id string, revision uint64, chunks ...*chunk) *entry {
	return &entry{id: id, name: id, revision: revision, members: newMemberList(chunks...)}
}

func (x *index) shown(s func(*snapshot) *table) map[string]uint64 {
	revisions := map[string]uint64{}
	for e := range s(x.view()).byCreation.all() {
		revisions[e.id] = e.revision
	}
	return revisions
}

func liveUsers(v *snapshot) *table  { return &v.users.live }
func liveGroups(v *snapshot) *table { return &v.groups.live }

func TestALateEventUndoesNothing(t *testing.T) {
	for _, row := range []struct {
		name   string
		events func(x *index)
		want   uint64 // revision of the user shown; 0 for none
	}{
		{"an older version", func(x *index) {
			x.put(x.users, version("u", "new", 7))
			x.put(x.users, version("u", "old", 5))
		}, 7},
		{"a version of what was deleted since", func(x *index) {
			x.put(x.users, version("u", "a", 5))
			x.drop(x.users, "u", 8)
			x.put(x.users, version("u", "a", 7))
		}, 0},
		{"a deletion of what came back since", func(x *index) {
			x.put(x.users, version("u", "a", 9))
			x.drop(x.users, "u", 8)
		}, 9},
		{"a version of what a newer list did not have", func(x *index) {
			x.replace(x.users, nil, 10, false)
			x.put(x.users, version("u", "a", 9))
		}, 0},
		{"a version newer than the list", func(x *index) {
			x.replace(x.users, nil, 10, false)
			x.put(x.users, version("u", "a", 11))
		}, 11},
		{"a list that is older than an own write", func(x *index) {
			x.put(x.users, version("u", "a", 12))
			x.replace(x.users, nil, 10, true)
		}, 12},
		{"a list that no longer has it", func(x *index) {
			x.put(x.users, version("u", "a", 8))
			x.replace(x.users, nil, 10, true)
		}, 0},
		{"an old list that still has what was deleted", func(x *index) {
			x.put(x.users, version("u", "a", 8))
			x.drop(x.users, "u", 11)
			x.replace(x.users, []groupOrUser{{entry: version("u", "a", 8)}}, 10, true)
		}, 0},
		{"a list of a newer history that has an older version", func(x *index) {
			x.put(x.users, version("u", "a", 50))
			x.replace(x.users, []groupOrUser{{entry: version("u", "a", 8)}}, 60, true)
		}, 50},
		{"a version that ends it", func(x *index) {
			x.put(x.users, version("u", "a", 8))
			gone := version("u", "a", 9)
			gone.gone = true
			x.put(x.users, gone)
			x.put(x.users, version("u", "a", 8))
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := newIndex()
			row.events(x)
			if got := x.shown(liveUsers)["u"]; got != row.want {
				t.Errorf("revision %d is shown, want %d", got, row.want)
			}
		})
	}
}

func TestASnapshotDoesNotChange(t *testing.T) {
	x := newIndex()
	x.put(x.users, version("u", "before", 1))
	view := x.view()
	x.put(x.users, version("u", "after", 2))
	x.put(x.users, version("v", "new", 3))
	if e, _ := view.users.live.find("u"); e.name != "before" || view.users.live.len() != 1 {
		t.Errorf("the snapshot shows %q and %d users", e.name, view.users.live.len())
	}
	if found := slices.Collect(x.view().users.live.named("before")); len(found) != 0 {
		t.Error("the name given up finds somebody")
	}
}

func TestAGroupIsSeenWhenAllItsSlicesAreHere(t *testing.T) {
	x := newIndex()
	a, b, c := newTestChunk("a", "1"), newTestChunk("b", "2"), newTestChunk("c", "3")
	sees := func(what string, revision uint64, seen uint64) {
		t.Helper()
		if got := x.shown(liveGroups)["g"]; got != revision {
			t.Errorf("%s: revision %d is shown, want %d", what, got, revision)
		}
		if got := x.groups.seen(); got != seen {
			t.Errorf("%s: everything up to %d is seen, want %d", what, got, seen)
		}
	}
	x.putVersion(x.groups, groupOrUser{entry: groupVersion("g", 5), slices: []string{"a", "b"}})
	x.watchedTo(x.groups, 6)
	sees("without slices", 0, 4)
	x.putSlice(b, 3)
	sees("with one of two", 0, 4)
	x.putSlice(a, 2)
	sees("with both", 5, 6)
	x.putVersion(x.groups, groupOrUser{entry: groupVersion("g", 8), slices: []string{"a", "c"}})
	x.watchedTo(x.groups, 9)
	x.dropSlice("b")
	sees("while the next version is not complete", 5, 7)
	if got := slices.Collect(x.view().groupsOf("2")); len(got) != 1 {
		t.Error("a member of the version shown is lost")
	}
	x.putVersion(x.groups, groupOrUser{entry: groupVersion("g", 7), slices: []string{"a"}})
	sees("after a late event", 5, 7)
	x.putSlice(c, 7)
	sees("with the new slice", 8, 9)
	for member, want := range map[string]int{"1": 1, "2": 0, "3": 1} {
		if got := slices.Collect(x.view().groupsOf(member)); len(got) != want {
			t.Errorf("%s is a member of %d groups, want %d", member, len(got), want)
		}
	}
	x.drop(x.groups, "g", 12)
	if x.memberships.len() != 0 {
		t.Errorf("%d memberships stay", x.memberships.len())
	}
}

// Others change a group, or only annotate it, while the slices of an acknowledged version are
// on their way: a reader who waits for that version is not sent off with the one before.
func TestAPendingVersionIsNotSeenWhenALaterOneComes(t *testing.T) {
	x := newIndex()
	x.put(x.groups, groupVersion("g", 5))
	for _, revision := range []uint64{8, 10} {
		x.putVersion(x.groups, groupOrUser{entry: groupVersion("g", revision), slices: []string{"s"}})
		x.watchedTo(x.groups, revision)
		if seen := x.groups.seen(); seen != 7 {
			t.Errorf("version 5 is shown and %d is pending: everything up to %d is seen, want 7", revision, seen)
		}
	}
	x.put(x.groups, groupVersion("g", 8, newTestChunk("s", "u")))
	if seen := x.groups.seen(); seen != 8 {
		t.Errorf("version 8 is shown and 10 is pending: everything up to %d is seen, want 8", seen)
	}
	x.putSlice(newTestChunk("s", "u"), 7)
	if seen, shown := x.groups.seen(), x.shown(liveGroups)["g"]; seen != 10 || shown != 10 {
		t.Errorf("version %d is shown and everything up to %d is seen, want 10", shown, seen)
	}
}

// This replica's write is answered after the watch has brought the next one's, of whose
// slices one is missing.
func TestAnAcknowledgedVersionIsShownWhileALaterOneIsPending(t *testing.T) {
	for _, shown := range []bool{true, false} {
		x := newIndex()
		if shown {
			x.put(x.groups, groupVersion("g", 5))
		}
		later := groupVersion("g", 12)
		later.members = nil
		if shown {
			x.putVersion(x.groups, groupOrUser{entry: later, slices: []string{"s"}})
		} else {
			x.replace(x.groups, []groupOrUser{{entry: later, slices: []string{"s"}}}, 15, true)
		}
		for _, revision := range []uint64{10, 9} { // the older one comes too late
			x.put(x.groups, groupVersion("g", revision, newTestChunk("", "u")))
		}
		if e, ok := x.view().groups.live.find("g"); !ok || e.revision != 10 || x.groups.newest.Load() != 10 {
			t.Errorf("shown before: %v; the acknowledged version is not shown, or peers are told of %d", shown, x.groups.newest.Load())
		}
		if seen := x.groups.seen(); seen > 11 {
			t.Errorf("readers are said to see %d", seen)
		}
		x.putSlice(newTestChunk("s", "v"), 11)
		if e, _ := x.view().groups.live.find("g"); e.revision != 12 || e.members.count != 1 {
			t.Errorf("the later version is not shown: %v", e)
		}
	}
}

func newTestChunk(slice string, values ...string) *chunk {
	c := &chunk{slice: slice}
	for _, v := range values {
		c.members = append(c.members, member{value: v})
	}
	return c
}

func TestWaitingEndsWhenTheWatchHasCome(t *testing.T) {
	x := newIndex()
	done := make(chan bool, 1)
	go func() { done <- x.waitFor(t.Context(), x.users, 10) }()
	x.watchedTo(x.users, 9)
	x.watchedTo(x.users, 10)
	if !<-done {
		t.Error("waiting was in vain")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if x.waitFor(ended, x.users, 11) {
		t.Error("a revision was seen that did not come")
	}
}

// A list takes its time: what it has may have been deleted when it is taken in.
func TestAListThatComesLateIsOfTheSameHistory(t *testing.T) {
	for _, row := range []struct {
		name    string
		created uint64
		deleted func(x *index)
	}{
		{"known by a list, and deleted by a write of this process", 5, func(x *index) { x.drop(x.users, "u", 20) }},
		{"known by the watch, and its tomb is forgotten", 12, func(x *index) {
			x.watchedTo(x.users, 12)
			x.drop(x.users, "u", 20)
			x.watchedTo(x.users, 20)
			delete(x.users.tombs, "u")
		}},
		{"known by a list, and its tomb is forgotten", 5, func(x *index) {
			x.drop(x.users, "u", 20)
			x.watchedTo(x.users, 20)
			delete(x.users.tombs, "u")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := newIndex()
			u := version("u", "a", row.created)
			x.put(x.users, u)
			x.listedTo(x.users, 10)
			row.deleted(x)
			if past := x.replace(x.users, []groupOrUser{{entry: u}}, 15, false); past != nil {
				t.Errorf("revision %d of a user is taken for one of another history", past.revision)
			}
			if shown := x.shown(liveUsers); len(shown) != 0 {
				t.Errorf("%v is shown, which was deleted", shown)
			}
		})
	}
}

// What was there when an earlier list was made, and is not known, is of another history.
func TestAListOfAnotherHistoryIsNotTakenIn(t *testing.T) {
	x := newIndex()
	x.replace(x.users, nil, 10, true)
	if past := x.replace(x.users, []groupOrUser{{entry: version("u", "a", 5)}}, 15, true); past == nil {
		t.Error("a user who did not exist at revision 10 has revision 5")
	}
	x.drop(x.users, "v", 12)
	if past := x.replace(x.users, []groupOrUser{{entry: version("v", "a", 11)}}, 15, true); past == nil {
		t.Error("a user who was deleted at revision 12 is there at 15")
	}
}

func TestTombsAreForgotten(t *testing.T) {
	x := newIndex()
	for i := range uint64(100 * minTombs) {
		x.drop(x.users, string(rune(i)), i)
		x.watchedTo(x.users, i)
	}
	if len(x.users.tombs) > 2*minTombs {
		t.Errorf("%d tombs are remembered", len(x.users.tombs))
	}
}
