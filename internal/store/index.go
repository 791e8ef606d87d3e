// SPDX-License-Identifier: Apache-2.0

package store

import (
	"sync"
	"sync/atomic"
)

// index holds every user, group and other resource of the endpoint in memory. Watches and the store's
// own writes feed it; resourceVersions keep a late event from undoing what is known.
// Readers work on snapshots.
type index struct {
	mu          sync.Mutex
	users       *shelf
	groups      *shelf
	declared    []*shelf // one for each declared resource type
	memberships tree[membership]
	slices      map[string]*storedSlice
	waiting     map[string]string // slice that is not here yet to the group that names it
	lacking     map[string]string // slice that does not exist to the group that is shown without it
	advanced    chan struct{}     // closed when a watch, or what it brought, has come further

	stale     atomic.Bool // the published snapshot is older than the index
	published atomic.Pointer[snapshot]
}

// storedSlice is a ScimGroupSlice.
type storedSlice struct {
	chunk    *chunk
	revision uint64
}

// snapshot is the index at one moment. It never changes.
type snapshot struct {
	users, groups shelfView
	declared      []shelfView
	memberships   tree[membership]
}

func newIndex() *index {
	x := &index{
		users: newShelf(), groups: newShelf(),
		memberships: newTree(compareMemberships),
		slices:      map[string]*storedSlice{},
		waiting:     map[string]string{},
		lacking:     map[string]string{},
		advanced:    make(chan struct{}),
	}
	x.published.Store(x.snapshotLocked())
	return x
}

// declare adds the shelf of a declared resource type.
func (x *index) declare(s *shelf) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.declared = append(x.declared, s)
	x.stale.Store(true)
}

// view gives the index as it is now.
func (x *index) view() *snapshot {
	if !x.stale.Load() {
		return x.published.Load()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stale.Load() {
		x.published.Store(x.snapshotLocked())
		x.stale.Store(false)
	}
	return x.published.Load()
}

func (x *index) snapshotLocked() *snapshot {
	next := new(owner)
	view := &snapshot{
		users: x.users.snapshot(next), groups: x.groups.snapshot(next),
		memberships: x.memberships.snapshot(next),
	}
	if len(x.declared) > 0 {
		view.declared = make([]shelfView, len(x.declared))
		for i, s := range x.declared {
			view.declared[i] = s.snapshot(next)
		}
	}
	return view
}

// put takes in a version of a resource, a group's members included.
func (x *index) put(s *shelf, e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.news(e.id, e.revision, true) {
		x.store(s, e)
		x.advance()
	}
}

// store puts a version in the place of the one before.
func (x *index) store(s *shelf, e *entry) {
	s.settle(e.id, e.revision)
	old := s.find(e.id)
	s.noteUnreadable(e)
	switch {
	case e.gone:
		s.bury(e.id, e.revision)
		if old != nil {
			s.tableOf(old).erase(old)
		}
	case old == nil:
		s.tableOf(e).insert(e)
	case s.tableOf(old) == s.tableOf(e):
		s.tableOf(e).replace(old, e)
	default:
		s.tableOf(old).erase(old)
		s.tableOf(e).insert(e)
	}
	x.updateMemberships(old, e)
	x.noteLacking(old, e)
	s.see(e.id, e.revision)
	x.stale.Store(true)
}

// revision is that of the newest version of a resource that is known, 0 for none.
func (x *index) revision(s *shelf, id string) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	var revision uint64
	if e := s.find(id); e != nil {
		revision = e.revision
	}
	if waiting, ok := s.pending[id]; ok {
		revision = max(revision, waiting.entry.revision)
	}
	return revision
}

// drop takes in that the resource does not exist at the revision.
func (x *index) drop(s *shelf, id string, revision uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dropLocked(s, id, revision)
}

func (x *index) dropLocked(s *shelf, id string, revision uint64) {
	old := s.find(id)
	if old != nil && old.revision > revision {
		return
	}
	if waiting, ok := s.pending[id]; ok && waiting.entry.revision > revision {
		return
	}
	s.bury(id, revision)
	if old != nil {
		delete(s.unreadable, id)
		s.tableOf(old).erase(old)
		x.updateMemberships(old, nil)
		x.noteLacking(old, nil)
		x.stale.Store(true)
	}
}

// updateMemberships brings the index of members from one version of a group to the
// next; nil is none. Chunks that both have cost nothing.
func (x *index) updateMemberships(old, e *entry) {
	before, id := chunksOf(old)
	after, newID := chunksOf(e)
	if newID != "" {
		id = newID
	}
	if len(before) == 0 && len(after) == 0 {
		return
	}
	shared := make(map[*chunk]bool, len(before))
	for _, c := range before {
		shared[c] = false
	}
	added := map[string]memberType{}
	for _, c := range after {
		if _, ok := shared[c]; ok {
			shared[c] = true
			continue
		}
		for _, m := range c.members {
			added[m.value] = m.typ
		}
	}
	for _, c := range before {
		if shared[c] {
			continue
		}
		for _, m := range c.members {
			if typ, stays := added[m.value]; stays && typ == m.typ {
				delete(added, m.value)
			} else if !stays {
				x.memberships.remove(membership{member: m.value, group: id})
			}
		}
	}
	for value, typ := range added {
		x.memberships.put(membership{member: value, group: id, typ: typ})
	}
}

func chunksOf(e *entry) ([]*chunk, string) {
	if e == nil {
		return nil, ""
	}
	if e.members == nil || e.gone {
		return nil, e.id
	}
	return e.members.chunks, e.id
}

// replace takes in a list of everything that exists at the revision, unless it is of
// another history: then it returns a version that shows it. fromWatch says that the watch
// goes on from there.
func (x *index) replace(s *shelf, versions []groupOrUser, revision uint64, fromWatch bool) (past *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, v := range versions {
		if s.contradicts(v.entry, revision) {
			return v.entry
		}
	}
	present := make(map[string]struct{}, len(versions))
	for _, v := range versions {
		present[v.entry.id] = struct{}{}
		x.takeIn(s, v)
	}
	x.dropAbsent(s, present, revision)
	s.listed = max(s.listed, revision)
	s.recent.forget(revision) // a list does not tell all that came before it
	if fromWatch {
		s.watched = max(s.watched, revision)
		s.synced = true
		s.forget()
	}
	x.advance()
	return nil
}

// dropAbsent drops what a list did not have and what is no newer than the list.
func (x *index) dropAbsent(s *shelf, present map[string]struct{}, revision uint64) {
	var absent []string
	for _, t := range []*table{&s.live, &s.retired} {
		for e := range t.byCreation.all() {
			if _, ok := present[e.id]; !ok && e.revision <= revision {
				absent = append(absent, e.id)
			}
		}
	}
	for id, waiting := range s.pending {
		if _, ok := present[id]; !ok && waiting.entry.revision <= revision {
			absent = append(absent, id)
		}
	}
	for _, id := range absent {
		x.dropLocked(s, id, revision)
	}
}

// watchedTo records that the watch has delivered every change up to the revision.
func (x *index) watchedTo(s *shelf, revision uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if revision > s.watched {
		s.watched = revision
		s.forget()
		x.advance()
	}
}

// advance wakes those who wait for a revision.
func (x *index) advance() {
	close(x.advanced)
	x.advanced = make(chan struct{})
}
