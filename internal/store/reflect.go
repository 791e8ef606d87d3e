// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	api "scim-operator.io/api/v1alpha1"
)

// feed brings one resource's lists and watch events into the index.
type feed struct {
	store    *Store
	resource resource
	kind     *kind // nil for slices
	expected object
	newList  func() runtime.Object
	options  func(metav1.ListOptions) metav1.ListOptions // select what is fed
	into     cache.ReflectorStore                        // the feed, or what takes its place

	synced atomic.Bool
	freshness
	anchor atomic.Pointer[anchor]
	stream atomic.Pointer[stream]
}

// anchor is the newest change that a watch has brought. An object that still has its
// revision shows that the history up to there is the one that is known.
type anchor struct {
	name     string
	revision uint64
}

var (
	_ cache.TransformingStore      = (*feed)(nil)
	_ cache.ResourceVersionUpdater = (*feed)(nil)
)

// run feeds the index.
func (f *feed) run(ctx context.Context) {
	logger := f.store.log.WithValues("resource", f.resource)
	backoff := &wait.Backoff{Duration: 200 * time.Millisecond, Cap: 5 * time.Second, Steps: 10, Factor: 2, Jitter: 0.5}
	reflector := cache.NewReflectorWithOptions(f.listerWatcher(), f.expected, f.into, cache.ReflectorOptions{
		Name: string(f.resource), Logger: &logger, Backoff: backoff,
	})
	reflector.RunWithContext(ctx)
}

func (f *feed) listerWatcher() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			if o.ResourceVersion == "0" {
				// Any state, however old, would do for that; here it may not be older than
				// what was acknowledged before this process began.
				o.ResourceVersion, o.Limit = "", 0
			}
			if o.Continue == "" {
				f.anchor.Store(nil)
				f.asked.Store(sinceStart())
			}
			list := f.newList()
			if err := f.store.client.list(ctx, f.resource, f.options(o), list); err != nil {
				return nil, err
			}
			return list, meta.EachListItem(list, f.moorListed)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			f.broke() // until there is a watch, however long the API server takes to answer
			s, err := openStream(ctx, f, o)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
	}
}

// moor takes a change as the anchor. What was deleted is none, as nobody can tell it from
// what never was.
func (f *feed) moor(name string, revision uint64, deleted bool) {
	if known := f.anchor.Load(); known != nil && known.revision > revision {
		return
	}
	if deleted {
		f.anchor.Store(nil)
		return
	}
	f.anchor.Store(&anchor{name: name, revision: revision})
}

func (f *feed) moorListed(o runtime.Object) error {
	object, err := meta.Accessor(o)
	if err != nil {
		return err
	}
	revision, err := revisionOf(object)
	if err == nil {
		f.moor(object.GetName(), revision, false)
	}
	return err
}

// anchored returns the revision of the anchor when it is still there. A watch may go on
// from it, however long it was broken; otherwise the error is Expired.
func (f *feed) anchored(ctx context.Context) (uint64, error) {
	const cause = "whether the history of the API server goes on is not known"
	a := f.anchor.Load()
	if a == nil {
		return 0, apierrors.NewResourceExpired(cause)
	}
	now := f.expected.DeepCopyObject().(object)
	if err := f.store.client.get(ctx, f.resource, a.name, now); apierrors.IsNotFound(err) {
		return 0, apierrors.NewResourceExpired(cause)
	} else if err != nil {
		return 0, err
	}
	switch revision, err := revisionOf(now); {
	case err != nil:
		return 0, err
	case revision < a.revision:
		return 0, f.store.history.setBack(f.resource, revision, a.revision)
	case revision > a.revision:
		return 0, apierrors.NewResourceExpired(cause)
	}
	return a.revision, nil
}

// Add takes in an event, as Update does.
func (f *feed) Add(o any) error { return f.Update(o) }

