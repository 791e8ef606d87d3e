// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
)

const (
	// shortBreak is the time within which no etcd is restored and its API server started
	// again. A watch that was broken for longer goes on only in a history that is known to
	// be the same.
	shortBreak = 2 * time.Second
	// pulse is how often a stream looks whether the process was frozen: the end of a
	// connection is then noticed late.
	pulse = time.Second
	// openTimeout bounds the wait for the API server to open a watch.
	openTimeout = 30 * time.Second
	// steadyAfter is how long a watch lasts that shows the API server to be well again.
	steadyAfter = 10 * time.Second
	// streamTimeout is for how long a watch asks to go on; up to as much is added at random.
	streamTimeout = 5 * time.Minute

	// decodingCause is in an error of a watch that client-go made when the connection failed,
	// and not the API server.
	decodingCause = "ClientWatchDecoding"
)

// retryWatch is the pause before a watch is opened again after an error. Its jitter keeps
// replicas apart.
var retryWatch = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 10, Cap: 2 * time.Second}

// stream is a watch that outlives its connections: it goes on where it was until the API
// server no longer knows how, so that an error costs no list of everything. It ends with
// an error event when events may be missing: the reflector then reads everything anew.
type stream struct {
	feed    *feed
	options metav1.ListOptions
	results chan watch.Event
	stop    context.CancelFunc

	complete bool      // the events of what there was at the beginning are over
	began    uint64    // revision of what there was at the beginning: what it lacked is gone
	position uint64    // everything up to this revision has been passed on
	alive    time.Time // when the API server was last heard
	awake    time.Time // when the process last ran
	frozen   bool      // the process stood still since the watch was opened
	resumed  uint64    // position when the watch was opened again

	closed  <-chan struct{} // when the connection is
	mu      sync.Mutex
	current context.CancelFunc // of the connection
}

var errDeaf = errors.New("the watch brought nothing of what there was")

// openStream opens a watch of everything there is and what becomes of it, or goes on from
// where a list came to.
func openStream(ctx context.Context, f *feed, o metav1.ListOptions) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{feed: f, options: o, results: make(chan watch.Event), stop: cancel, alive: time.Now()}
	s.position, _ = strconv.ParseUint(o.ResourceVersion, 10, 64)
	s.began = s.position
	var first watch.Interface
	if s.complete = o.SendInitialEvents == nil; !s.complete {
		f.anchor.Store(nil)
		f.asked.Store(sinceStart())
		var err error
		if first, err = s.connect(ctx, o); err != nil {
			cancel()
			return nil, err
		}
		f.mended()
	}
	f.stream.Store(s)
	go s.run(ctx, first)
	return s, nil
}

// ResultChan implements watch.Interface.
func (s *stream) ResultChan() <-chan watch.Event { return s.results }

// Stop implements watch.Interface.
func (s *stream) Stop() {
	s.feed.broke()
	s.stop()
}

// renew closes the connection, so that another one is opened.
func (s *stream) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current()
	}
}

func (s *stream) run(ctx context.Context, current watch.Interface) {
	defer close(s.results)
	defer s.stop()
	retry := retryWatch
	for ctx.Err() == nil {
		if current == nil {
			var err error
			if current, err = s.reopen(ctx, &retry); err != nil {
				s.end(ctx, err)
				return
			}
		}
		opened := time.Now()
		err := s.forward(ctx, current)
		current.Stop()
		current = nil
		s.feed.broke()
		if ctx.Err() != nil || err == nil && !s.complete {
			return
		}
		if err != nil && (!s.complete || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || s.feed.store.history.err() != nil) {
			s.end(ctx, err)
			return
		}
		if time.Since(opened) >= steadyAfter {
			retry = retryWatch
		}
		if err != nil || time.Since(opened) < time.Second {
			s.feed.store.log.V(1).Info("A watch broke and goes on", "resource", s.feed.resource, "revision", s.position, "error", err)
			sleep(ctx, retry.Step())
		}
	}
}

// forward passes on events until the watch ends. The error is nil when the API server
// ended it in order.
func (s *stream) forward(ctx context.Context, current watch.Interface) error {
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	s.awake, s.frozen = time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.closed:
			return errDeaf
		case <-ticker.C:
			s.wake()
		case event, open := <-current.ResultChan():
			s.wake()
			if !open {
				s.alive = time.Now()
				return nil
			}
			if event.Type == watch.Error {
				err := apierrors.FromObject(event.Object)
				if !apierrors.HasStatusCause(err, decodingCause) {
					s.alive = time.Now()
				}
				return err
			}
			s.alive = time.Now()
			pass, err := s.follow(event)
			if err != nil {
				return err
			}
			if pass && !s.send(ctx, event) {
				return nil
			}
		}
	}
}

