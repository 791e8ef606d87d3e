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
)

// failures slows down sources that present wrong tokens. It never stands in the way of a
// right one: whoever shares an address with somebody who tries, or whose other connector
// still has an old token, is let in as ever.
type failures struct {
	mu      sync.Mutex
	sources *lru.Cache // *rate.Limiter by netip.Addr
}

func newFailures() *failures { return &failures{sources: lru.New(maxSources)} }

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
