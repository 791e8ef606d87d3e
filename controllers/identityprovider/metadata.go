// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/oidc"
	"scim-operator.io/internal/saml"
)

const (
	// refetch is how often metadata is read again from its URL, give or take a tenth.
	refetch = time.Hour
	// firstRetry is doubled with every failure to fetch, up to refetch.
	firstRetry = 30 * time.Second
)

// documents remembers what the URLs answered, so that a reconcile for another reason
// asks nobody.
type documents struct {
	fetch func(ctx context.Context, url string) ([]byte, error)
	now   func() time.Time

	mu    sync.Mutex
	known map[documentKey]answer
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

type answer struct {
	url      string
	document []byte
	err      error
	failures int
	due      time.Time
}

// get returns the document at the URL as it was when it was last due.
func (d *documents) get(ctx context.Context, key documentKey, url string) ([]byte, time.Duration, error) {
	d.mu.Lock()
	last := d.known[key]
	d.mu.Unlock()
	if last.url != url {
		last = answer{url: url}
	}
	if now := d.now(); !now.Before(last.due) {
		last.document, last.err = d.fetch(ctx, url)
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		last.schedule(now)
		d.mu.Lock()
		d.known[key] = last
		d.mu.Unlock()
	}
	return last.document, max(last.due.Sub(d.now()), time.Second), last.err
}

func (a *answer) schedule(now time.Time) {
	if a.err == nil {
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

// advice is what a person can do about metadata that is not usable, by what is wrong with it.
// Errors of ErrInvalid say it themselves.
type advice struct{ unreachable, forbidden, tooLarge string }

// metadataFailure is what an error about metadata means, or nil for any other error. An
// unreachable URL may come back by itself, everything else needs a person.
func metadataFailure(err error, do advice) *outcome.Failure {
	switch {
	case errors.Is(err, saml.ErrUnreachable):
		return outcome.Waiting(saml.Reason(err), "%s %s", sentence(err), do.unreachable)
	case errors.Is(err, saml.ErrForbidden):
		return outcome.Stalled(saml.Reason(err), "%s %s", sentence(err), do.forbidden)
	case errors.Is(err, saml.ErrTooLarge):
		return outcome.Stalled(saml.Reason(err), "%s %s", sentence(err), do.tooLarge)
	case errors.Is(err, saml.ErrInvalid), errors.Is(err, oidc.ErrInvalid):
		return outcome.Stalled(saml.Reason(err), "%s", sentence(err))
	default:
		return nil
	}
}

func sentence(err error) string {
	first, size := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(first)) + err.Error()[size:] + "."
}
