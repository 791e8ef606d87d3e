// SPDX-License-Identifier: Apache-2.0

package store

import (
	"sync"
	"sync/atomic"
	"testing"

	api "scim-operator.io/api/v1alpha1"

	"scim-operator.io/internal/scim/scimtest"
)

func TestADeactivatedUserWhoIsCreatedAgainIsTheSame(t *testing.T) {
	const leaver = `"externalId":"9","active":false,"title":"A"`
	for _, row := range []struct {
		name          string
		before, again string
		same          bool
	}{
		{name: "active again", before: leaver, again: `"externalId":"9","active":true`, same: true},
		{name: "active as a matter of course", before: leaver, again: `"externalId":"9"`, same: true},
		{name: "still inactive", before: leaver, again: `"externalId":"9","active":false`},
		{name: "another person", before: leaver, again: `"externalId":"10","active":true`},
		{name: "nobody knows whether it is the same person", before: `"active":false`, again: `"active":true`},
		{name: "one who never left", before: `"externalId":"9","active":true`, again: `"externalId":"9","active":true`},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.replica()
			u := r.user(userBody("frank", row.before))
			again, err := r.tryUser(userBody("Frank", row.again))
			if !row.same {
				requireTaken(t, err)
			} else if err != nil || again.ID != u.ID || again.Version == u.Version {
				t.Fatalf("%v, %v; the user before is %s", again, err, u.ID)
			} else if title, name := scimtest.Value(again.Object(), "title"), scimtest.Value(again.Object(), "userName"); title != nil || name != "Frank" {
				t.Errorf("title is %v and userName is %v", title, name)
			} else if active := scimtest.Value(again.Object(), "active"); active != true || !again.Existing {
				t.Errorf("active is %v, and that the user was there before is %v", active, again.Existing)
			}
			w.requireUnique()
		})
	}
}

func TestRacingReturnsOfADeactivatedUserHaveOneWinner(t *testing.T) {
	w := newWorld(t)
	replicas := []*replica{w.replica(), w.replica()}
	u := replicas[0].user(userBody("grace", `"externalId":"11","active":false`))
	var winners atomic.Int64
	var racing sync.WaitGroup
	for i := range 16 {
		racing.Go(func() {
			back, err := replicas[i%2].tryUser(userBody("grace", `"externalId":"11","active":true`))
			switch {
			case err == nil && back.ID == u.ID:
				winners.Add(1)
			case err == nil:
				t.Errorf("there is another user: %s", back.ID)
			default:
				requireTaken(t, err)
			}
		})
	}
	racing.Wait()
	if winners.Load() != 1 {
		t.Errorf("%d have brought the user back", winners.Load())
	}
	w.requireUnique()
}

// Somebody else writes the record, such as the manager its status, while a user returns
// to it: that is no reason to make another record.
func TestAReturnThatMeetsAnotherWriteIsTriedAgain(t *testing.T) {
	for _, row := range []struct {
		name          string
		leave         func(*replica, *Resource)
		before, again string
	}{
		{"deleted", func(r *replica, u *Resource) { r.delete(r.users.rt, u.ID) }, `"externalId":"12"`, `"externalId":"12"`},
		{"deactivated", func(*replica, *Resource) {}, `"externalId":"12","active":false`, `"externalId":"12","active":true`},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			f := &faults{}
			r := w.start(nil, f.wrap)
			u := r.user(userBody("heidi", row.before))
			row.leave(r, u)
			release := f.block(usersResource, "patch")
			type result struct {
				user *Resource
				err  error
			}
			done := make(chan result, 1)
			go func() {
				back, err := r.tryUser(userBody("heidi", row.again))
				done <- result{back, err}
			}()
			eventually(t, "the record is about to be written", func() bool { return f.blocked() == 1 })
			racing := []byte(`{"metadata":{"annotations":{"example.com/racing":"true"}}}`)
			if err := w.raw.mergePatch(t.Context(), usersResource, u.ID, racing, &api.ScimUser{}); err != nil {
				t.Fatal(err)
			}
			release()
			back := <-done
			if back.err != nil || back.user.ID != u.ID {
				t.Fatalf("%v, %v; the record is %s", back.user, back.err, u.ID)
			}
			w.requireUnique()
		})
	}
}
