// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

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

	synced atomic.Bool
	// brokenSince is when the watch broke, as sinceStart has it; 0 while it works.
	brokenSince atomic.Int64
}

var (
	_ cache.TransformingStore      = (*feed)(nil)
	_ cache.ResourceVersionUpdater = (*feed)(nil)
)

// run feeds the index, or what else takes the place of the feed as a store of a reflector.
func (f *feed) run(ctx context.Context, into cache.ReflectorStore) {
	logger := f.store.log.WithValues("resource", f.resource)
	backoff := &wait.Backoff{Duration: 200 * time.Millisecond, Cap: 5 * time.Second, Steps: 10, Factor: 2, Jitter: 0.5}
	reflector := cache.NewReflectorWithOptions(f.listerWatcher(), f.expected, into, cache.ReflectorOptions{
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
			list := f.newList()
			return list, f.store.client.list(ctx, f.resource, f.options(o), list)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			f.broke() // until there is a watch, however long the API server takes to answer
			w, err := f.store.client.watch(ctx, f.resource, f.options(o))
			if err != nil {
				return nil, err
			}
			f.brokenSince.Store(0)
			return &watched{Interface: w, feed: f}, nil
		},
	}
}

// started is when this process did, with a reading of the monotonic clock.
var started = time.Now()

// sinceStart is a time that no change of the clock moves, in nanoseconds above 0.
func sinceStart() int64 { return int64(time.Since(started)) + 1 }

func (f *feed) broke() { f.brokenSince.CompareAndSwap(0, sinceStart()) }

// brokenFor is how long the watch has been broken.
func (f *feed) brokenFor() time.Duration {
	since := f.brokenSince.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(sinceStart() - since)
}

// watched notices the end of a watch: the reflector stops every watch that it leaves.
type watched struct {
	watch.Interface
	feed *feed
}

func (w *watched) Stop() {
	w.feed.broke()
	w.Interface.Stop()
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
	revision, err := revisionOf(&metav1.ObjectMeta{Name: "list", ResourceVersion: resourceVersion})
	if err != nil {
		return err
	}
	if f.kind == nil {
		err = f.replaceSlices(objects, revision)
	} else {
		err = f.store.replace(f.kind, objects, revision, true)
	}
	if err == nil {
		f.synced.Store(true)
	}
	return err
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
	s.index.replace(k.shelf, versions, revision, fromWatch)
	return nil
}

// UpdateResourceVersion follows the watch: everything up to the revision is here.
func (f *feed) UpdateResourceVersion(resourceVersion string) {
	if f.kind == nil {
		return
	}
	revision, err := revisionOf(&metav1.ObjectMeta{ResourceVersion: resourceVersion})
	if err == nil {
		f.store.index.watchedTo(f.kind.shelf, revision)
	}
}

// Resync has no meaning here.
func (f *feed) Resync() error { return nil }
