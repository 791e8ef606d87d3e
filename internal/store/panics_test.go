// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

// panicOf is what a call panics with.
func panicOf(call func()) (value any) {
	defer func() { value = recover() }()
	call()
	return nil
}

func TestAPanicIsThatOfItsOwnRequest(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	r := w.start(nil, f.wrap)
	u := r.user(userBody("alice"))
	release := f.block(usersResource, "patch")
	var running sync.WaitGroup
	running.Go(func() { r.patch(r.users.rt, u.ID, `{"op":"replace","path":"title","value":"first"}`) })
	eventually(t, "the first write is under way", func() bool { return f.blocked() == 1 })
	running.Go(func() { r.patch(r.users.rt, u.ID, `{"op":"replace","path":"title","value":"second"}`) })
	for i := range 2 {
		running.Go(func() {
			value := panicOf(func() {
				_, _, _ = r.Update(t.Context(), r.users.rt, u.ID, Match{},
					func(*scim.Object, *scim.Members) (*scim.Object, bool, error) { panic(fmt.Sprint("bug ", i)) })
			})
			if value != fmt.Sprint("bug ", i) {
				t.Errorf("the request with the bug %d ended with %v", i, value)
			}
		})
	}
	running.Go(func() { r.patch(r.users.rt, u.ID, `{"op":"replace","path":"nickName","value":"Al"}`) })
	eventually(t, "the others wait", func() bool { return r.writers.waiting(queueKey{r.users, u.ID}) == 4 })
	release()
	running.Wait()
	r.patch(r.users.rt, u.ID, `{"op":"replace","path":"locale","value":"de"}`)
	read, err := r.Get(t.Context(), r.users.rt, u.ID)
	if err != nil || scimtest.Value(read.Object(), "title") != "second" || scimtest.Value(read.Object(), "nickName") != "Al" {
		t.Errorf("the user is %v, %v", read, err)
	}
	bug := errors.New("bug")
	value := panicOf(func() {
		_, _ = r.writers.exclusive(t.Context(), r.users, u.ID, func(context.Context) (*Resource, error) { panic(bug) })
	})
	if value != any(bug) {
		t.Errorf("a write that runs alone ended with %v", value)
	}
	r.delete(r.users.rt, u.ID)
}

func TestAPanicOfASharedRunIsThatOfWhoeverWaits(t *testing.T) {
	fail := true
	s := shared[int]{timeout: time.Minute, run: func(context.Context) (int, error) {
		if fail {
			panic("bug")
		}
		return 7, nil
	}}
	if value := panicOf(func() { _, _ = s.do(t.Context()) }); value != "bug" {
		t.Errorf("waiting ended with %v", value)
	}
	fail = false
	if got, err := s.do(t.Context()); got != 7 || err != nil {
		t.Errorf("the next run gave %d, %v", got, err)
	}
}
