// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// witness sees every version of every resource that etcd ever had, in order. It tells what
// a create made whose answer was lost, and checks what must be true of every moment.
type witness struct {
	t         *testing.T
	namespace string

	mu      sync.Mutex
	seen    map[kind]uint64   // resourceVersion that it has come to
	made    map[string]string // id by the mark of the create
	person  map[string]string // externalId by the id of a user
	holders map[string]string // id by the kind and name of a live resource
	names   map[string]string // kind and name by the id of a live resource
}

// lists are of all resources of each kind.
var lists = map[kind]func() client.ObjectList{
	users:   func() client.ObjectList { return &v1alpha1.ScimUserList{} },
	groups:  func() client.ObjectList { return &v1alpha1.ScimGroupList{} },
	devices: func() client.ObjectList { return &v1alpha1.ScimResourceList{} },
}

func newWitness(t *testing.T, namespace string) *witness {
	t.Helper()
	w := &witness{t: t, namespace: namespace, seen: map[kind]uint64{}, made: map[string]string{},
		person: map[string]string{}, holders: map[string]string{}, names: map[string]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for k, newList := range lists {
		there := newList()
		if err := admin.List(t.Context(), there, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		from := there.GetResourceVersion()
		w.seen[k], _ = strconv.ParseUint(from, 10, 64)
		watching.Go(func() { w.follow(ctx, k, from) })
	}
	t.Cleanup(func() { cancel(); watching.Wait() })
	return w
}

// follow watches from one version on, again when a watch ends.
func (w *witness) follow(ctx context.Context, k kind, from string) {
	for ctx.Err() == nil {
		events, err := admin.Watch(ctx, lists[k](), &client.ListOptions{
			Namespace: w.namespace, Raw: &metav1.ListOptions{ResourceVersion: from, AllowWatchBookmarks: true},
		})
		if err != nil {
			if ctx.Err() == nil {
				w.t.Errorf("watching %s from %s: %v", k, from, err)
			}
			return
		}
		for e := range events.ResultChan() {
			o, ok := e.Object.(client.Object)
			if !ok || e.Type == watch.Error {
				if ctx.Err() == nil {
					w.t.Errorf("the watch of %s: %v", k, e.Object)
				}
				events.Stop()
				return
			}
			if from = o.GetResourceVersion(); e.Type != watch.Bookmark {
				w.note(k, e.Type, o)
			}
		}
		events.Stop()
	}
}

// sight is what a version of a resource shows.
type sight struct {
	mark, name, person string
	live, abandoned    bool
}

func sightOf(o client.Object) sight {
	switch o := o.(type) {
	case *v1alpha1.ScimUser:
		return sight{
			mark: o.Spec.NickName, name: o.Spec.UserName, person: o.Spec.ExternalID, live: o.Live(), abandoned: o.Abandoned(),
		}
	case *v1alpha1.ScimGroup:
		return sight{mark: o.Spec.ExternalID, name: o.Spec.DisplayName, live: o.Live(), abandoned: o.Abandoned()}
	case *v1alpha1.ScimResource:
		serial := string(o.Spec.Attributes[devices.unique()].Raw)
		return sight{mark: o.Spec.ExternalID, name: strings.Trim(serial, `"`), live: o.Live(), abandoned: o.Abandoned()}
	}
	return sight{}
}

func (w *witness) note(k kind, event watch.EventType, o client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, s := o.GetName(), sightOf(o)
	w.seen[k], _ = strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if s.abandoned {
		return
	}
	w.made[s.mark] = id
	if was, known := w.person[id]; known && was != s.person {
		w.t.Errorf("the id %s was that of %s and is that of %s", id, was, s.person)
	}
	w.person[id] = s.person
	delete(w.holders, w.names[id])
	delete(w.names, id)
	if event == watch.Deleted {
		delete(w.person, id)
	}
	if event == watch.Deleted || !s.live {
		return
	}
	name := string(k) + " " + strings.ToLower(s.name)
	if other, taken := w.holders[name]; taken {
		w.t.Errorf("at resourceVersion %s, %s is the name of %s and %s", o.GetResourceVersion(), name, other, id)
	}
	w.holders[name], w.names[id] = id, name
}

// catchUp waits until everything has been seen that is there.
func (w *witness) catchUp() {
	w.t.Helper()
	for k, newList := range lists {
		there := newList()
		if err := admin.List(w.t.Context(), there, client.InNamespace(w.namespace)); err != nil {
			w.t.Fatal(err)
		}
		var newest uint64
		err := meta.EachListItem(there, func(o runtime.Object) error {
			version, err := strconv.ParseUint(o.(client.Object).GetResourceVersion(), 10, 64)
			newest = max(newest, version)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		eventually(w.t, "the witness has caught up", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.seen[k] >= newest
		})
	}
}

// madeBy is the id of the resource that a create made, or of the user whom it returned; ""
// when it did nothing.
func (w *witness) madeBy(mark string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made[mark]
}

// personOf is the externalId of a user.
func (w *witness) personOf(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.person[id]
}

// forget ends a round: no request of it is asked about again.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.made)
}
