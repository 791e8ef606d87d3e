// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// maxRates bounds the tokens and subjects whose rate is remembered, some 200 bytes each. Beyond
// it, the one whose last request is the longest ago is forgotten and may begin anew.
const maxRates = 10_000

// rates bounds how many requests a second come with one token, or of one subject of the OAuth
// issuer, so that a client that runs wild does not take what others need.
type rates struct {
	perSecond int
	mu        sync.Mutex
	limiters  *lru.Cache // *rate.Limiter by the ID of the token
}

func newRates(perSecond int) *rates { return &rates{perSecond: perSecond, limiters: lru.New(maxRates)} }

// take counts a request. When it is one too many, it returns how long to wait for the next;
// requests that are refused do not make that longer.
func (r *rates) take(tokenID string, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.limiters.Get(tokenID)
	if !ok {
		known = rate.NewLimiter(rate.Limit(r.perSecond), r.perSecond)
		r.limiters.Add(tokenID, known)
	}
	limiter := known.(*rate.Limiter)
	if limiter.AllowN(now, 1) {
		return 0
	}
	return max(time.Millisecond, time.Duration((1-limiter.TokensAt(now))*float64(time.Second)/float64(r.perSecond)))
}
