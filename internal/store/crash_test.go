// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// act is something a client does to the store. It may fail; a test judges by what is
// there afterwards.
type act struct {
	name string
	do   func(r *replica, ids map[string]string) error
}

// The acts name people by nicknames: the id of "x" is ids["x"].

func createUser(nick, userName, external string) act {
	return act{fmt.Sprintf("create %s as %s", nick, userName), func(r *replica, ids map[string]string) error {
		u, err := r.tryUser(userBody(userName, fmt.Sprintf(`"externalId":%q`, external), emailsJSON("somebody@acme.com")))
		if err == nil {
			ids[nick] = u.ID
		}
		return err
	}}
}

func renameUser(nick, userName string) act {
	return act{fmt.Sprintf("rename %s to %s", nick, userName), func(r *replica, ids map[string]string) error {
		return r.rename(ids[nick], userName)
	}}
}

func deactivateUser(nick string) act {
	return act{"deactivate " + nick, func(r *replica, ids map[string]string) error {
		_, _, err := r.tryPatch(r.users.rt, ids[nick], `{"op":"replace","path":"active","value":false}`, Match{})
		return err
	}}
}

// returnUser creates a user who was deactivated or deleted.
func returnUser(nick, userName, external string) act {
	return act{fmt.Sprintf("return of %s as %s", nick, userName), func(r *replica, ids map[string]string) error {
		u, err := r.tryUser(userBody(userName, fmt.Sprintf(`"externalId":%q`, external), emailsJSON("somebody@acme.com"), `"active":true`))
		if err == nil {
			if known := ids[nick]; known != "" && known != u.ID {
				r.t.Errorf("who returns is %s, was %s", u.ID, known)
			}
			ids[nick] = u.ID
		}
		return err
	}}
}

func deleteUser(nick string) act {
	return act{"delete " + nick, func(r *replica, ids map[string]string) error {
		return r.Delete(r.t.Context(), r.users.rt, ids[nick], Match{})
	}}
}

func createGroup(nick, displayName string) act {
	return act{fmt.Sprintf("create group %s as %s", nick, displayName), func(r *replica, ids map[string]string) error {
		g, err := r.tryGroup(groupBody(displayName, numbered(0, 1001)...))
		if err == nil {
			ids[nick] = g.ID
		}
		return err
	}}
}

func renameGroup(nick, displayName string) act {
	return act{fmt.Sprintf("rename group %s to %s", nick, displayName), func(r *replica, ids map[string]string) error {
		operation := fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, displayName)
		_, _, err := r.tryPatch(r.groups.rt, ids[nick], operation, Match{})
		return err
	}}
}

func deleteGroup(nick string) act {
	return act{"delete group " + nick, func(r *replica, ids map[string]string) error {
		return r.Delete(r.t.Context(), r.groups.rt, ids[nick], Match{})
	}}
}

func createDevice(nick, serial, tag string) act {
	return act{fmt.Sprintf("create device %s as %s, %s", nick, serial, tag), func(r *replica, ids map[string]string) error {
		d, err := r.tryDevice(deviceBody(serial, tag))
		if err == nil {
			ids[nick] = d.ID
		}
		return err
	}}
}

// renameDevice changes both of its unique values with one write.
func renameDevice(nick, serial, tag string) act {
	return act{fmt.Sprintf("rename device %s to %s, %s", nick, serial, tag), func(r *replica, ids map[string]string) error {
		operation := fmt.Sprintf(`{"op":"replace","value":{"serialNumber":%q,"assetTag":%q}}`, serial, tag)
		_, _, err := r.tryPatch(r.devices().rt, ids[nick], operation, Match{})
		return err
	}}
}

func deleteDevice(nick string) act {
	return act{"delete device " + nick, func(r *replica, ids map[string]string) error {
		return r.Delete(r.t.Context(), r.devices().rt, ids[nick], Match{})
	}}
}

// scenario is what is there before, and what then happens.
type scenario struct {
	devices bool // the endpoint declares Devices
	linking bool // by userName
	before  []act
	first   act   // is interrupted
	then    []act // happens elsewhere meanwhile or afterwards
}

func (s scenario) String() string {
	text := s.first.name
	if len(s.before) > 0 {
		text = "after " + s.before[len(s.before)-1].name + ", " + text
	}
	for _, a := range s.then {
		text += ", " + a.name
	}
	return text
}

