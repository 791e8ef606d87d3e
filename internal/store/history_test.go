// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	api "scim-operator.io/api/v1alpha1"
)

// A write that changes nothing has the revision of an object that may be far older than the
// newest of its resource, which proves nothing about the history.
func TestAWriteThatChangesNothingIsNoHistorySetBack(t *testing.T) {
	r := newWorld(t).replica()
	old := r.user(`{"userName":"old"}`)
	u := &api.ScimUser{}
	read := func() {
		if err := r.client.get(t.Context(), usersResource, old.ID, u); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time the API server knows the writer already
		for _, patch := range []string{`{}`, `{"spec":{"userName":"old"}}`, `{"metadata":{"resourceVersion":%q}}`} {
			if read(); strings.Contains(patch, "%") {
				patch = fmt.Sprintf(patch, u.ResourceVersion)
			}
			if err := r.client.mergePatch(t.Context(), usersResource, old.ID, []byte(patch), &api.ScimUser{}); err != nil {
				t.Errorf("%s: %v", patch, err)
			}
			r.user(fmt.Sprintf(`{"userName":%q}`, randomSuffix()))
		}
		read()
		if err := r.client.update(t.Context(), usersResource, u, &api.ScimUser{}); err != nil {
			t.Error(err)
		}
	}
	if err := r.history.err(); err != nil {
		t.Error(err)
	}
}

// lateAnswers is a connection to API servers of which one answers lists of what does not exist
// with a revision that is behind, as one does whose storage keeps the revision in a cache.
type lateAnswers struct {
	client
	behind atomic.Int64 // lists that are still to be answered so
}

func (l *lateAnswers) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	if err := l.client.list(ctx, r, o, into); err != nil || l.behind.Add(-1) < 0 || meta.LenList(into) > 0 {
		return err
	}
	list, err := meta.ListAccessor(into)
	if err != nil {
		return err
	}
	revision, err := listRevision(into)
	list.SetResourceVersion(fmt.Sprint(revision - 1))
	return err
}

func TestAnAnswerThatLagsIsNoOtherHistory(t *testing.T) {
	w := newWorld(t)
	l := &lateAnswers{client: w.raw}
	l.behind.Store(-1 << 30)
	r := w.start(func(c *Config) { c.shortBreak = patience }, func(client) client { return l })
	u := r.user(userBody("wendy"))
	newest, err := r.users.feed.newestRevision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.behind.Store(3)
	again, err := r.users.feed.newestRevision(t.Context())
	if err != nil || again < newest {
		t.Fatalf("after a revision of %d the newest is %d: %v", newest, again, err)
	}
	if _, err := r.Get(t.Context(), r.users.rt, u.ID); err != nil || r.history.err() != nil {
		t.Errorf("the server does not go on: %v, %v", err, r.history.err())
	}
}

func TestAnAnswerThatLagsForLongIsAnotherHistory(t *testing.T) {
	w := newWorld(t)
	l := &lateAnswers{client: w.raw}
	l.behind.Store(-1 << 30)
	r := w.start(func(c *Config) { c.shortBreak = 200 * time.Millisecond }, func(client) client { return l })
	r.history.note(usersResource, 1<<40)
	if _, err := r.users.feed.newestRevision(t.Context()); !errors.Is(err, ErrSetBack) {
		t.Errorf("a revision that does not come back is answered with %v", err)
	}
}

func TestADeletedGroupEndsNoHistory(t *testing.T) {
	r := newWorld(t).replica()
	g := r.group(groupBody("Sales"))
	r.delete(r.groups.rt, g.ID)
	if err := r.history.err(); err != nil {
		t.Error(err)
	}
}

// A watch that goes on from the newest change that is still there meets deletions again
// that were before the list.
func TestADeletionBeforeTheListEndsNoHistory(t *testing.T) {
	w := newWorld(t)
	first := w.replica()
	first.group(groupBody("Sales"))
	g := first.group(groupBody("Support"))
	s := &shaky{open: map[*shakyBody]struct{}{}}
	config := rest.CopyConfig(environment)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { s.RoundTripper = next; return s })
	calls, err := newRESTClient(config, w.namespace, patience)
	if err != nil {
		t.Fatal(err)
	}
	first.delete(first.groups.rt, g.ID)
	eventually(t, "the group is gone", func() bool {
		return apierrors.IsNotFound(w.raw.get(t.Context(), groupsResource, g.ID, first.groups.newObject()))
	})
	r := w.start(func(c *Config) { c.shortBreak = time.Nanosecond }, func(client) client { return calls })
	watches := s.watches()
	s.shake("", syscall.ECONNRESET)
	eventually(t, "the watches are open again", func() bool { return s.watches() >= watches })
	after := first.group(groupBody("Service"))
	eventually(t, "a change is seen, or the history has ended", func() bool {
		_, found := r.index.view().groups.live.find(after.ID)
		return found || r.history.err() != nil
	})
	if err := r.history.err(); err != nil {
		t.Error(err)
	}
}
