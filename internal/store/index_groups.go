// SPDX-License-Identifier: Apache-2.0

package store

import "slices"

// groupOrUser is a version of a resource. A group names the slices that hold its
// members, if any do.
type groupOrUser struct {
	entry  *entry
	slices []string
}

// putVersion takes in a version from a watch, a list or a get.
func (x *index) putVersion(s *shelf, v groupOrUser) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.takeIn(s, v)
}

func (x *index) takeIn(s *shelf, v groupOrUser) {
	complete := len(v.slices) == 0 || v.entry.gone
	if !s.news(v.entry.id, v.entry.revision, complete) {
		return
	}
	if complete {
		x.store(s, v.entry)
		return
	}
	s.await(v)
	x.complete(v.entry.id)
}

// complete makes a pending version of a group visible when all its slices are here.
func (x *index) complete(id string) {
	waiting, ok := x.groups.pending[id]
	if !ok {
		return
	}
	chunks := make([]*chunk, len(waiting.slices))
	for i, name := range waiting.slices {
		slice, ok := x.slices[name]
		if !ok {
			x.waiting[name] = id
			return
		}
		chunks[i] = slice.chunk
	}
	e := *waiting.entry
	e.members = newMemberList(chunks...)
	x.store(x.groups, &e)
	x.advance()
}

// putSlice takes in a slice.
func (x *index) putSlice(c *chunk, revision uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.putSliceLocked(c, revision)
}

func (x *index) putSliceLocked(c *chunk, revision uint64) {
	if _, ok := x.slices[c.slice]; ok {
		return // a slice never changes
	}
	x.slices[c.slice] = &storedSlice{chunk: c, revision: revision}
	if id, ok := x.waiting[c.slice]; ok {
		delete(x.waiting, c.slice)
		x.complete(id)
	}
	if id, ok := x.lacking[c.slice]; ok {
		x.heal(id, c)
	}
}

// noteLacking keeps track of the slices without which a group is shown, from one version
// to the next; nil is none.
func (x *index) noteLacking(old, e *entry) {
	if old != nil {
		for c := range old.members.lacking() {
			delete(x.lacking, c.slice)
		}
	}
	if e == nil || e.gone {
		return
	}
	var restored []*chunk
	for c := range e.members.lacking() {
		x.lacking[c.slice] = e.id
		if slice, ok := x.slices[c.slice]; ok {
			restored = append(restored, slice.chunk)
		}
	}
	for _, c := range restored {
		x.heal(e.id, c)
	}
}

// heal shows a group with a slice that did not exist, and was restored.
func (x *index) heal(id string, restored *chunk) {
	old, ok := x.groups.live.find(id)
	if !ok {
		return
	}
	chunks := slices.Clone(old.members.chunks)
	for i, c := range chunks {
		if c.missing && c.slice == restored.slice {
			chunks[i] = restored
		}
	}
	e := *old
	e.members = newMemberList(chunks...)
	x.store(x.groups, &e)
	x.advance()
}

// dropSlice forgets a slice. A version of a group that shows its members keeps them
// until the next version is here.
func (x *index) dropSlice(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.slices, name)
	delete(x.waiting, name)
}

// replaceSlices takes in a list of all slices.
func (x *index) replaceSlices(chunks map[string]*storedSlice, revision uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, slice := range x.slices {
		if _, ok := chunks[name]; !ok && slice.revision <= revision {
			delete(x.slices, name)
		}
	}
	for _, slice := range chunks {
		x.putSliceLocked(slice.chunk, slice.revision)
	}
}

// pendingGroups names the groups whose newest version cannot be seen yet.
func (x *index) pendingGroups() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids := make([]string, 0, len(x.groups.pending))
	for id := range x.groups.pending {
		ids = append(ids, id)
	}
	return ids
}

// chunks gives the chunks of slices, nil for one that is not here.
func (x *index) chunks(slices []string) []*chunk {
	x.mu.Lock()
	defer x.mu.Unlock()
	chunks := make([]*chunk, len(slices))
	for i, name := range slices {
		if slice, ok := x.slices[name]; ok {
			chunks[i] = slice.chunk
		}
	}
	return chunks
}
