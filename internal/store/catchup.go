// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
)

const (
	// relistBelow is the number of resources up to which a list of all of them is sooner
	// there than a bookmark.
	relistBelow = 5_000
	// bookmarkWatch is for how long a watch asks to go on, in seconds: the API server sends
	// a bookmark two seconds before a watch ends, and that is what it is for. With less it
	// sends none.
	bookmarkWatch int64 = 3
	// catchUpTimeout is when to give up waiting for the bookmark.
	catchUpTimeout = 6 * time.Second
)

var errNotCaughtUp = errors.New("the watch has not come to the newest revision")

// catchUp brings what is fed up to a revision by events alone: a watch of its own brings
// what lies between and a bookmark that says how far it has come. The watch that usually
// feeds may not come there before the next change of the kind, as the revision is that
// of everything in the cluster. missed is the revision of the last change that it brought.
func (f *feed) catchUp(ctx context.Context, newest uint64) (missed uint64, err error) {
	known, _ := f.progress()
	if known >= newest {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	w, err := f.store.client.watch(ctx, f.resource, f.options(metav1.ListOptions{
		ResourceVersion: strconv.FormatUint(known, 10), AllowWatchBookmarks: true, TimeoutSeconds: ptr.To(bookmarkWatch),
	}))
	if err != nil {
		return 0, err
	}
	defer w.Stop()
	for {
		known, advanced := f.progress()
		if known >= newest {
			return missed, nil
		}
		select {
		case event, open := <-w.ResultChan():
			if !open {
				return missed, errNotCaughtUp
			}
			revision, err := f.takeIn(event)
			if err != nil {
				return missed, err
			}
			missed = max(missed, revision)
		case <-advanced: // by the other watch
		case <-ctx.Done():
			return missed, errNotCaughtUp
		}
	}
}

// newestRevision asks the API server for the revision that it has come to, at the price
// of one object that does not exist.
func (f *feed) newestRevision(ctx context.Context) (uint64, error) {
	none := f.newList()
	o := metav1.ListOptions{FieldSelector: "metadata.name=" + f.store.endpoint}
	if err := f.store.client.list(ctx, f.resource, o, none); err != nil {
		return 0, err
	}
	return listRevision(none)
}

// takeIn feeds an event of a watch that catches up. The revision is that of a change.
func (f *feed) takeIn(event watch.Event) (revision uint64, err error) {
	if event.Type == watch.Error {
		return 0, fmt.Errorf("%w: %v", errNotCaughtUp, event.Type)
	}
	o, err := meta.Accessor(event.Object)
	if err != nil {
		return 0, err
	}
	if revision, err = revisionOf(o); err != nil {
		return 0, err
	}
	switch event.Type {
	case watch.Added, watch.Modified:
		return revision, f.into.Update(event.Object)
	case watch.Deleted:
		return revision, f.into.Delete(event.Object)
	case watch.Bookmark:
		f.caughtTo(revision)
		return 0, nil
	case watch.Error:
	}
	return 0, fmt.Errorf("%w: %v", errNotCaughtUp, event.Type)
}

// progress is how far what is fed has come, pending groups aside, and what is closed, or
// ready, when it has come further.
func (f *feed) progress() (revision uint64, advanced <-chan struct{}) {
	if f.kind != nil {
		return f.store.index.progress(f.kind.shelf)
	}
	return max(f.watched.Load(), f.caught.Load()), nil
}

// caughtTo records that everything up to the revision has been fed, which the watch that
// usually feeds may not have come to.
func (f *feed) caughtTo(revision uint64) {
	if revision > f.caught.Load() {
		f.caught.Store(revision)
	}
	if f.kind != nil {
		f.store.index.listedTo(f.kind.shelf, revision)
	}
}

// progress is how far the index has come, pending groups aside, and what is closed when
// it has come further.
func (x *index) progress(s *shelf) (revision uint64, advanced <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return max(s.watched, s.listed), x.advanced
}

// listedTo records that the index shows every change up to the revision, which the watch
// that feeds it may not have come to.
func (x *index) listedTo(s *shelf, revision uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if revision > s.listed {
		s.listed = revision
		x.advance()
	}
}

// size is the number of resources that a list of all of them would have.
func (x *index) size(s *shelf) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return s.live.len() + s.retired.len()
}