var scenarios = []scenario{
	{first: createUser("x", "v", "1")},
	{first: createUser("x", "v", "1"), then: []act{createUser("y", "v", "2")}},
	{first: createUser("x", "v", "1"), then: []act{createUser("y", "v", "2"), deleteUser("y"), createUser("z", "v", "3")}},
	{first: createUser("x", "v", "1"), then: []act{createUser("y", "v", "2"), renameUser("y", "w"), createUser("z", "v", "3")}},
	{first: createUser("x", "v", "1"), then: []act{createUser("y", "w", "2"), renameUser("y", "v")}},
	{
		before: []act{createUser("x", "v", "1")}, first: renameUser("x", "w"),
		then: []act{createUser("y", "v", "2"), createUser("z", "w", "3")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: renameUser("x", "w"),
		then: []act{createUser("z", "w", "3"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: renameUser("x", "w"),
		then: []act{renameUser("x", "u"), createUser("z", "w", "3"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: renameUser("x", "w"),
		then: []act{renameUser("x", "w"), renameUser("x", "v"), createUser("z", "w", "3"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: renameUser("x", "w"),
		then: []act{deleteUser("x"), createUser("y", "v", "2"), createUser("z", "w", "3")},
	},
	{
		before: []act{createUser("x", "v", "1"), createUser("y", "w", "2")}, first: renameUser("x", "u"),
		then: []act{renameUser("y", "v"), createUser("z", "w", "3")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: deleteUser("x"),
		then: []act{createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: deleteUser("x"),
		then: []act{createUser("x", "v", "1"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: deleteUser("x"),
		then: []act{renameUser("x", "w"), createUser("y", "v", "2"), createUser("z", "w", "3")},
	},
	{
		before: []act{createUser("x", "v", "1"), deleteUser("x")}, first: createUser("x", "v", "1"),
		then: []act{createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1"), deleteUser("x")}, first: createUser("x", "v", "1"),
		then: []act{createUser("x", "w", "1"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1"), deleteUser("x"), createUser("y", "v", "2"), renameUser("y", "w")},
		first:  createUser("x", "v", "1"), then: []act{renameUser("y", "v"), createUser("z", "w", "3")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: createUser("y", "w", "2"),
		then: []act{renameUser("x", "w"), renameUser("x", "v"), createUser("z", "w", "3")},
	},
	{ // A claim that is taken over from a rename which never happened.
		before: []act{createUser("x", "v", "1"), staleClaim("x", "w")}, first: createUser("y", "w", "2"),
		then: []act{renameUser("x", "w"), createUser("z", "w", "3")},
	},
	{
		before: []act{createUser("x", "v", "1"), createUser("y", "u", "2"), staleClaim("x", "w")}, first: renameUser("y", "w"),
		then: []act{renameUser("x", "w"), createUser("z", "w", "3"), createUser("t", "u", "4")},
	},
	{
		before: []act{createUser("x", "v", "1"), staleClaim("x", "w")}, first: renameUser("x", "w"),
		then: []act{createUser("z", "w", "3"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1")}, first: deactivateUser("x"),
		then: []act{deactivateUser("x"), returnUser("x", "v", "1"), createUser("y", "v", "2")},
	},
	{
		before: []act{createUser("x", "v", "1"), deactivateUser("x")}, first: returnUser("x", "v", "1"),
		then: []act{createUser("y", "v", "2"), renameUser("x", "w"), createUser("z", "v", "3")},
	},
	{
		before: []act{createUser("x", "v", "1"), deleteUser("x")}, first: returnUser("x", "w", "1"),
		then: []act{returnUser("x", "w", "1"), createUser("y", "v", "2"), createUser("z", "w", "3")},
	},
	{ // Who was here before, and is adopted.
		linking: true, before: []act{hereBefore("x", "v")}, first: createUser("y", "v", "1"),
		then: []act{createUser("z", "v", "2")},
	},
	{
		linking: true, before: []act{hereBefore("x", "v")}, first: createUser("y", "v", "1"),
		then: []act{editByHand("x", "title", "A"), createUser("z", "v", "2")},
	},
	{
		linking: true, before: []act{hereBefore("x", "v")}, first: createUser("y", "v", "1"),
		then: []act{editByHand("x", "userName", "w"), createUser("z", "v", "2"), createUser("t", "w", "3")},
	},
	{
		linking: true, before: []act{hereBefore("x", "v")}, first: createUser("y", "v", "1"),
		then: []act{removeByHand("x"), createUser("z", "v", "2")},
	},
	{
		linking: true, before: []act{hereBefore("x", "v"), createUser("y", "u", "1")}, first: renameUser("y", "v"),
		then: []act{createUser("z", "v", "2"), createUser("t", "u", "3")},
	},
	{first: createGroup("x", "v"), then: []act{createGroup("y", "v")}},
	{first: createGroup("x", "v"), then: []act{createGroup("y", "v"), deleteGroup("y"), createGroup("z", "v")}},
	{first: createGroup("x", "v"), then: []act{createGroup("y", "w"), renameGroup("y", "v"), deleteGroup("y"), createGroup("z", "v")}},
	{
		before: []act{createGroup("x", "v")}, first: renameGroup("x", "w"),
		then: []act{deleteGroup("x"), createGroup("y", "w"), createGroup("z", "v")},
	},
	{
		before: []act{createGroup("x", "v")}, first: deleteGroup("x"),
		then: []act{renameGroup("x", "w"), createGroup("y", "v"), createGroup("z", "w")},
	},
	{devices: true, first: createDevice("x", "v", "u"), then: []act{createDevice("y", "v", "u")}},
	{devices: true, first: createDevice("x", "v", "v"), then: []act{createDevice("y", "v", "u"), createDevice("z", "u", "v"), deleteDevice("y")}},
	{
		devices: true,
		before:  []act{createDevice("x", "v", "v"), createDevice("y", "u", "u")}, first: renameDevice("x", "w", "w"),
		then: []act{createDevice("z", "v", "w"), renameDevice("y", "w", "v"), createDevice("t", "u", "w")},
	},
	{
		devices: true, before: []act{createDevice("x", "v", "v")}, first: renameDevice("x", "w", "w"),
		then: []act{deleteDevice("x"), createDevice("y", "w", "v")},
	},
	{
		devices: true, before: []act{createDevice("x", "v", "v")}, first: deleteDevice("x"),
		then: []act{renameDevice("x", "w", "v"), createDevice("y", "v", "w"), createDevice("z", "w", "v")},
	},
}

// staleClaim is what a crash leaves: a claim whose holder does not have the value.
func staleClaim(nick, userName string) act {
	return act{fmt.Sprintf("leave a claim of %s on %s", nick, userName), func(r *replica, ids map[string]string) error {
		_, err := r.acquire(r.t.Context(), r.users.unique[0], scim.FoldName(userName), claimant{id: ids[nick], existing: true})
		return err
	}}
}

// maxWrites is more than any act writes.
const maxWrites = 20

// maxCalls is more than any act writes and reads.
const maxCalls = 40

// prepare does what comes before, and shows it to a second replica.
func (s scenario) prepare(t *testing.T) (w *world, f *faults, first, second *replica, ids map[string]string) {
	t.Helper()
	w, f, ids = newWorld(t), &faults{}, map[string]string{}
	var change func(*Config)
	switch {
	case s.devices:
		change = withDevices
	case s.linking:
		change = linkingBy(api.LinkingByUserName)
	}
	first, second = w.start(change, f.wrap), w.start(change, nil)
	for _, a := range s.before {
		if err := a.do(first, ids); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
	}
	eventually(t, "the second replica has caught up", func() bool {
		a, b := first.index.view(), second.index.view()
		return reflect.DeepEqual(first.Revisions(math.MaxUint64), second.Revisions(math.MaxUint64)) &&
			a.users.live.len() == b.users.live.len() && a.groups.live.len() == b.groups.live.len() &&
			(!s.devices || a.declared[0].live.len() == b.declared[0].live.len()) &&
			(!s.linking || first.knowsOthers(ids) && second.knowsOthers(ids))
	})
	first.timeouts.creation, second.timeouts.creation = time.Millisecond, time.Millisecond
	first.chores = nil // so that its calls have an order
	return w, f, first, second, ids
}

// A process that dies before or after any of its writes leaves no duplicate and no name
// that is blocked.
func TestCrashAtEveryWrite(t *testing.T) {
	for _, s := range scenarios {
		for _, carriedOut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/%v", s, carriedOut), func(t *testing.T) {
				t.Parallel()
				for n := range maxWrites {
					w, f, first, second, ids := s.prepare(t)
					f.crashAfter(n, carriedOut)
					err := s.first.do(first, ids)
					crashed := f.crashed()
					first.stop()
					var refusal *scim.Error
					if err != nil && (!crashed || errors.As(err, &refusal)) {
						t.Errorf("crash at write %d (%v): %v", n, f.written(), err)
					}
					for _, a := range s.then {
						judge(t, a, a.do(second, ids))
					}
					w.requireUnique()
					w.requireEveryNameUsable(second)
					first.stop()
					second.stop()
					if !crashed {
						return
					}
				}
				t.Fatalf("more than %d writes", maxWrites)
			})
		}
	}
}

// A process that is held up before any of its calls while others go on does the same as
// one that is not.
func TestStallAtEveryCall(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			for n := range maxCalls {
				w, f, first, second, ids := s.prepare(t)
				firstIDs := map[string]string{}
				for nick, id := range ids {
					firstIDs[nick] = id
				}
				release := f.stallAt(n)
				done := make(chan error, 1)
				go func() { done <- s.first.do(first, firstIDs) }()
				finished := false
				eventually(t, "the first stalls or is done", func() bool {
					finished = len(done) == 1
					return finished || f.blocked() == 1
				})
				for _, a := range s.then {
					judge(t, a, a.do(second, ids))
				}
				release()
				judge(t, s.first, <-done)
				w.requireUnique()
				w.requireEveryNameUsable(second)
				first.stop()
				second.stop()
				if finished {
					return
				}
			}
			t.Fatalf("more than %d calls", maxCalls)
		})
	}
}

// judge allows what a client may be told: that a name is taken, or that a resource, or
// what the act needs, is not there.
func judge(t *testing.T, a act, err error) {
	t.Helper()
	var refusal *scim.Error
	if err == nil || errors.As(err, &refusal) && (refusal.Status == 409 || refusal.Status == 404) {
		return
	}
	t.Errorf("%s: %v", a.name, err)
}

// requireEveryNameUsable takes every name that nobody has.
func (w *world) requireEveryNameUsable(r *replica) {
	w.t.Helper()
	taken := w.live()
	for _, name := range []string{"u", "v", "w"} {
		_, userErr := r.tryUser(userBody(name, `"externalId":"new"`))
		_, groupErr := r.tryGroup(groupBody(name))
		errs := map[string]error{"user ": userErr, "group ": groupErr}
		if len(r.kinds) > 2 {
			_, errs["serial "] = r.tryDevice(deviceBody(name, ""))
			_, errs["tag "] = r.tryDevice(deviceBody("for "+name, name))
		}
		for prefix, err := range errs {
			if len(taken[prefix+name]) > 0 {
				requireTaken(w.t, err)
			} else if err != nil {
				w.t.Errorf("nobody has the name %s, and nobody can take it: %v", prefix+name, err)
			}
		}
	}
	w.requireUnique()
}

// A takes w by a rename that is under way. B takes the claim over and dies before it can
// stop A. C wants w.
func TestATakeoverThatWasNotFinishedIsFinishedByTheNext(t *testing.T) {
	for _, next := range []act{createUser("z", "w", "3"), renameUser("y", "w")} {
		t.Run(next.name, func(t *testing.T) {
			w := newWorld(t)
			stalling, crashing := &faults{}, &faults{}
			a, b, c := w.start(nil, stalling.wrap), w.start(nil, crashing.wrap), w.replica()
			ids := map[string]string{"x": a.user(userBody("v")).ID, "y": c.user(userBody("u")).ID}
			eventually(t, "all have caught up", func() bool {
				return a.index.view().users.live.len() == 2 && b.index.view().users.live.len() == 2 && c.index.view().users.live.len() == 2
			})
			release := stalling.block(usersResource, "patch")
			done := make(chan error, 1)
			go func() { done <- a.rename(ids["x"], "w") }()
			eventually(t, "the rename is under way", func() bool { return stalling.blocked() == 1 })
			crashing.crashAfter(1, true) // the first write finds the claim there
			requireUnavailable(t, createUser("t", "w", "2").do(b, ids))
			if claimed := w.claims()["user w"]; claimed == ids["x"] {
				t.Fatal("the claim was not taken over")
			}
			if err := next.do(c, ids); err != nil {
				t.Error(err)
			}
			release()
			requireTaken(t, <-done)
			w.requireUnique()
			w.requireEveryNameUsable(c)
		})
	}
}

// Two replicas rename one user to one name. The first makes the claim, the second finds
// it there and loses: it must leave the claim alone.
func TestTheLoserOfTwoEqualRenamesLeavesTheClaim(t *testing.T) {
	w := newWorld(t)
	winning, losing := &faults{}, &faults{}
	winner, loser := w.start(nil, winning.wrap), w.start(nil, losing.wrap)
	x := winner.user(userBody("v"))
	eventually(t, "both know the user", func() bool { return loser.index.view().users.live.len() == 1 })
	releaseWinner, releaseLoser := winning.block(usersResource, "patch"), losing.block(usersResource, "patch")
	won, lost := make(chan error, 1), make(chan error, 1)
	go func() { won <- winner.rename(x.ID, "w") }()
	eventually(t, "the first has the claim", func() bool { return winning.blocked() == 1 })
	go func() { lost <- loser.rename(x.ID, "w") }()
	eventually(t, "the second has found it", func() bool { return losing.blocked() == 1 })
	releaseWinner()
	if err := <-won; err != nil {
		t.Error(err)
	}
	releaseLoser()
	if err := <-lost; err != nil {
		t.Error(err)
	}
	w.requireUnique()
}

// A creation is held up on its way to the API server, or its process has died meanwhile.
// Others take the name, are deleted for good, and the name is taken again.
func TestACreationThatComesLateFails(t *testing.T) {
	for _, row := range []struct {
		name   string
		create func(*replica) (*Resource, error)
		kind   func(*Store) *kind
	}{
		{"user", func(r *replica) (*Resource, error) { return r.tryUser(userBody("v")) }, func(s *Store) *kind { return s.users }},
		{"group", func(r *replica) (*Resource, error) { return r.tryGroup(groupBody("v")) }, func(s *Store) *kind { return s.groups }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			f := &faults{}
			late, r := w.start(nil, f.wrap), w.replica()
			k := row.kind(r.Store)
			release := f.block(k.resource, "create")
			done := make(chan error, 1)
			go func() { done <- errorOf(row.create(late)) }()
			eventually(t, "the creation is held up", func() bool { return f.blocked() == 1 })
			held := w.claims()[row.name+" v"]
			first, err := row.create(r)
			if err != nil {
				t.Fatal(err)
			}
			if first.ID == held {
				t.Error("the id of another creation was adopted")
			}
			w.deleteForGood(r, k, first.ID)
			second, err := row.create(r)
			if err != nil {
				t.Fatal(err)
			}
			release()
			requireTaken(t, <-done)
			w.requireUnique()
			for _, id := range []string{held, first.ID} {
				_, err := r.Get(t.Context(), k.rt, id)
				requireNotFound(t, err)
			}
			if page := r.list(Query{Type: k.rt, Count: 10}); page.Total != 1 || page.Resources[0].ID != second.ID {
				t.Errorf("%d are shown", page.Total)
			}
		})
	}
}

// deleteForGood is what kubectl delete and the manager do.
func (w *world) deleteForGood(r *replica, k *kind, id string) {
	w.t.Helper()
	if err := w.raw.remove(w.t.Context(), k.resource, id, metav1.Preconditions{}, k.newObject()); err != nil {
		w.t.Fatal(err)
	}
	if err := r.releaseAll(w.t.Context(), id); err != nil {
		w.t.Fatal(err)
	}
	if err := r.dropFinalizer(w.t.Context(), k, id); err != nil {
		w.t.Fatal(err)
	}
}

// A rename died after its claim, and then its user was deleted for good: its id is not
// given to whoever takes the name.
func TestTheIDOfOneWhoWasDeletedIsNotAdopted(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	x := r.user(userBody("v"))
	if err := staleClaim("x", "w").do(r, map[string]string{"x": x.ID}); err != nil {
		t.Fatal(err)
	}
	if err := w.raw.remove(t.Context(), usersResource, x.ID, metav1.Preconditions{}, &api.ScimUser{}); err != nil {
		t.Fatal(err)
	}
	if err := r.dropFinalizer(t.Context(), r.users, x.ID); err != nil {
		t.Fatal(err)
	}
	if y := r.user(userBody("w")); y.ID == x.ID {
		t.Error("the id was given to another person")
	}
	w.requireUnique()
}
