// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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

// Peers are the other replicas of the endpoint.
type Peers interface {
	// Bookmarks gives what those who answer in time have said to [Server.Bookmark] of a
	// page. Without peers it returns nil and does no I/O.
	Bookmarks(ctx context.Context, page string) []string
}

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
	set     time.Time
	used    bool   // the page has been asked for
	tokenID string // whose key it is sealed with for other replicas
}

func (b *bookmark) expires() time.Time { return b.set.Add(bookmarkTime) }

// bookmarkKeyOf names the page of a client's query that begins at startIndex.
func (x *exchange) bookmarkKeyOf(p parameters, startIndex int) bookmarkKey {
	b := p.fingerprint(x.scope())
	b = binary.BigEndian.AppendUint64(b, uint64(startIndex)) //nolint:gosec // it is never negative
	return sha256.Sum256(append(b, x.tokenID...))
}

// find gives what is remembered of a page, as it was before it was asked for: it is kept,
// as the answer may be lost and asked for again.
func (m *bookmarks) find(key bookmarkKey, now time.Time) (mark bookmark, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.marks[key]
	if found == nil || !now.Before(found.expires()) {
		return bookmark{}, false
	}
	mark = *found
	found.used = true
	return mark, true
}

// set remembers a place. Where two walks of one query are under way at the same time,
// the one that is further behind keeps its place, as before tells: to meet somebody twice
// is better than to miss somebody.
func (m *bookmarks) set(key bookmarkKey, mark bookmark, before func(a, b place) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.marks[key]; old != nil && !old.used && mark.set.Before(old.expires()) && before(old.at, mark.at) {
		mark.at = old.at
	}
	m.keep(key, mark)
}

// replace remembers what was chosen among the replicas.
func (m *bookmarks) replace(key bookmarkKey, mark bookmark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, mark)
}

func (m *bookmarks) keep(key bookmarkKey, mark bookmark) {
	if m.marks == nil {
		m.marks = make(map[bookmarkKey]*bookmark)
	}
	if m.marks[key] == nil {
		m.forget(mark.set)
		m.oldest = append(m.oldest, key)
	}
	m.marks[key] = &mark
}

// forget makes room for one more, and lets go of what has expired.
func (m *bookmarks) forget(now time.Time) {
	for len(m.oldest) > 0 {
		first := m.oldest[0]
		if len(m.marks) < maxBookmarks && now.Before(m.marks[first].expires()) {
			return
		}
		delete(m.marks, first)
		m.oldest = m.oldest[1:]
	}
}

// recall gives the place at which a page begins, where one of the replicas remembers it:
// the page before it may have come from any.
func (s *Server) recall(x *exchange, key bookmarkKey, before func(a, b place) bool) (at place, ok bool) {
	mark, ok := s.bookmarks.find(key, s.now())
	if s.peers == nil {
		return mark.at, ok
	}
	others := s.peers.Bookmarks(x.ctx, base64.RawURLEncoding.EncodeToString(key[:]))
	if len(others) == 0 {
		return mark.at, ok
	}
	for _, sealed := range others {
		other, opened := s.openBookmark(sealed, key)
		if opened && (!ok || other.precedes(&mark, before)) {
			mark, ok = other, true
		}
	}
	if ok {
		s.bookmarks.replace(key, bookmark{at: mark.at, set: s.now(), used: true, tokenID: x.tokenID})
	}
	return mark.at, ok
}

// precedes says whether a walk goes on from b rather than from other, which another replica
// has of the same page. What has been used may be of a walk that is long over, so
// what has not is preferred, and then what is further behind, as in set. When a bookmark
// was set does not count, as replicas have clocks of their own.
func (b *bookmark) precedes(other *bookmark, before func(a, b place) bool) bool {
	if b.used != other.used {
		return other.used
	}
	return before(b.at, other.at)
}

// Bookmark tells another replica what this one remembers of a page, sealed as cursors are:
// it opens for that page alone. It is "" for nothing.
func (s *Server) Bookmark(page string) string {
	var key bookmarkKey
	decoded, err := base64.RawURLEncoding.DecodeString(page)
	if err != nil || len(decoded) != len(key) {
		return ""
	}
	copy(key[:], decoded)
	mark, ok := s.bookmarks.find(key, s.now())
	if !ok {
		return ""
	}
	used := byte(0)
	if mark.used {
		used = 1
	}
	sealed, err := s.seal(mark.tokenID, mark.at.append([]byte{used}, mark.expires()), key[:])
	if err != nil { // there is no key
		return ""
	}
	return sealed
}

// openBookmark reads what another replica's Bookmark made.
func (s *Server) openBookmark(sealed string, key bookmarkKey) (mark bookmark, ok bool) {
	opened, err := s.open(sealed, key[:])
	if err != nil {
		return bookmark{}, false
	}
	r := placeReader{rest: opened}
	mark.used = r.byte() == 1
	var expires time.Time
	mark.at, expires, ok = readPlace(r.rest)
	return mark, ok && s.now().Before(expires)
}
