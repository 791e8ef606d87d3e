// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

// storm is a client of an API server in trouble: a share of its writes is answered with
// an error, carried out or not, and everything takes a while.
type storm struct {
	client
	share    atomic.Int64 // of a hundred writes
	failures []failure
	slow     bool
}

// failure is an error that the API server answers.
type failure struct {
	name       string
	err        func() error
	carriedOut bool // at times
}

var failures = []failure{
	{"429", func() error { return apierrors.NewTooManyRequests("busy", 7) }, false},
	{"500", func() error { return apierrors.NewInternalError(errors.New("etcdserver: leader changed")) }, true},
	{"409", func() error {
		return apierrors.NewConflict(api.Resource("scimusers"), "x", errors.New("changed meanwhile"))
	}, false},
	{"503", func() error { return apierrors.NewServiceUnavailable("starting") }, true},
	{"504", func() error { return apierrors.NewTimeoutError("etcd did not answer", 7) }, true},
	{"the connection", func() error { return errCrashed }, true},
}

func (s *storm) wrap(c client) client {
	s.client = c
	return s
}

func (s *storm) write(ctx context.Context, isCreate bool, call func() error) error {
	if s.slow {
		_ = pass(ctx, after(time.Duration(rand.IntN(5000))*time.Microsecond))
	}
	f := s.failures[rand.IntN(len(s.failures))]
	if rand.Int64N(100) >= s.share.Load() || isCreate && f.name == "409" {
		return call()
	}
	if f.carriedOut && rand.IntN(2) == 0 {
		_ = call()
	}
	return f.err()
}

// after is closed when a time has passed.
func after(d time.Duration) chan struct{} {
	gate := make(chan struct{})
	time.AfterFunc(d, func() { close(gate) })
	return gate
}

func (s *storm) create(ctx context.Context, r resource, from, into object) error {
	return s.write(ctx, true, func() error { return s.client.create(ctx, r, from, into) })
}

func (s *storm) update(ctx context.Context, r resource, from, into object) error {
	return s.write(ctx, false, func() error { return s.client.update(ctx, r, from, into) })
}

func (s *storm) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	return s.write(ctx, false, func() error { return s.client.mergePatch(ctx, r, name, patch, into) })
}

func (s *storm) remove(ctx context.Context, r resource, name string, p metav1.Preconditions, into object) error {
	return s.write(ctx, false, func() error { return s.client.remove(ctx, r, name, p, into) })
}

// Every write fails: the client is told to come again later, nothing is done by halves,
// reads go on, and when the trouble is over so is everything.
func TestErrorsOfTheAPIServerAreSurvived(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			trouble := &storm{failures: []failure{{f.name, f.err, false}}}
			r := w.start(nil, trouble.wrap)
			u := r.user(userBody("v"))
			r.timeouts.write = 2 * time.Second
			trouble.share.Store(100)
			requireUnavailable(t, r.rename(u.ID, "w"))
			_, _, err := r.tryPatch(r.users.rt, u.ID, `{"op":"replace","path":"title","value":"X"}`, Match{})
			requireUnavailable(t, err)
			requireUnavailable(t, r.Delete(t.Context(), r.users.rt, u.ID, Match{}))
			var later *Unavailable
			if errors.As(err, &later) && f.name == "429" && later.RetryAfter != 7*time.Second {
				t.Errorf("the client is told to come again in %v, the API server said 7 s", later.RetryAfter)
			}
			read, err := r.Get(t.Context(), r.users.rt, u.ID)
			if err != nil || scimtest.Value(read.Object(), "title") != nil {
				t.Errorf("a read meanwhile: %v, %v", read, err)
			}
			trouble.share.Store(0)
			r.timeouts.write = patience
			if err := r.rename(u.ID, "w"); err != nil {
				t.Error(err)
			}
			w.requireUnique()
			w.requireEveryNameUsable(r)
		})
	}
}

// Many clients write while the API server answers with errors of all kinds: what was
// acknowledged stays, and no name is taken twice or blocked.
func TestAStormOfErrorsLosesNothing(t *testing.T) {
	w := newWorld(t)
	trouble := &storm{failures: failures, slow: true}
	replicas := []*replica{w.start(nil, trouble.wrap), w.start(nil, trouble.wrap)}
	for _, r := range replicas {
		r.timeouts.creation = time.Millisecond
	}
	trouble.share.Store(25)
	var mu sync.Mutex
	titles := map[string]map[string]bool{} // what the title of each user may be
	var racing sync.WaitGroup
	for worker := range 6 {
		r := replicas[worker%2]
		racing.Go(func() {
			for i := range 8 {
				u, err := r.tryUser(userBody([]string{"u", "v", "w"}[i%3], fmt.Sprintf(`"externalId":"%d-%d"`, worker, i)))
				requireAnswer(t, "create", err)
				if err != nil {
					continue
				}
				may := map[string]bool{"": true}
				for n := range 5 {
					title := fmt.Sprint(n)
					_, _, err := r.tryPatch(r.users.rt, u.ID, fmt.Sprintf(`{"op":"replace","path":"title","value":%q}`, title), Match{})
					requireAnswer(t, "change", err)
					if err == nil {
						may = map[string]bool{}
					}
					may[title] = true
				}
				if worker%2 == 0 {
					requireAnswer(t, "delete", r.Delete(t.Context(), r.users.rt, u.ID, Match{}))
					continue
				}
				mu.Lock()
				titles[u.ID] = may
				mu.Unlock()
			}
		})
	}
	racing.Wait()
	trouble.share.Store(0)
	calm := w.replica()
	for id, may := range titles {
		read, err := calm.Get(t.Context(), calm.users.rt, id)
		if err != nil {
			t.Errorf("a user who was acknowledged: %v", err)
			continue
		}
		title, _ := scimtest.Value(read.Object(), "title").(string)
		if !may[title] {
			t.Errorf("the title is %q, and may be %v", title, may)
		}
	}
	w.requireUnique()
	w.requireEveryNameUsable(calm)
}

// requireAnswer allows what a client may be told in a storm.
func requireAnswer(t *testing.T, what string, err error) {
	t.Helper()
	var refusal *scim.Error
	var later *Unavailable
	switch {
	case err == nil, errors.As(err, &later) && later.RetryAfter > 0:
	case errors.As(err, &refusal) && refusal.Status == http.StatusConflict:
	default:
		t.Errorf("%s: %v", what, err)
	}
}