// Update takes in an event.
func (f *feed) Update(o any) error {
	if slice, ok := o.(*api.ScimGroupSlice); ok {
		return f.updateSlice(slice)
	}
	v, err := f.store.read(o.(runtime.Object))
	if err != nil {
		return err
	}
	f.store.index.putVersion(f.kind.shelf, v)
	return nil
}

func (f *feed) updateSlice(slice *api.ScimGroupSlice) error {
	revision, err := revisionOf(slice)
	if err != nil {
		return err
	}
	f.store.index.putSlice(newChunk(slice.Name, slice, slice.Spec.Members), revision)
	return nil
}

// Delete takes in that an object no longer exists.
func (f *feed) Delete(o any) error {
	object, ok := o.(metav1.Object)
	if !ok {
		return fmt.Errorf("a %T has no metadata", o)
	}
	if f.kind == nil {
		f.store.index.dropSlice(object.GetName())
		return nil
	}
	revision, err := revisionOf(object)
	if err != nil {
		return err
	}
	f.store.index.drop(f.kind.shelf, object.GetName(), revision)
	return nil
}

// Transformer makes the reflector keep of a list that is on its way what the index will
// keep of it: a tenth of the custom resources.
func (f *feed) Transformer() cache.TransformFunc {
	return func(o any) (any, error) {
		object, ok := o.(runtime.Object)
		if !ok || f.kind == nil {
			return o, nil
		}
		v, err := f.store.read(object)
		if err != nil {
			return o, nil //nolint:nilerr // Replace meets it again, and does not pass it over
		}
		return v, nil
	}
}

// Replace takes in a list of everything there is.
func (f *feed) Replace(objects []any, resourceVersion string) error {
	revision, err := f.replaced(resourceVersion)
	if err != nil {
		return err
	}
	if f.kind == nil {
		err = f.replaceSlices(objects, revision)
	} else {
		err = f.store.replace(f.kind, objects, revision, true)
	}
	if err == nil {
		f.listed(revision)
		f.synced.Store(true)
	}
	return err
}

// replaced is the revision of a list, which is no older than what was fed before.
func (f *feed) replaced(resourceVersion string) (uint64, error) {
	revision, err := parseRevision("list", resourceVersion)
	if err != nil {
		return 0, err
	}
	if known := f.watched.Load(); revision < known {
		return 0, f.store.history.behind(f.resource, revision, known)
	}
	return revision, nil
}

func (f *feed) replaceSlices(objects []any, revision uint64) error {
	slices := make(map[string]*storedSlice, len(objects))
	for _, o := range objects {
		slice, ok := o.(*api.ScimGroupSlice)
		if !ok {
			return fmt.Errorf("a %T is no slice", o)
		}
		created, err := revisionOf(slice)
		if err != nil {
			return err
		}
		slices[slice.Name] = &storedSlice{chunk: newChunk(slice.Name, slice, slice.Spec.Members), revision: created}
	}
	f.store.index.replaceSlices(slices, revision)
	return nil
}

// replace takes in a list of all resources of a kind.
func (s *Store) replace(k *kind, objects []any, revision uint64, fromWatch bool) error {
	versions := make([]groupOrUser, 0, len(objects))
	for _, o := range objects {
		v, isRead := o.(groupOrUser)
		if !isRead {
			var err error
			if v, err = s.read(o.(runtime.Object)); err != nil {
				return err
			}
		}
		versions = append(versions, v)
	}
	if past := s.index.replace(k.shelf, versions, revision, fromWatch); past != nil {
		return s.history.setBack(k.resource, past.revision, s.index.revision(k.shelf, past.id))
	}
	return nil
}

// UpdateResourceVersion follows the watch: everything up to the revision is here.
func (f *feed) UpdateResourceVersion(resourceVersion string) {
	revision, err := parseRevision("event", resourceVersion)
	if err != nil {
		return
	}
	f.watchedTo(revision)
	if f.kind != nil {
		f.store.index.watchedTo(f.kind.shelf, revision)
	}
}

// Resync has no meaning here.
func (f *feed) Resync() error { return nil }
