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
	// maxBookmarks bounds the pages that may be asked for next, some 400 bytes each, and the
	// ends of walks, some 150 bytes each.
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
//
// A walk begins with a page that follows none. A client may abandon it and begin another
// one, which comes to the same startIndex at another place: what is remembered of the walk
// that began last counts. Which one that is tells the revision of its first page, as
// replicas have clocks of their own. A walk that is at its end is remembered too, so that an
// abandoned one, known to another replica perhaps, does not go on in its place.
type bookmarks struct {
	pages marks
	ends  marks // apart, because most queries have one page
}

// marks are what is remembered, each for a time, and no more than [maxBookmarks].
type marks struct {
	mu     sync.Mutex
	byKey  map[bookmarkKey]*bookmark
	oldest []bookmarkKey // of byKey, in the order in which they were first set
}

// bookmarkKey is a client's query and the startIndex of the page that it will ask for.
type bookmarkKey [sha256.Size]byte

type bookmark struct {
	at      place
	end     bool   // of the walk: there is no place behind it
	begun   uint64 // revision of the walk's first page
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

// find returns what is remembered of a page, as it was before it was asked for: it is kept,
// as the answer may be lost and asked for again.
func (b *bookmarks) find(key bookmarkKey, now time.Time) (mark bookmark, ok bool) {
	mark, ok = b.pages.use(key, now)
	if end, ended := b.ends.use(key, now); ended && (!ok || end.precedes(&mark, nil)) {
		return end, true
	}
	return mark, ok
}

// set remembers where a walk goes on. Where two pages that show the same revision end
// there, the one that is further behind keeps its place, as before tells: to meet somebody
// twice is better than to miss somebody.
func (b *bookmarks) set(key bookmarkKey, mark bookmark, before func(a, b place) bool) {
	if mark.end {
		b.pages.forgetOlder(key, mark.begun)
		b.ends.set(key, mark, nil)
		return
	}
	b.ends.forgetOlder(key, mark.begun)
	b.pages.set(key, mark, before)
}

// replace remembers what was chosen among the replicas.
func (b *bookmarks) replace(key bookmarkKey, mark bookmark) {
	if mark.end {
		b.ends.replace(key, mark)
	} else {
		b.pages.replace(key, mark)
	}
}

func (m *marks) use(key bookmarkKey, now time.Time) (mark bookmark, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.byKey[key]
	if found == nil || !now.Before(found.expires()) {
		return bookmark{}, false
	}
	mark = *found
	found.used = true
	return mark, true
}

func (m *marks) set(key bookmarkKey, mark bookmark, before func(a, b place) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.byKey[key]; old != nil && mark.set.Before(old.expires()) && old.precedes(&mark, before) {
		mark.at, mark.begun = old.at, old.begun
	}
	m.keep(key, mark)
}

func (m *marks) replace(key bookmarkKey, mark bookmark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, mark)
}

// forgetOlder forgets what a walk left that began before the revision, or with it.
func (m *marks) forgetOlder(key bookmarkKey, begun uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.byKey[key]; old != nil && old.begun <= begun {
		*old = bookmark{} // its place in oldest stays until its turn
	}
}

func (m *marks) keep(key bookmarkKey, mark bookmark) {
	if m.byKey == nil {
		m.byKey = make(map[bookmarkKey]*bookmark)
	}
	if m.byKey[key] == nil {
		m.forget(mark.set)
		m.oldest = append(m.oldest, key)
	}
	m.byKey[key] = &mark
}

// forget makes room for one more, and lets go of what has expired.
func (m *marks) forget(now time.Time) {
	for len(m.oldest) > 0 {
		first := m.oldest[0]
		if len(m.byKey) < maxBookmarks && now.Before(m.byKey[first].expires()) {
			return
		}
		delete(m.byKey, first)
		m.oldest = m.oldest[1:]
	}
}

// recall returns what is remembered of a page by one of the replicas: the page before it may
// have come from any.
func (s *Server) recall(x *exchange, key bookmarkKey, before func(a, b place) bool) (mark bookmark, ok bool) {
	mark, ok = s.bookmarks.find(key, s.now())
	if s.peers == nil {
		return mark, ok
	}
	others := s.peers.Bookmarks(x.ctx, base64.RawURLEncoding.EncodeToString(key[:]))
	if len(others) == 0 {
		return mark, ok
	}
	for _, sealed := range others {
		other, opened := s.openBookmark(sealed, key)
		if opened && (!ok || other.precedes(&mark, before)) {
			mark, ok = other, true
		}
	}
	if ok {
		mark.set, mark.used, mark.tokenID = s.now(), true, x.tokenID
		s.bookmarks.replace(key, mark)
	}
	return mark, ok
}

// precedes reports whether a walk goes on from b rather than from other, which is remembered
// of the same page. What has been used may be of a walk that is long over, so what has not
// is preferred. Then the walk that began last counts, and of one walk what is further
// behind. When a bookmark was set does not count, as replicas have clocks of their own.
func (b *bookmark) precedes(other *bookmark, before func(a, b place) bool) bool {
	switch {
	case b.used != other.used:
		return other.used
	case b.begun != other.begun:
		return b.begun > other.begun
	case b.end || other.end:
		return !b.end
	default:
		return before(b.at, other.at)
	}
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
	flags := byte(0)
	if mark.used {
		flags |= bookmarkUsed
	}
	if mark.end {
		flags |= bookmarkEnd
	}
	plain := binary.AppendUvarint([]byte{flags}, mark.begun)
	sealed, err := s.seal(mark.tokenID, mark.at.append(plain, mark.expires()), key[:])
	if err != nil { // there is no key
		return ""
	}
	return sealed
}

// The flags that lead a sealed bookmark.
const (
	bookmarkUsed = 1 << iota
	bookmarkEnd
)

// openBookmark reads what another replica's Bookmark made.
func (s *Server) openBookmark(sealed string, key bookmarkKey) (mark bookmark, ok bool) {
	opened, err := s.open(sealed, key[:])
	if err != nil {
		return bookmark{}, false
	}
	r := placeReader{rest: opened}
	flags := r.byte()
	mark.used, mark.end = flags&bookmarkUsed != 0, flags&bookmarkEnd != 0
	mark.begun = r.uvarint()
	var expires time.Time
	mark.at, expires, ok = readPlace(r.rest)
	return mark, ok && !r.failed && s.now().Before(expires)
}
