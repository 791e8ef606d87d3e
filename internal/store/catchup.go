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

// catchUp brings the index up to a revision by events alone: a watch of its own brings
// what lies between and a bookmark that says how far it has come. The watch that the index
// is fed by may not come there before the next change of the kind, as the revision is that
// of everything in the cluster.
func (s *Store) catchUp(ctx context.Context, k *kind, newest uint64) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	known, _ := s.index.progress(k.shelf)
	w, err := s.client.watch(ctx, k.resource, s.listOptions(k, metav1.ListOptions{
		ResourceVersion: strconv.FormatUint(known, 10), AllowWatchBookmarks: true, TimeoutSeconds: ptr.To(bookmarkWatch),
	}))
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		known, advanced := s.index.progress(k.shelf)
		if known >= newest {
			return nil
		}
		select {
		case event, open := <-w.ResultChan():
			if !open {
				return errNotCaughtUp
			}
			if err := s.takeInEvent(k, event); err != nil {
				return err
			}
		case <-advanced: // by the other watch
		case <-ctx.Done():
			return errNotCaughtUp
		}
	}
}

// newestRevision asks the API server for the revision that it has come to, at the price
// of one object that does not exist.
func (s *Store) newestRevision(ctx context.Context, k *kind) (uint64, error) {
	none := k.newList()
	if err := s.client.list(ctx, k.resource, metav1.ListOptions{FieldSelector: "metadata.name=" + s.endpoint}, none); err != nil {
		return 0, err
	}
	listMeta, err := meta.ListAccessor(none)
	if err != nil {
		return 0, err
	}
	return revisionOf(&metav1.ObjectMeta{Name: "list", ResourceVersion: listMeta.GetResourceVersion()})
}

func (s *Store) takeInEvent(k *kind, event watch.Event) error {
	feed := &feed{store: s, kind: k}
	switch event.Type {
	case watch.Added, watch.Modified:
		return feed.Update(event.Object)
	case watch.Deleted:
		return feed.Delete(event.Object)
	case watch.Bookmark:
		o, err := meta.Accessor(event.Object)
		if err != nil {
			return err
		}
		revision, err := revisionOf(o)
		if err == nil {
			s.index.listedTo(k.shelf, revision)
		}
		return err
	case watch.Error:
	}
	return fmt.Errorf("%w: %v", errNotCaughtUp, event.Type)
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
