// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	api "scim-operator.io/api/v1alpha1"
)

// lostDelete is a client whose deletions of groups are carried out and finished by the
// manager before it learns of them. Its watch shows nothing once a deletion has begun.
type lostDelete struct {
	client
	answered   bool // the deletion is answered, only without the group
	listsFail  bool
	begun      chan struct{}
	begin      func()
	everything chan struct{} // closed at the end
}

func newLostDelete() *lostDelete {
	c := &lostDelete{begun: make(chan struct{}), everything: make(chan struct{})}
	c.begin = sync.OnceFunc(func() { close(c.begun) })
	return c
}

func (c *lostDelete) wrap(inner client) client {
	c.client = inner
	return c
}

func (c *lostDelete) remove(ctx context.Context, r resource, name string, p metav1.Preconditions, into object) error {
	if r != groupsResource {
		return c.client.remove(ctx, r, name, p, into)
	}
	c.begin()
	var g api.ScimGroup
	if err := c.client.remove(ctx, r, name, p, &g); err != nil {
		return err
	}
	g.Finalizers = nil
	if err := c.client.update(ctx, r, &g, &api.ScimGroup{}); err != nil || c.answered {
		return err
	}
	return errCrashed
}

func (c *lostDelete) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	select {
	case <-c.begun:
		if c.listsFail {
			return errCrashed
		}
	default:
	}
	return c.client.list(ctx, r, o, into)
}

func (c *lostDelete) watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error) {
	w, err := c.client.watch(ctx, r, o)
	if err != nil || r != groupsResource {
		return w, err
	}
	return watch.Filter(w, func(e watch.Event) (watch.Event, bool) {
		select {
		case <-c.begun:
			<-c.everything
		default:
		}
		return e, true
	}), nil
}

func TestADeletionWhoseAnswerIsLostIsSeenAtOnce(t *testing.T) {
	for _, row := range []struct {
		name                string
		answered, listsFail bool
	}{
		{name: "the manager finished it"},
		{name: "the answer does not have the group", answered: true},
		{name: "its revision cannot be learned", listsFail: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			c := newLostDelete()
			c.answered, c.listsFail = row.answered, row.listsFail
			r := w.start(nil, c.wrap)
			t.Cleanup(func() { close(c.everything) })
			g := r.group(groupBody("Staff"))
			before := r.Revisions(0).Groups
			err := r.Delete(t.Context(), r.groups.rt, g.ID, Match{})
			if row.listsFail {
				requireUnavailable(t, err)
			} else if err != nil {
				t.Fatal(err)
			} else if after := r.Revisions(0).Groups; after <= before {
				t.Errorf("peers are told of revision %d before and %d after", before, after)
			}
			_, err = r.Get(t.Context(), r.groups.rt, g.ID)
			requireNotFound(t, err)
		})
	}
}
