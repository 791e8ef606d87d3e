// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// witness sees every version of every user that etcd ever had, in order. It tells whom a
// create made whose answer was lost, and checks what must be true of every moment.
type witness struct {
	t         *testing.T
	namespace string

	mu      sync.Mutex
	seen    uint64            // resourceVersion that it has come to
	made    map[string]string // id by the mark of the create
	person  map[string]string // externalId by id
	holders map[string]string // id by the name of a live user
	names   map[string]string // name by the id of a live user
}

func newWitness(t *testing.T, namespace string) *witness {
	t.Helper()
	w := &witness{t: t, namespace: namespace,
		made: map[string]string{}, person: map[string]string{}, holders: map[string]string{}, names: map[string]string{}}
	var none v1alpha1.ScimUserList
	if err := admin.List(t.Context(), &none, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { w.follow(ctx, none.ResourceVersion) })
	t.Cleanup(func() { cancel(); watching.Wait() })
	return w
}

// follow watches from one version on, again when a watch ends.
func (w *witness) follow(ctx context.Context, from string) {
	for ctx.Err() == nil {
		events, err := admin.Watch(ctx, &v1alpha1.ScimUserList{}, &client.ListOptions{
			Namespace: w.namespace, Raw: &metav1.ListOptions{ResourceVersion: from},
		})
		if err != nil {
			if ctx.Err() == nil {
				w.t.Errorf("watching from %s: %v", from, err)
			}
			return
		}
		for e := range events.ResultChan() {
			u, ok := e.Object.(*v1alpha1.ScimUser)
			if !ok {
				if ctx.Err() == nil {
					w.t.Errorf("the watch says %v", e.Object)
				}
				events.Stop()
				return
			}
			w.note(e.Type, u)
			from = u.ResourceVersion
		}
		events.Stop()
	}
}

func (w *witness) note(event watch.EventType, u *v1alpha1.ScimUser) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen, _ = strconv.ParseUint(u.ResourceVersion, 10, 64)
	if u.Abandoned() {
		return
	}
	w.made[u.Spec.NickName] = u.Name
	if was, known := w.person[u.Name]; known && was != u.Spec.ExternalID {
		w.t.Errorf("the id %s was that of %s and is that of %s", u.Name, was, u.Spec.ExternalID)
	}
	w.person[u.Name] = u.Spec.ExternalID
	delete(w.holders, w.names[u.Name])
	delete(w.names, u.Name)
	if event == watch.Deleted || !u.Live() {
		return
	}
	name := strings.ToLower(u.Spec.UserName)
	if other, taken := w.holders[name]; taken {
		w.t.Errorf("at resourceVersion %s, %s is the name of %s and %s", u.ResourceVersion, name, other, u.Name)
	}
	w.holders[name], w.names[u.Name] = u.Name, name
}

// catchUp waits until everything has been seen that is there.
func (w *witness) catchUp() {
	w.t.Helper()
	var users v1alpha1.ScimUserList
	if err := admin.List(w.t.Context(), &users, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	var newest uint64
	for i := range users.Items {
		version, _ := strconv.ParseUint(users.Items[i].ResourceVersion, 10, 64)
		newest = max(newest, version)
	}
	eventually(w.t, "the witness has caught up", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.seen >= newest
	})
}

// madeBy gives the id of whom a create made or returned, "" when it did nothing.
func (w *witness) madeBy(mark string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made[mark]
}

// personOf gives the externalId of a user.
func (w *witness) personOf(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.person[id]
}
