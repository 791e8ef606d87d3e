// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	api "scim-operator.io/api/v1alpha1"
)

// writeStatus writes a status that differs from every other one, as the manager does.
func (w *world) writeStatus(ctx context.Context, id string, n int64) error {
	patch := fmt.Appendf(nil, `{"status":{"roles":["role-%d"]}}`, n)
	return w.raw.rest.Patch(types.MergePatchType).Namespace(w.namespace).Resource(string(usersResource)).
		Name(id).SubResource("status").Body(patch).Do(ctx).Error()
}

// interrupter is a client before whose writes of a user somebody else writes the status.
type interrupter struct {
	client
	world *world
	left  atomic.Int64 // how many writes are still interrupted
}

func (i *interrupter) wrap(c client) client {
	i.client = c
	return i
}

func (i *interrupter) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	if r == usersResource {
		if n := i.left.Add(-1); n >= 0 {
			if err := i.world.writeStatus(ctx, name, n); err != nil {
				return err
			}
		}
	}
	return i.client.mergePatch(ctx, r, name, patch, into)
}

// A write succeeds however often somebody else writes the status before it does.
func TestStatusWritesRefuseNoWrite(t *testing.T) {
	const times = 20
	for _, row := range []struct {
		name  string
		write func(t *testing.T, r *replica) error
	}{
		{"a change", func(_ *testing.T, r *replica) error {
			_, _, err := r.tryPatch(r.users.rt, r.user(userBody("v")).ID, `{"op":"replace","path":"title","value":"X"}`, Match{})
			return err
		}},
		{"a rename", func(_ *testing.T, r *replica) error { return r.rename(r.user(userBody("v")).ID, "w") }},
		{"a deletion", func(t *testing.T, r *replica) error {
			return r.Delete(t.Context(), r.users.rt, r.user(userBody("v")).ID, Match{})
		}},
		{"the return of a deactivated user", func(_ *testing.T, r *replica) error {
			r.user(userBody("v", `"externalId":"1"`, `"active":false`))
			_, err := r.tryUser(userBody("v", `"externalId":"1"`))
			return err
		}},
		{"an adoption", func(_ *testing.T, r *replica) error {
			_, err := r.tryUser(spokenFor("before"))
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.unlinked("before", api.ScimUserSpec{UserName: "before", Emails: emails("somebody@acme.com")})
			i := &interrupter{world: w}
			r := w.start(linkingBy(api.LinkingByUserName), i.wrap)
			r.awaitOthers("before")
			i.left.Store(times)
			if err := row.write(t, r); err != nil {
				t.Error(err)
			}
			if left := i.left.Load(); left >= 0 {
				t.Errorf("%d of %d status writes came too late", left, times)
			}
			w.requireUnique()
		})
	}
	t.Run("the return of a deleted user", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		i := &interrupter{world: w}
		r := w.start(nil, i.wrap)
		u := r.user(userBody("v", `"externalId":"1"`))
		r.delete(r.users.rt, u.ID)
		i.left.Store(times)
		if back, err := r.tryUser(userBody("v", `"externalId":"1"`)); err != nil || back.ID != u.ID {
			t.Errorf("%v, %v; the record is %s", back, err, u.ID)
		}
		w.requireUnique()
	})
}

