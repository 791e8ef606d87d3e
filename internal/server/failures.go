// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

const (
	// A source may fail so often in a row, and then once in each interval.
	failuresAtOnce  = 20
	failureInterval = 5 * time.Second
	// maxSources bounds the sources that are remembered, some 200 bytes each. Who comes
	// beyond it pushes out the one whose last failure is the longest ago.
	maxSources = 10_000
	// suspectChecks is how many access tokens a second are looked into for all sources
	// together that have failed too often, and suspectBurst how many at once: a check of a
	// signature takes up to a millisecond, and what such sources present is seldom good.
	suspectChecks, suspectBurst = 50, 20
)

// failures slows down sources that present wrong tokens. It never stands in the way of a
// right one: whoever shares an address with somebody who tries, or whose other connector
// still has an old token, is let in as ever.
type failures struct {
	mu       sync.Mutex
	sources  *lru.Cache // *rate.Limiter by netip.Addr
	suspects *rate.Limiter
}

func newFailures() *failures {
	return &failures{sources: lru.New(maxSources), suspects: rate.NewLimiter(suspectChecks, suspectBurst)}
}

// mayTry reports whether a token of a source is worth the cost of checking its signature.
// Sources that have failed too often share a small budget, so that a good token of such a
// source still gets its turn.
func (f *failures) mayTry(from netip.Addr, now time.Time) bool {
	f.mu.Lock()
	known, ok := f.sources.Get(source(from))
	f.mu.Unlock()
	if !ok || known.(*rate.Limiter).TokensAt(now) >= 1 {
		return true
	}
	return f.suspects.AllowN(now, 1)
}

// note counts a failure of a source at a time. When it has failed too often, it says for
// how long the next ones will not be looked into either.
func (f *failures) note(from netip.Addr, now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from = source(from)
	known, ok := f.sources.Get(from)
	if !ok {
		known = rate.NewLimiter(rate.Every(failureInterval), failuresAtOnce)
		f.sources.Add(from, known)
	}
	limiter := known.(*rate.Limiter)
	if limiter.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - limiter.TokensAt(now)) * float64(failureInterval))
}
