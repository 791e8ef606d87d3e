// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	api "scim-operator.io/api/v1alpha1"
)

// fault is an answer of an API server in trouble.
type fault struct {
	name       string
	err        error
	carriedOut bool          // although the answer does not say so
	retryAfter time.Duration // that a client is asked for
}

var faultsOfTheAPIServer = []fault{
	{name: "429", err: apierrors.NewTooManyRequests("slow down", 7), retryAfter: 7 * time.Second},
	{name: "500", err: apierrors.NewInternalError(errors.New("etcdserver: leader changed")), retryAfter: defaultRetryAfter},
	{name: "500 afterwards", err: apierrors.NewInternalError(errors.New("etcdserver: leader changed")), carriedOut: true, retryAfter: defaultRetryAfter},
	{name: "etcd is full", err: apierrors.NewInternalError(errors.New("etcdserver: mvcc: database space exceeded")), retryAfter: defaultRetryAfter},
	{name: "503", err: apierrors.NewServiceUnavailable("starting"), retryAfter: defaultRetryAfter},
	{name: "504 afterwards", err: apierrors.NewTimeoutError("request did not complete within its deadline", 3), carriedOut: true, retryAfter: 3 * time.Second},
	{name: "403", err: apierrors.NewForbidden(api.Resource("scimusers"), "", errors.New("no")), retryAfter: defaultRetryAfter},
	{name: "the connection breaks", err: errCrashed, retryAfter: defaultRetryAfter},
}

// breakAt makes the n-th write from now on, counted from 0, be answered with a fault.
func (f *faults) breakAt(n int, with fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := len(f.writes)
	f.broken = func(before int) *fault {
		if before-first != n {
			return nil
		}
		return &with
	}
}

// Whatever the API server answers to whichever of its writes, a request is done or not
// done; the client is told to come again, when, and then succeeds.
func TestAFaultyAnswerLeavesAWriteDoneOrNotDone(t *testing.T) {
	user := []act{createUser("x", "v", "1")}
	for _, row := range []struct {
		before []act
		act    act
		done   string // what is live once it is done
	}{
		{nil, createUser("x", "v", "1"), "user v"},
		{user, renameUser("x", "w"), "user w"},
		{user, deleteUser("x"), ""},
		{append(slices.Clone(user), deleteUser("x")), createUser("x", "w", "1"), "user w"},
		{nil, createGroup("x", "v"), "group v"},
		{[]act{createGroup("x", "v")}, renameGroup("x", "w"), "group w"},
		{[]act{createGroup("x", "v")}, deleteGroup("x"), ""},
	} {
		for _, with := range faultsOfTheAPIServer {
			t.Run(scenario{before: row.before, first: row.act}.String()+"/"+with.name, func(t *testing.T) {
				t.Parallel()
				w, f, ids := newWorld(t), &faults{}, map[string]string{}
				r := w.start(nil, f.wrap)
				r.timeouts.creation = time.Millisecond
				for n := range maxWrites {
					for _, a := range row.before {
						if err := a.do(r, ids); err != nil {
							t.Fatalf("%s: %v", a.name, err)
						}
					}
					before := w.names()
					writes := len(f.written())
					f.breakAt(n, with)
					err := row.act.do(r, ids)
					f.breakAt(-1, with)
					w.requireDoneOrNot(t, err, before, row.done, with)
					if err != nil {
						if err := row.act.do(r, ids); err != nil {
							t.Errorf("fault at write %d (%v): the next attempt: %v", n, f.written()[writes:], err)
						}
					}
					if got := w.names(); len(got) > 1 || len(got) == 1 && got[0] != row.done {
						t.Errorf("fault at write %d: live in the end: %v", n, got)
					}
					w.requireUnique()
					made := len(f.written()) - writes
					w.clean(r, ids)
					if n >= made {
						return
					}
				}
				t.Fatalf("more than %d writes", maxWrites)
			})
		}
	}
}

