// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// Clocks of replicas differ by hours, and jump: what is written down is odd then, but
// nothing is decided by it.
func TestClocksThatDifferAndJumpDecideNothing(t *testing.T) {
	for _, row := range []struct{ first, second time.Duration }{
		{3 * time.Hour, -3 * time.Hour}, {-3 * time.Hour, 3 * time.Hour},
	} {
		t.Run(fmt.Sprint(row.first, row.second), func(t *testing.T) {
			w := newWorld(t)
			first, second, _, _ := pair(t, w)
			var jump atomic.Int64
			for r, shift := range map[*replica]time.Duration{first: row.first, second: row.second} {
				r.now = func() time.Time { return time.Now().Add(shift + time.Duration(jump.Load())) }
			}
			u := first.user(userBody("frank", `"externalId":"1"`))
			for i, by := range []time.Duration{0, 24 * time.Hour, -24 * time.Hour} {
				jump.Store(int64(by))
				requireSameLife(t, first, second, u.ID, i)
				requireSameLife(t, second, first, u.ID, i+10)
			}
			w.requireUnique()
			w.requireEveryNameUsable(first)
		})
	}
}

// requireSameLife changes, renames and deletes a user on one replica and another, gives
// the name to somebody else meanwhile, and lets the user come back.
func requireSameLife(t *testing.T, here, there *replica, id string, turn int) {
	t.Helper()
	rt := here.users.rt
	before := modifiedOf(t, here, id)
	here.patch(rt, id, fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, turn))
	if err := there.rename(id, fmt.Sprintf("name%d", turn)); err != nil {
		t.Fatal(err)
	}
	if after := modifiedOf(t, here, id); after < before {
		t.Errorf("lastModified went from %d to %d", before, after)
	}
	here.delete(rt, id)
	requireNotFound(t, errorOf(there.Get(t.Context(), rt, id)))
	guest := there.user(userBody(fmt.Sprintf("name%d", turn), fmt.Sprintf(`"externalId":"guest%d"`, turn)))
	requireTaken(t, errorOf(here.tryUser(userBody(fmt.Sprintf("name%d", turn), `"externalId":"1"`))))
	there.delete(rt, guest.ID)
	if back := here.user(userBody(fmt.Sprintf("name%d", turn), `"externalId":"1"`)); back.ID != id {
		t.Errorf("who comes back is %s, was %s", back.ID, id)
	}
}

func modifiedOf(t *testing.T, r *replica, id string) int64 {
	t.Helper()
	if _, err := r.Get(t.Context(), r.users.rt, id); err != nil {
		t.Fatal(err)
	}
	e, _ := r.index.view().users.live.find(id)
	return e.modified
}

// How old what is read may be is not told by a clock that can be set.
func TestAJumpOfTheClockIsNoStaleness(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("gina"))
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		r.now = func() time.Time { return time.Now().Add(jump) }
		if age := r.feeds[0].age(sinceStart()); age <= 0 || age > patience {
			t.Errorf("%v old", age)
		}
		if _, err := r.Get(t.Context(), r.users.rt, u.ID); err != nil {
			t.Errorf("a clock that jumped by %v stops reads: %v", jump, err)
		}
	}
}
