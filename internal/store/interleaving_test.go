// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"testing"
)

// A user is renamed while a create looks at it: who has the name in the end decides.

func TestACreateWhoseUserIsRenamedAwayIsOfSomebodyNew(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	creating, r := w.start(nil, f.wrap), w.replica()
	x := r.user(userBody("v", `"externalId":"1"`, `"active":false`))
	eventually(t, "both know the user", func() bool { return creating.index.view().users.live.len() == 1 })
	release := f.block(usersResource, "patch")
	done := make(chan *Resource, 1)
	go func() {
		u, err := creating.tryUser(userBody("v", `"externalId":"1"`, `"active":true`))
		if err != nil {
			t.Errorf("the name is free: %v", err)
		}
		done <- u
	}()
	eventually(t, "the user is about to be reactivated", func() bool { return f.blocked() == 1 })
	if err := r.rename(x.ID, "w"); err != nil {
		t.Fatal(err)
	}
	release()
	if u := <-done; u != nil && u.ID == x.ID {
		t.Error("a user who has another name was reactivated")
	}
	w.requireUnique()
}

func TestACreateWhoseUserIsRenamedToItReactivatesIt(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	creating, r := w.start(nil, f.wrap), w.replica()
	x := r.user(userBody("w", `"externalId":"1"`, `"active":false`))
	release := f.block(claimsResource, "create")
	done := make(chan *Resource, 1)
	go func() {
		u, err := creating.tryUser(userBody("v", `"externalId":"1"`, `"active":true`))
		if err != nil {
			t.Errorf("the one who has the name is to be reactivated: %v", err)
		}
		done <- u
	}()
	eventually(t, "the name is about to be claimed", func() bool { return f.blocked() == 1 })
	if err := r.rename(x.ID, "v"); err != nil {
		t.Fatal(err)
	}
	release()
	if u := <-done; u != nil && u.ID != x.ID {
		t.Errorf("%s was created, while %s has the name", u.ID, x.ID)
	}
	w.requireUnique()
}

// A rename is done, but not yet known to the one who takes the name that it gave up.
func TestWhoTakesANameIsNotShownBesideTheOneBefore(t *testing.T) {
	for _, gaveUp := range []act{renameUser("x", "w"), deleteUser("x")} {
		t.Run(gaveUp.name, func(t *testing.T) {
			w := newWorld(t)
			f, lag := &faults{}, &laggard{}
			dying, r := w.start(nil, f.wrap), w.start(nil, lag.wrap)
			x := dying.user(userBody("v"))
			eventually(t, "both know the user", func() bool { return r.index.view().users.live.len() == 1 })
			lag.gate.Lock()
			defer lag.gate.Unlock()
			f.lose = func(write string, _ int) (bool, bool) {
				if write == "patch scimusers" {
					f.failing = true // the process dies before the answer comes
				}
				return true, !f.failing
			}
			requireUnavailable(t, gaveUp.do(dying, map[string]string{"x": x.ID}))
			y := r.user(userBody("v"))
			if found := r.find(r.users.rt, `userName eq "v"`); !slices.Equal(found, []string{y.ID}) {
				t.Errorf("the name is that of %v, want %s alone", found, y.ID)
			}
		})
	}
}

// At no moment is there both a user to be renamed and another who has the name.
func TestARenameIsOfAUserWhoIsStillThereWhenTheNameIsTaken(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	renaming, r := w.start(nil, f.wrap), w.replica()
	x := renaming.user(userBody("w"))
	eventually(t, "both know the user", func() bool { return r.index.view().users.live.len() == 1 })
	writes := f.block(usersResource, "patch")
	done := make(chan error, 1)
	go func() { done <- renaming.rename(x.ID, "v") }()
	eventually(t, "the user is about to be renamed", func() bool { return f.blocked() == 1 })
	r.patch(r.users.rt, x.ID, `{"op":"replace","path":"title","value":"t"}`)
	claims := f.block(claimsResource, "create")
	writes()
	eventually(t, "the name is about to be claimed again", func() bool { return f.blocked() == 2 })
	r.delete(r.users.rt, x.ID)
	r.user(userBody("v"))
	claims()
	requireStatus(t, <-done, 404, "")
	w.requireUnique()
}