// names are those of what is live.
func (w *world) names() []string {
	var names []string
	for name := range w.live() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *world) requireDoneOrNot(t *testing.T, err error, before []string, done string, with fault) {
	t.Helper()
	after, isDone := w.names(), []string{done}
	if done == "" {
		isDone = nil
	}
	if err == nil {
		if !slices.Equal(after, isDone) {
			t.Errorf("it succeeded, and live is %v", after)
		}
		return
	}
	var later *Unavailable
	if !errors.As(err, &later) || later.RetryAfter != with.retryAfter {
		t.Errorf("the answer is %v", err)
	}
	if !slices.Equal(after, before) && !slices.Equal(after, isDone) {
		t.Errorf("live was %v and is %v, want that or %v", before, after, isDone)
	}
}

// clean deletes everything for the next attempt.
func (w *world) clean(r *replica, ids map[string]string) {
	w.t.Helper()
	for name, held := range w.live() {
		k := r.users
		if name[0] == 'g' {
			k = r.groups
		}
		for _, id := range held {
			w.deleteForGood(r, k, id)
		}
	}
	clear(ids)
	eventually(w.t, "the index is empty", func() bool {
		view := r.index.view()
		return view.users.live.len() == 0 && view.groups.live.len() == 0
	})
}

// staleWatch is a client whose watches end as they do when the API server no longer has
// what lies between.
type staleWatch struct {
	client
	expired atomic.Int64 // watches still to be ended so
	ended   atomic.Int64
}

func (s *staleWatch) watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error) {
	if s.expired.Add(-1) < 0 {
		return s.client.watch(ctx, r, o)
	}
	s.ended.Add(1)
	w := watch.NewFakeWithOptions(watch.FakeOptions{ChannelSize: 1})
	status := apierrors.NewResourceExpired("too old resource version").Status()
	w.Error(&status)
	return w, nil
}

// A watch that is answered with 410 begins anew with a list: nothing is missed, and what
// was deleted meanwhile is gone.
func TestAResourceVersionThatIsTooOldIsSurvived(t *testing.T) {
	w := newWorld(t)
	other := w.replica()
	gone := other.user(userBody("quentin"))
	stale := &staleWatch{}
	stale.expired.Store(9) // each kind's first watches
	r := w.start(nil, func(c client) client { stale.client = c; return stale })
	stays := other.user(userBody("ruth"))
	other.delete(other.users.rt, gone.ID)
	eventually(t, "everything is seen", func() bool {
		view := r.index.view()
		_, found := view.users.live.find(stays.ID)
		return found && view.users.live.len() == 1 && r.Ready() == nil && stale.ended.Load() == 9
	})
}

// However long the API server takes, a request ends by its deadline.
func TestEveryRequestHasADeadline(t *testing.T) {
	for _, call := range []struct{ verb, name string }{
		{"create", "scimclaims"}, {"get", "scimclaims"}, {"create", "scimusers"}, {"patch", "scimusers"}, {"list", "scimusers"},
	} {
		t.Run(call.verb+" "+call.name, func(t *testing.T) {
			w := newWorld(t)
			f, peers := &faults{}, &testPeers{}
			r := w.start(func(c *Config) { c.Peers = peers }, f.wrap)
			u := r.user(userBody("sybil"))
			release := f.block(resource(call.name), call.verb)
			defer release()
			peers.set(func() { peers.silent = true })
			// As much time as it takes until a call is held up.
			for allowed := 50 * time.Millisecond; f.blocked() == 0 && allowed < patience; allowed *= 2 {
				r.timeouts.write = allowed
				ctx, cancel := context.WithTimeout(t.Context(), allowed)
				_, listErr := r.List(ctx, Query{Type: r.users.rt, Count: 1})
				cancel()
				for _, err := range []error{errorOf(r.tryUser(userBody("trent-" + allowed.String()))), r.rename(u.ID, "uma"), listErr} {
					if err != nil {
						requireUnavailable(t, err)
					}
				}
			}
			if f.blocked() == 0 {
				t.Fatal("nothing was held up: the test shows nothing")
			}
		})
	}
}
