// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// ErrSetBack is the end of Run when the API server's history was set back, as by an etcd
// that was restored from a snapshot. Nothing in memory fits the new history: revisions are
// given out a second time, so that neither an index nor a compare-and-swap can be trusted.
var ErrSetBack = errors.New("store: the API server's history was set back, as by a restore of etcd: what is in memory belongs to another history")

// history is a client that relies on one property of the API server: the revisions of a
// resource only grow. An answer that proves the contrary ends the history, and with it
// every later call, so that nothing of two histories is ever mixed.
type history struct {
	client
	log    logr.Logger
	newest map[resource]*newest // the map never changes
	lag    time.Duration        // in which no etcd is restored

	once  sync.Once
	ended chan struct{} // closed when the history was set back
}

// newest is the newest revision of a resource that any answer has shown.
type newest struct {
	mu       sync.Mutex
	revision uint64
	shownAt  int64 // last, as sinceStart has it
}

func (n *newest) load() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.revision
}

func (n *newest) note(revision uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if revision >= n.revision {
		n.revision, n.shownAt = revision, sinceStart()
	}
}

// age is how long ago the revision was shown last.
func (n *newest) age() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Duration(sinceStart() - n.shownAt)
}

func newHistory(c client, log logr.Logger, lag time.Duration) *history {
	h := &history{client: c, log: log, newest: map[resource]*newest{}, lag: lag, ended: make(chan struct{})}
	for _, r := range []resource{usersResource, groupsResource, declaredResource, slicesResource, claimsResource} {
		h.newest[r] = new(newest)
	}
	return h
}

// err returns ErrSetBack once the history was set back.
func (h *history) err() error {
	select {
	case <-h.ended:
		return ErrSetBack
	default:
		return nil
	}
}

// setBack ends the history. An answer had one revision where another was known.
func (h *history) setBack(r resource, answered, known uint64) error {
	h.once.Do(func() {
		h.log.Error(ErrSetBack, "The revisions of a resource went back; this server ends, and the next one reads everything anew",
			"resource", r, "revision", answered, "known", known)
		close(h.ended)
	})
	return ErrSetBack
}

// note records a revision that the API server has come to.
func (h *history) note(r resource, revision uint64) { h.newest[r].note(revision) }

// errLags is an answer that is older than an answer before it, and not of another history.
var errLags = errors.New("store: the API server answers with a revision that is behind the one that it had")

// behind judges the revision of a list that is older than one that is known. Behind an API
// server may be several, or a storage that answers what does not exist with a revision from
// a cache, as kine does: then the next answers come up to what is known. No etcd is restored
// in the time within which that is. The error is errLags, or ErrSetBack after that time.
func (h *history) behind(r resource, answered, known uint64) error {
	if h.newest[r].age() < h.lag {
		return errLags
	}
	return h.setBack(r, answered, known)
}

// get reads an object, which may be far older than the newest of its resource.
func (h *history) get(ctx context.Context, r resource, name string, into object) error {
	if err := h.err(); err != nil {
		return err
	}
	err := h.client.get(ctx, r, name, into)
	if err == nil {
		h.noteObject(r, into)
	}
	return err
}

func (h *history) create(ctx context.Context, r resource, from, into object) error {
	return h.write(r, into, func() error { return h.client.create(ctx, r, from, into) })
}

// update has the revision of the object again where nothing was to be changed.
func (h *history) update(ctx context.Context, r resource, from, into object) error {
	before := from.GetResourceVersion()
	return h.writeUnless(r, into, before, func() error { return h.client.update(ctx, r, from, into) })
}

// mergePatch has the revision that the patch names where nothing was to be changed. The
// answer to a patch that names none shows nothing about the history: it may have changed
// nothing of an object that is far older than the newest of its resource.
func (h *history) mergePatch(ctx context.Context, r resource, name string, patch []byte, into object) error {
	if before := patchedRevision(patch); before != "" {
		return h.writeUnless(r, into, before, func() error { return h.client.mergePatch(ctx, r, name, patch, into) })
	}
	if err := h.err(); err != nil {
		return err
	}
	err := h.client.mergePatch(ctx, r, name, patch, into)
	if err == nil {
		h.noteObject(r, into)
	}
	return err
}

// patchedRevision returns the resourceVersion that a merge patch is for, or nothing.
func patchedRevision(patch []byte) string {
	var of struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if json.Unmarshal(patch, &of) != nil {
		return ""
	}
	return of.Metadata.ResourceVersion
}

// remove has an object in its answer only where a finalizer keeps it.
func (h *history) remove(ctx context.Context, r resource, name string, p metav1.Preconditions, into object) error {
	if err := h.err(); err != nil {
		return err
	}
	err := h.client.remove(ctx, r, name, p, into)
	if err == nil {
		h.noteObject(r, into)
	}
	return err
}

func (h *history) write(r resource, into object, write func() error) error {
	return h.writeUnless(r, into, "", write)
}

// writeUnless carries out a write, whose revision is newer than everything known before,
// unless it has changed nothing and has the revision that the object had.
func (h *history) writeUnless(r resource, into object, unchanged string, write func() error) error {
	if err := h.err(); err != nil {
		return err
	}
	known := h.newest[r].load()
	if err := write(); err != nil {
		return err
	}
	revision, err := revisionOf(into)
	if err != nil || into.GetResourceVersion() == unchanged {
		return nil //nolint:nilerr // who reads the object meets it again
	}
	if revision <= known {
		return h.setBack(r, revision, known)
	}
	h.note(r, revision)
	return nil
}

// lagPause is the pause before a question is asked again whose answer lagged.
const lagPause = 50 * time.Millisecond

// list is at least as new as everything known before when it asks for no revision. It asks
// again when the answer lags.
func (h *history) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	known := h.newest[r].load()
	for begun := time.Now(); ; {
		err := h.listOnce(ctx, r, o, into, known)
		if !errors.Is(err, errLags) || time.Since(begun) > 2*h.lag {
			return err
		}
		if sleep(ctx, lagPause); ctx.Err() != nil {
			return err
		}
		reflect.ValueOf(into).Elem().SetZero()
	}
}

func (h *history) listOnce(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object, known uint64) error {
	if err := h.err(); err != nil {
		return err
	}
	if err := h.client.list(ctx, r, o, into); err != nil {
		return err
	}
	revision, err := listRevision(into)
	if err != nil || o.Continue != "" {
		return nil //nolint:nilerr // who reads the list meets it again
	}
	if o.ResourceVersion == "" && revision < known {
		return h.behind(r, revision, known)
	}
	h.note(r, revision)
	return nil
}

func (h *history) watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error) {
	if err := h.err(); err != nil {
		return nil, err
	}
	return h.client.watch(ctx, r, o)
}

func (h *history) noteObject(r resource, o object) {
	if revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64); err == nil {
		h.note(r, revision)
	}
}

// listRevision is the revision at which a list is complete.
func listRevision(list runtime.Object) (uint64, error) {
	listMeta, err := meta.ListAccessor(list)
	if err != nil {
		return 0, err
	}
	return parseRevision("list", listMeta.GetResourceVersion())
}

// parseRevision reads a resourceVersion: a number since KEP-5504.
func parseRevision(of, resourceVersion string) (uint64, error) {
	revision, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("resourceVersion of %s is not a number: %w", of, err)
	}
	return revision, nil
}
