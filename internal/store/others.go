// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	api "scim-operator.io/api/v1alpha1"
)

// maxAlike is how many users a match is looked up among, and named when it is ambiguous.
const maxAlike = 8

// others knows by which keys the users of the namespace can be recognised who do not belong
// to this endpoint: those who belong to another, and those who belong to none. It holds
// their ids and the hashes of their keys, and is a hint: whoever goes by it reads the users
// from the API server. Only an endpoint that links has it; reads never look at it.
type others struct {
	feed
	mu     sync.Mutex
	hashes map[string][]uint64 // by id
	ids    map[uint64][]string // by hash
}

// other is what is kept of a user.
type other struct {
	id     string
	hashes []uint64
}

var _ cache.TransformingStore = (*others)(nil)

func newOthers(s *Store) *others {
	o := &others{hashes: map[string][]uint64{}, ids: map[uint64][]string{}}
	o.feed = feed{
		store: s, resource: usersResource, expected: &api.ScimUser{},
		newList: func() runtime.Object { return &api.ScimUserList{} },
		options: func(o metav1.ListOptions) metav1.ListOptions {
			o.FieldSelector = "spec.endpointRef.name!=" + s.endpoint
			return o
		},
	}
	o.into = o
	return o
}

// ready is nil once everybody is known, and as long as the API server answers.
func (o *others) ready() error {
	if err := o.stale(sinceStart(), o.store.timeouts.staleness); err != nil {
		return fmt.Errorf("of the users who were here before: %w", err)
	}
	return nil
}

// alike are the ids of users who seem to have one of the keys, in order and at most one more
// than maxAlike.
func (o *others) alike(keys []matchKey) ([]string, error) {
	if err := o.ready(); err != nil {
		return nil, unavailable(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []string
	for _, k := range keys {
		found = append(found, o.ids[k.hash]...)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return found[:min(len(found), maxAlike+1)], nil
}

// Transformer makes the reflector keep no more of a list that is on its way.
func (o *others) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if u, ok := object.(*api.ScimUser); ok {
			return o.read(u), nil
		}
		return object, nil
	}
}

func (o *others) read(u *api.ScimUser) other {
	kept := other{id: u.Name}
	if !u.Live() {
		return kept
	}
	for _, text := range o.store.linking.known(&u.Spec) {
		if h := hashOf(text); !slices.Contains(kept.hashes, h) {
			kept.hashes = append(kept.hashes, h)
		}
	}
	return kept
}

// Add takes in an event, as Update does.
func (o *others) Add(object any) error { return o.Update(object) }

// Update takes in an event.
func (o *others) Update(object any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.put(object)
}

func (o *others) put(object any) error {
	kept, ok := object.(other)
	if !ok {
		u, isUser := object.(*api.ScimUser)
		if !isUser {
			return fmt.Errorf("a %T is no user", object)
		}
		kept = o.read(u)
	}
	o.drop(kept.id)
	if len(kept.hashes) == 0 {
		return nil
	}
	o.hashes[kept.id] = kept.hashes
	for _, h := range kept.hashes {
		o.ids[h] = append(o.ids[h], kept.id)
	}
	return nil
}

// Delete takes in that a user is gone, or belongs to this endpoint by now.
func (o *others) Delete(object any) error {
	u, ok := object.(metav1.Object)
	if !ok {
		return fmt.Errorf("a %T has no metadata", object)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(u.GetName())
	return nil
}

func (o *others) drop(id string) {
	for _, h := range o.hashes[id] {
		rest := slices.DeleteFunc(o.ids[h], func(other string) bool { return other == id })
		if o.ids[h] = rest; len(rest) == 0 {
			delete(o.ids, h)
		}
	}
	delete(o.hashes, id)
}

// Replace takes in a list of everybody.
func (o *others) Replace(objects []any, resourceVersion string) error {
	revision, err := o.replaced(resourceVersion)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.hashes)
	clear(o.ids)
	for _, object := range objects {
		if err := o.put(object); err != nil {
			return err
		}
	}
	o.listed(revision)
	o.synced.Store(true)
	return nil
}
