// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// refetch is how often a document is read again from its URL, give or take a tenth.
	refetch = time.Hour
	// firstRetry is doubled with every failure to fetch, up to refetch.
	firstRetry = 30 * time.Second
)

var (
	// errPending says that nothing is known of a document since the manager started: it is
	// being fetched, and its provider is reconciled when it has arrived.
	errPending = errors.New("the document is being fetched")
	// errReplaced is errPending of a document whose URL is another one than before.
	errReplaced = errors.New("the document of another URL is being fetched")
)

// documents knows what the documents at URLs say, and has them fetched beside the
// reconciles, which wait for no answer. It keeps what was read from a document and not the
// document itself.
type documents struct {
	fetch   func(ctx context.Context, url string) ([]byte, error)
	fetches *fetches
	now     func() time.Time
	// arrived has a provider reconciled.
	arrived func(provider client.ObjectKey)

	mu    sync.Mutex
	known map[documentKey]*answer
}

// documentKey names one of the documents of an identity provider.
type documentKey struct {
	of   client.ObjectKey
	part documentPart
}

type documentPart string

const (
	metadataPart documentPart = "metadata"
	keysPart     documentPart = "keys"
)

// location is where a document is, and how it is read: what was read in another way is not
// what is asked for.
type location struct {
	url string
	// signers is a digest of who must have signed it, "" for anybody.
	signers string
}

// answer is what is known of the document at one location.
type answer struct {
	location
	// value is what was read from it, when err is nil.
	value    any
	err      error
	failures int
	due      time.Time
	// answered says that there is a value or an error, underWay that another is awaited.
	answered, underWay bool
	// replaces says that the provider had another URL before.
	replaces bool
}

// reader reads a document.
type reader func(document []byte) (any, error)

// get returns what was read from the document at a location, and when to come back although
// no event asks for it. It has the document fetched when that is due. The error is
// errPending or errReplaced before the first answer.
func (d *documents) get(key documentKey, at location, read reader) (value any, next time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, ok := d.known[key]
	if !ok || last.location != at {
		last = &answer{location: at, replaces: ok && last.url != at.url}
		d.known[key] = last
	}
	now := d.now()
	if !last.underWay && !now.Before(last.due) {
		last.underWay = true
		d.fetches.add(key.of.Namespace, func(ctx context.Context) error { return d.refresh(ctx, key, last, read) })
	}
	switch {
	case !last.answered && last.replaces:
		return nil, 0, errReplaced
	case !last.answered:
		return nil, 0, errPending
	case last.underWay:
		return last.value, 0, last.err
	default:
		return last.value, max(last.due.Sub(now), time.Second), last.err
	}
}

// refresh fetches and reads a document, unless it is not wanted any more. The error is that
// of the fetch.
func (d *documents) refresh(ctx context.Context, key documentKey, into *answer, read reader) error {
	if !d.wanted(key, into) {
		return nil
	}
	document, failed := d.fetch(ctx, into.url)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var value any
	err := failed
	if failed == nil {
		value, err = read(document)
	}
	d.mu.Lock()
	into.value, into.err, into.answered, into.underWay = value, err, true, false
	into.schedule(d.now(), failed)
	d.mu.Unlock()
	d.arrived(key.of)
	return failed
}

func (d *documents) wanted(key documentKey, answer *answer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[key] == answer
}

func (a *answer) schedule(now time.Time, failed error) {
	if failed == nil {
		a.failures = 0
		a.due = now.Add(jitter(refetch))
		return
	}
	wait := min(firstRetry<<min(a.failures, 10), refetch)
	a.failures++
	a.due = now.Add(jitter(wait))
}

func (d *documents) forget(key client.ObjectKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, part := range []documentPart{metadataPart, keysPart} {
		delete(d.known, documentKey{key, part})
	}
}

// jitter spreads what would otherwise happen at once for all.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // Nobody gains by guessing it.
}