// wake notices that the process was frozen.
func (s *stream) wake() {
	s.frozen = s.frozen || time.Since(s.awake) > shortBreak+pulse
	s.awake = time.Now()
}

// follow takes the position from an event. It is false for a bookmark of the past.
func (s *stream) follow(event watch.Event) (pass bool, err error) {
	o, err := meta.Accessor(event.Object)
	if err != nil {
		return false, err
	}
	revision, err := revisionOf(o)
	if err != nil {
		return false, err
	}
	bookmark := event.Type == watch.Bookmark
	if s.complete && !bookmark && revision <= s.resumed {
		return s.again(event.Type, revision)
	}
	s.feed.store.history.note(s.feed.resource, revision)
	if !bookmark {
		s.feed.moor(o.GetName(), revision, event.Type == watch.Deleted)
	}
	if !s.complete {
		s.complete = bookmark && o.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
		if s.complete {
			s.began, s.position = revision, revision
		}
		return true, nil
	}
	if bookmark && revision < s.position {
		return false, nil
	}
	s.position = revision
	return true, nil
}

// again judges a change behind the anchor that the watch had passed when it was opened
// again. Changes of before the stream began were not brought the first time: what there was
// at the beginning has neither what was deleted by then nor what came to that. Of such a
// change that is no deletion everything is read anew, as the list tells whose it is. A later
// change did not come the first time, and so is of another history.
func (s *stream) again(change watch.EventType, revision uint64) (pass bool, err error) {
	switch {
	case revision > s.began:
		return false, s.feed.store.history.setBack(s.feed.resource, revision, s.resumed)
	case change != watch.Deleted:
		return false, apierrors.NewResourceExpired("a change from before the watch began")
	}
	return true, nil
}

func (s *stream) send(ctx context.Context, event watch.Event) bool {
	select {
	case s.results <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// end tells the reflector why the stream ends.
func (s *stream) end(ctx context.Context, err error) {
	status := apierrors.NewInternalError(err).Status()
	if known, ok := err.(apierrors.APIStatus); ok {
		status = known.Status()
	}
	s.send(ctx, watch.Event{Type: watch.Error, Object: &status})
}

// reopen opens the watch where it was, again and again until the API server answers. The
// error is Expired when it cannot go on from there.
func (s *stream) reopen(ctx context.Context, retry *wait.Backoff) (watch.Interface, error) {
	for {
		w, err := s.open(ctx)
		switch {
		case err == nil:
			s.feed.mended()
			return w, nil
		case ctx.Err() != nil, apierrors.IsResourceExpired(err), apierrors.IsGone(err), s.feed.store.history.err() != nil:
			return nil, err
		}
		s.feed.store.log.V(1).Info("A watch cannot be opened yet", "resource", s.feed.resource, "revision", s.position, "error", err.Error())
		sleep(ctx, retry.Step())
	}
}

// open opens the watch once. It first makes sure that the history goes on: a watch from a
// revision that the API server has not come to is silent until it has.
func (s *stream) open(ctx context.Context) (watch.Interface, error) {
	if _, err := s.feed.newestRevision(ctx); err != nil {
		return nil, err
	}
	o := s.options
	o.SendInitialEvents, o.ResourceVersionMatch = nil, ""
	o.TimeoutSeconds = ptr.To(int64((streamTimeout + rand.N(streamTimeout)).Seconds())) //nolint:gosec // it spreads load
	s.resumed = s.position
	from := s.position
	if s.frozen || time.Since(s.alive) > s.feed.store.timeouts.shortBreak {
		var err error
		if from, err = s.feed.anchored(ctx); err != nil {
			return nil, err
		}
	}
	o.ResourceVersion = strconv.FormatUint(from, 10)
	return s.connect(ctx, o)
}

// connect opens a connection that renew can close.
func (s *stream) connect(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	ctx, cancel := context.WithCancel(ctx)
	s.closed = ctx.Done()
	s.mu.Lock()
	if s.current != nil {
		s.current() // of the connection before
	}
	s.current = cancel
	s.mu.Unlock()
	late := time.AfterFunc(openTimeout, cancel)
	w, err := s.feed.store.client.watch(ctx, s.feed.resource, s.feed.options(o))
	if !late.Stop() && err == nil {
		w.Stop()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return w, nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
