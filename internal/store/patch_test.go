// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"testing"
)

func TestDifference(t *testing.T) {
	for _, row := range []struct{ name, from, to, patch string }{
		{"nothing", `{"a":{"b":[1]}}`, `{"a":{"b":[1]}}`, `{}`},
		{"a new field", `{}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{"a field that goes", `{"a":1,"b":{"c":1}}`, `{}`, `{"a":null,"b":null}`},
		{"within an object", `{"a":{"b":1,"c":2,"d":{"e":1}}}`, `{"a":{"b":1,"c":3,"d":{}}}`, `{"a":{"c":3,"d":{"e":null}}}`},
		{"an object for a text", `{"a":"x","b":{"c":1}}`, `{"a":{"b":1},"b":"x"}`, `{"a":{"b":1},"b":"x"}`},
		{"a list", `{"a":[{"b":1},{"c":2}]}`, `{"a":[{"b":1}]}`, `{"a":[{"b":1}]}`},
		{"a number that no float has", `{"a":9007199254740993}`, `{"a":9007199254740992}`, `{"a":9007199254740992}`},
		{"no object before", `null`, `{"a":1}`, `{"a":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			patch, err := difference([]byte(row.from), []byte(row.to))
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := json.Marshal(patch)
			if err != nil || string(encoded) != row.patch {
				t.Errorf("the patch is %s, want %s (%v)", encoded, row.patch, err)
			}
		})
	}
	for _, broken := range [][2]string{{`[`, `{}`}, {`{}`, `1`}} {
		if _, err := difference([]byte(broken[0]), []byte(broken[1])); err == nil {
			t.Errorf("%v has a difference", broken)
		}
	}
}

// The answer of a write is lost. What the stored object has beside the write says nothing
// about it: an empty object, which somebody left there, or what somebody has changed since.
func TestAWriteWhoseAnswerIsLostIsFound(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	r := w.start(nil, f.wrap)
	u := r.user(userBody("quinn"))
	w.change(usersResource, u.ID, func(spec map[string]any) { spec["name"] = map[string]any{} })
	for _, row := range []struct {
		name              string
		carriedOut, found bool
	}{{"carried out", true, true}, {"not carried out", false, false}} {
		f.mu.Lock()
		f.lose = func(write string, _ int) (carriedOut, answered bool) {
			lost := write == "patch scimusers"
			return row.carriedOut || !lost, !lost
		}
		f.mu.Unlock()
		_, changed, err := r.tryPatch(r.users.rt, u.ID, `{"op":"replace","path":"title","value":"`+row.name+`"}`, Match{})
		if (err == nil) != row.found || changed != row.found {
			t.Errorf("%s: %v, %v", row.name, changed, err)
		}
		if title := w.storedSpec(usersResource, u.ID)["title"]; (title == row.name) != row.carriedOut {
			t.Errorf("%s: the title is %v", row.name, title)
		}
	}
}

// The answer of a creation is lost, and by the time it is looked for others have changed what
// it made: it is not known to have failed, and nothing of it is taken back.
func TestACreationThatOthersHaveChangedIsNotRefused(t *testing.T) {
	for _, row := range []struct {
		name, body, change string
		kind               func(*Store) *kind
	}{
		{"user", userBody("v"), `{"op":"replace","path":"title","value":"New"}`, func(s *Store) *kind { return s.users }},
		{"group", groupBody("v", numbered(0, 2000)...), operation("add", "new"), func(s *Store) *kind { return s.groups }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, f := newWorld(t), &faults{}
			creating, r := w.start(nil, f.wrap), w.replica()
			k := row.kind(creating.Store)
			f.mu.Lock()
			f.lose = func(write string, _ int) (carriedOut, answered bool) {
				return true, write != "create "+string(k.resource)
			}
			f.mu.Unlock()
			release := f.block(k.resource, "get")
			done := make(chan error, 1)
			go func() { done <- errorOf(creating.Create(t.Context(), k.rt, parse(t, k.rt, row.body))) }()
			var ids []string
			eventually(t, "it is made", func() bool { ids = r.find(row.kind(r.Store).rt, ""); return len(ids) == 1 && f.blocked() > 0 })
			changed := r.patch(row.kind(r.Store).rt, ids[0], row.change)
			release()
			answer := <-done
			w.requireUnique()
			later := w.replica()
			read, err := later.Get(t.Context(), row.kind(later.Store).rt, ids[0])
			if err != nil {
				t.Fatal(err)
			}
			if got, want := read.Members().Len(), changed.Members().Len(); got != want {
				t.Errorf("of %d members that were acknowledged there are %d", want, got)
			}
			requireUnavailable(t, answer)
		})
	}
}
