// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// bookmarkTime is how long after a page by index the page asked for next is the one
	// that follows it.
	bookmarkTime = 10 * time.Minute
	// maxBookmarks bounds the pages that may be asked for next, some 400 bytes each.
	maxBookmarks = 4096
)

// bookmarks remember behind whom a page by index ended, for the request that asks for the
// next page. An index alone would not find it any more when somebody in front of it has
// been deleted meanwhile.
type bookmarks struct {
	mu     sync.Mutex
	marks  map[bookmarkKey]*bookmark
	oldest []bookmarkKey // of marks, in the order in which they were first set
}

// bookmarkKey is a client's query and the startIndex of the page that it will ask for.
type bookmarkKey [sha256.Size]byte

type bookmark struct {
	at      place
	expires time.Time
	used    bool
}

// bookmarkKeyOf names the page of a client's query that begins at startIndex.
func (x *exchange) bookmarkKeyOf(p parameters, startIndex int) bookmarkKey {
	b := p.fingerprint(x.scope())
	b = binary.BigEndian.AppendUint64(b, uint64(startIndex)) //nolint:gosec // it is never negative
	return sha256.Sum256(append(b, x.tokenID...))
}

// find gives what is remembered of a page.
func (m *bookmarks) find(key bookmarkKey, now time.Time) (at place, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.marks[key]
	if found == nil || !now.Before(found.expires) {
		return place{}, false
	}
	found.used = true // and kept: the answer may be lost and asked for again
	return found.at, true
}

// set remembers a place. Where two walks of one query are under way at the same time,
// the one that is further behind keeps its place, as before tells: to meet somebody twice
// is better than to miss somebody.
func (m *bookmarks) set(key bookmarkKey, at place, now time.Time, before func(a, b place) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.marks == nil {
		m.marks = make(map[bookmarkKey]*bookmark)
	}
	old := m.marks[key]
	if old == nil {
		m.forget(now)
		m.oldest = append(m.oldest, key)
	} else if !old.used && now.Before(old.expires) && before(old.at, at) {
		at = old.at
	}
	m.marks[key] = &bookmark{at: at, expires: now.Add(bookmarkTime)}
}

// forget makes room for one more, and lets go of what has expired.
func (m *bookmarks) forget(now time.Time) {
	for len(m.oldest) > 0 {
		first := m.oldest[0]
		if len(m.marks) < maxBookmarks && now.Before(m.marks[first].expires) {
			return
		}
		delete(m.marks, first)
		m.oldest = m.oldest[1:]
	}
}