// Many clients change one user while a manager writes its status without a pause.
func TestManyClientsOfOneUserSucceedBesideAManager(t *testing.T) {
	const clients = 64
	w := newWorld(t)
	replicas := []*replica{w.replica(), w.replica()}
	u := replicas[0].user(userBody("busy"))
	eventually(t, "both know the user", func() bool { return replicas[1].Known(replicas[1].users.rt, u.ID) != nil })
	ctx, stop := context.WithCancel(t.Context())
	var manager sync.WaitGroup
	var statuses atomic.Int64
	manager.Go(func() {
		for ctx.Err() == nil {
			if w.writeStatus(ctx, u.ID, statuses.Load()) == nil {
				statuses.Add(1)
			}
		}
	})
	var racing sync.WaitGroup
	for i := range clients {
		r := replicas[i%len(replicas)]
		racing.Go(func() {
			operation := fmt.Sprintf(`{"op":"add","path":"emails","value":[{"value":"%d@acme.com"}]}`, i)
			if _, _, err := r.tryPatch(r.users.rt, u.ID, operation, Match{}); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	racing.Wait()
	stop()
	manager.Wait()
	t.Logf("%d status writes meanwhile", statuses.Load())
	stored := w.stored(u.ID)
	var got []string
	for i := range stored.Spec.Emails {
		got = append(got, stored.Spec.Emails[i].Value)
	}
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != clients {
		t.Errorf("%d of %d changes are stored: %v", len(got), clients, got)
	}
}

// straggler is a client whose writes of a user end after those who waited for them have gone.
type straggler struct {
	client
	gone     func() bool
	armed    atomic.Bool
	underWay atomic.Int64
}

func (s *straggler) wrap(c client) client {
	s.client = c
	return s
}

func (s *straggler) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	if r == usersResource && s.armed.Load() {
		s.underWay.Add(1)
		for !s.gone() {
			if err := pass(ctx, after(time.Millisecond)); err != nil {
				return err
			}
		}
	}
	return s.client.mergePatch(ctx, r, name, patch, into)
}

// A creation that brings a user back, or adopts one, and whose time is up has its answer,
// which the write that goes on does not touch.
func TestAWriteOutlivesTheCreationThatWaitsForIt(t *testing.T) {
	for _, row := range []struct {
		name    string
		prepare func(*replica)
		again   string
	}{
		{"a return", func(r *replica) { r.delete(r.users.rt, r.user(userBody("v", `"externalId":"1"`)).ID) }, userBody("v", `"externalId":"1"`)},
		{"an adoption", func(*replica) {}, spokenFor("before")},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, slow := newWorld(t), &straggler{}
			w.unlinked("before", api.ScimUserSpec{UserName: "before", Emails: emails("somebody@acme.com")})
			r := w.start(linkingBy(api.LinkingByUserName), slow.wrap)
			slow.gone = func() bool { return r.Unfinished() > 0 }
			r.awaitOthers("before")
			row.prepare(r)
			slow.armed.Store(true)
			parsed := parse(t, r.users.rt, row.again)
			// As much time as it takes until the write of the user is under way.
			for allowed := 100 * time.Millisecond; slow.underWay.Load() == 0 && allowed < patience; allowed *= 2 {
				ctx, cancel := context.WithTimeout(t.Context(), allowed)
				_, err := r.Create(ctx, r.users.rt, parsed)
				cancel()
				requireUnavailable(t, err)
			}
			if slow.underWay.Load() == 0 {
				t.Fatal("no write is under way")
			}
			eventually(t, "the write has ended", func() bool { return r.Unfinished() == 0 })
			slow.armed.Store(false)
			if _, err := r.tryUser(row.again); err == nil {
				t.Error("the user was not there after the write had ended")
			}
			w.requireUnique()
		})
	}
}

// A change that waits goes with its client. A write under way counts until it ends.
func TestWritesThatGoOnAreCounted(t *testing.T) {
	w, f := newWorld(t), &faults{}
	r := w.start(nil, f.wrap)
	u := r.user(userBody("v"))
	release := f.block(usersResource, "patch")
	ctx, leave := context.WithCancel(t.Context())
	patch := func(ctx context.Context, value string) error {
		p, err := r.users.rt.ParsePatch(fmt.Appendf(nil,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":%q}]}`, value))
		if err != nil {
			return err
		}
		_, _, err = r.Update(ctx, r.users.rt, u.ID, Match{}, p.Apply)
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { requireUnavailable(t, patch(ctx, "under way")) })
	eventually(t, "a write is under way", func() bool { return f.blocked() == 1 })
	for range 3 {
		running.Go(func() { requireUnavailable(t, patch(ctx, "waiting")) })
	}
	eventually(t, "others wait", func() bool { return r.writers.waiting(queueKey{r.users, u.ID}) == 3 })
	if n := r.Unfinished(); n != 0 {
		t.Errorf("%d writes have no client while all wait", n)
	}
	leave()
	running.Wait()
	if n := r.Unfinished(); n != 1 {
		t.Errorf("%d writes go on without a client, want 1", n)
	}
	if n := r.writers.waiting(queueKey{r.users, u.ID}); n != 0 {
		t.Errorf("%d changes wait whose clients do not", n)
	}
	release()
	eventually(t, "the write has ended", func() bool { return r.Unfinished() == 0 })
	if err := patch(t.Context(), "the next one"); err != nil {
		t.Error(err)
	}
	if n := r.Unfinished(); n != 0 {
		t.Errorf("%d writes go on in the end", n)
	}
}
