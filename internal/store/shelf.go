// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/fnv"
	"sync"
	"sync/atomic"

	"scim-operator.io/internal/scim"
)

// shelf is what the index knows of one type of resource: the resources, and how far
// through the API server's history it has come. The index's lock guards it.
type shelf struct {
	live    table
	retired table // users whom the identity provider deleted and who may come back

	listed  uint64        // revision of the newest list: what it did not have does not exist at it
	watched uint64        // revision that the watch has come to
	newest  atomic.Uint64 // revision of the newest change that readers have been able to see
	recent  recent
	tombs   map[string]uint64
	// remembered is the number of tombs after the last look at them.
	remembered int
	pending    map[string]*pendingGroup   // of groups alone
	unreadable map[string]*scim.Attribute // by id: what has a stored value that is not of its type
	synced     bool
}

// pendingGroup is a version of a group that cannot be seen before all its slices are here.
type pendingGroup struct {
	entry  *entry
	slices []string
	// unseen is the revision from which on readers may lack a change of the group: that of
	// the first version that was not complete. A later one does not make it visible.
	unseen uint64
}

func newShelf() *shelf {
	return &shelf{
		live: newTable(), retired: newTable(), tombs: map[string]uint64{},
		pending: map[string]*pendingGroup{}, unreadable: map[string]*scim.Attribute{},
	}
}

func (s *shelf) find(id string) *entry {
	if e, ok := s.live.find(id); ok {
		return e
	}
	if e, ok := s.retired.find(id); ok {
		return e
	}
	return nil
}

// news says whether an event tells the index something that it does not know yet.
// Events come late when the index has learned of a write by making it, or from a list.
// A complete version is news where the same version, or a later one, is pending.
func (s *shelf) news(id string, revision uint64, complete bool) bool {
	waiting, isPending := s.pending[id]
	if isPending && (!complete || revision > waiting.entry.revision) {
		return revision > waiting.entry.revision
	}
	if old := s.find(id); old != nil {
		return revision > old.revision
	}
	// A list that did not have what is pending is older than it. Of what is no newer than the watch, and is not
	// here, the deletion has come too, and its tomb may be forgotten.
	return revision > s.tombs[id] && (isPending || revision > max(s.listed, s.watched))
}

// contradicts reports whether a version in a list that is complete at a revision cannot
// belong to the history that is known: at that revision it was known to be past.
func (s *shelf) contradicts(e *entry, revision uint64) bool {
	past := func(known uint64) bool { return e.revision < known && known <= revision }
	if waiting, ok := s.pending[e.id]; ok && past(waiting.entry.revision) {
		return true
	}
	if old := s.find(e.id); old != nil {
		return past(old.revision)
	}
	if _, ok := s.pending[e.id]; ok || e.gone {
		return false // those that are gone are forgotten while they are still there
	}
	if deleted, known := s.tombs[e.id]; known {
		return past(deleted) // or it was deleted after the list, and before the list was taken in
	}
	return s.watched <= revision && past(s.listed) // else its tomb may be forgotten
}

func (s *shelf) tableOf(e *entry) *table {
	if e.live() {
		return &s.live
	}
	return &s.retired
}

// seen is the revision up to which readers see every change.
func (s *shelf) seen() uint64 {
	seen := max(s.watched, s.listed)
	for _, waiting := range s.pending {
		seen = min(seen, waiting.unseen-1)
	}
	return seen
}

// see records that readers see a change of a resource from now on.
func (s *shelf) see(id string, revision uint64) {
	s.recent.add(id, revision, &s.newest)
}

// recent are the last changes that readers have been able to see. It has a lock of its own,
// so that whoever asks for them waits for no list that is being taken in.
type recent struct {
	mu      sync.Mutex
	changes [64]change64
	count   int
	before  uint64 // there may have been other changes up to this revision
}

type change64 struct {
	id       uint64 // see idHash
	revision uint64
}

// idHash stands for an id among replicas, so that the answer to a question has a bound. Two
// ids of one hash cost a reader some waiting.
func idHash(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // it never fails
	return h.Sum64()
}

// add records a change, and that newest is no older.
func (r *recent) add(id string, revision uint64, newest *atomic.Uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := &r.changes[r.count%len(r.changes)]
	r.before = max(r.before, oldest.revision)
	oldest.id, oldest.revision = idHash(id), revision
	r.count++
	newest.Store(max(newest.Load(), revision))
}

// since gives whom changes after a revision concern, unless some have been forgotten.
func (r *recent) since(revision uint64) (ids []uint64, complete bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.before > revision {
		return nil, false
	}
	for i := range r.changes {
		if r.changes[i].revision > revision {
			ids = append(ids, r.changes[i].id)
		}
	}
	return ids, true
}

// forget makes the changes up to a revision forgotten.
func (r *recent) forget(revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = max(r.before, revision)
}

// await has readers wait for a version of a group whose slices are not here yet.
func (s *shelf) await(v groupOrUser) {
	unseen := v.entry.revision
	if waiting, ok := s.pending[v.entry.id]; ok {
		unseen = waiting.unseen
	}
	s.pending[v.entry.id] = &pendingGroup{entry: v.entry, slices: v.slices, unseen: unseen}
}

// settle ends the waiting for a version that is no newer than what is known now.
func (s *shelf) settle(id string, revision uint64) {
	waiting, ok := s.pending[id]
	switch {
	case !ok:
	case waiting.entry.revision <= revision:
		delete(s.pending, id)
	default:
		waiting.unseen = max(waiting.unseen, revision+1)
	}
}

// bury remembers that the resource does not exist at the revision.
func (s *shelf) bury(id string, revision uint64) {
	s.settle(id, revision)
	s.tombs[id] = max(s.tombs[id], revision)
	s.see(id, revision)
}

// minTombs is the number of tombs that are not worth a look.
const minTombs = 1024

// forget drops the tombs that no late event can come to. It looks at all of them when
// there are twice as many as the last time.
func (s *shelf) forget() {
	if len(s.tombs) < max(minTombs, 2*s.remembered) {
		return
	}
	for id, revision := range s.tombs {
		if revision <= s.watched {
			delete(s.tombs, id)
		}
	}
	s.remembered = len(s.tombs)
}

// shelfView is a shelf as readers have it.
type shelfView struct{ live, retired table }

func (s *shelf) snapshot(next *owner) shelfView {
	return shelfView{live: s.live.snapshot(next), retired: s.retired.snapshot(next)}
}
