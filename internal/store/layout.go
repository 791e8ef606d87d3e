// SPDX-License-Identifier: Apache-2.0

package store

import (
	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

const (
	// maxChunkBytes bounds the members of one object as JSON, for ids that are longer
	// than our own.
	maxChunkBytes = 128 << 10
	// memberOverhead is what a member takes beside its id, as JSON.
	memberOverhead = 32
	// inlineAgain is the number of members at which a group holds them itself again. It
	// is well below the number that does not fit, so that a group does not go to and fro.
	inlineAgain = api.MaxInlineMembers / 2
	// mergeBelow is the size up to which two neighbouring slices become one, so that
	// slices do not become many and small.
	mergeBelow = api.MaxInlineMembers * 3 / 4
)

// layout is where the members of the next version of a group will be.
type layout struct {
	next     *memberList
	fresh    []*chunk // slices of next that are still to be written, without names
	replaced []*chunk // slices that next no longer names
}

// plan lays out the members after a change of a group. Slices that the change does not
// touch stay as they are.
func plan(base *memberList, members *scim.Members) *layout {
	cleared, added, removed := members.Delta()
	var chunks []*chunk
	if !cleared {
		chunks = without(base.chunks, removed)
	}
	chunks = withAdded(chunks, added)
	chunks = mergeSmall(chunks)
	return settle(chunks, base)
}

// untouched says whether a chunk is one of the base's slices.
func untouched(c *chunk) bool { return c.slice != "" }

// without leaves members out; a chunk that loses one is copied.
func without(chunks []*chunk, removed []string) []*chunk {
	if len(removed) == 0 {
		return append([]*chunk(nil), chunks...)
	}
	gone := make(map[string]struct{}, len(removed))
	for _, value := range removed {
		gone[value] = struct{}{}
	}
	kept := make([]*chunk, 0, len(chunks))
	for _, c := range chunks {
		if c = c.without(gone); len(c.members) > 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

func (c *chunk) without(gone map[string]struct{}) *chunk {
	for i, m := range c.members {
		if _, ok := gone[m.value]; !ok {
			continue
		}
		rest := append(make([]member, 0, len(c.members)), c.members[:i]...)
		for _, m := range c.members[i+1:] {
			if _, ok := gone[m.value]; !ok {
				rest = append(rest, m)
			}
		}
		return &chunk{members: rest}
	}
	return c
}

// withAdded adds members behind the others, in the last chunk as long as it has room.
func withAdded(chunks []*chunk, added []scim.Member) []*chunk {
	var last *chunk
	bytes := 0
	for i, m := range added {
		if i == 0 && len(chunks) > 0 {
			last = &chunk{members: append([]member(nil), chunks[len(chunks)-1].members...)}
			if bytes = last.bytes(); fits(len(last.members)+1, bytes+len(m.Value)+memberOverhead) {
				chunks[len(chunks)-1] = last
			} else {
				last = nil
			}
		}
		if last == nil || !fits(len(last.members)+1, bytes+len(m.Value)+memberOverhead) {
			last, bytes = &chunk{}, 0
			chunks = append(chunks, last)
		}
		last.members = append(last.members, member{value: m.Value, typ: memberTypeOf(m.Type)})
		bytes += len(m.Value) + memberOverhead
	}
	return chunks
}

func (c *chunk) bytes() int {
	total := 0
	for _, m := range c.members {
		total += len(m.value) + memberOverhead
	}
	return total
}

func fits(members, bytes int) bool { return members <= api.MaxInlineMembers && bytes <= maxChunkBytes }

// mergeSmall joins neighbours that have become small, where one of them is written anew
// anyway.
func mergeSmall(chunks []*chunk) []*chunk {
	var merged []*chunk
	for _, c := range chunks {
		if len(merged) > 0 {
			before := merged[len(merged)-1]
			small := len(before.members)+len(c.members) <= mergeBelow && fits(1, before.bytes()+c.bytes())
			if small && (!untouched(before) || !untouched(c)) {
				joined := append(append([]member(nil), before.members...), c.members...)
				merged[len(merged)-1] = &chunk{members: joined}
				continue
			}
		}
		merged = append(merged, c)
	}
	return merged
}

// settle decides whether the group or slices hold the members.
func settle(chunks []*chunk, base *memberList) *layout {
	l := &layout{next: newMemberList(chunks...)}
	if inline := l.inline(base); inline {
		var all []member
		for m := range l.next.all() {
			all = append(all, m)
		}
		l.next = newMemberList()
		if len(all) > 0 {
			l.next = newMemberList(&chunk{members: all})
		}
	} else {
		for i, c := range chunks {
			if !untouched(c) {
				chunks[i] = &chunk{members: c.members} // what the group held itself is shared with readers
				l.fresh = append(l.fresh, chunks[i])
			}
		}
	}
	kept := map[*chunk]bool{}
	for _, c := range l.next.chunks {
		kept[c] = true
	}
	for _, c := range base.chunks {
		if untouched(c) && !kept[c] {
			l.replaced = append(l.replaced, c)
		}
	}
	return l
}

func (l *layout) inline(base *memberList) bool {
	bytes := 0
	for _, c := range l.next.chunks {
		bytes += c.bytes()
	}
	limit := api.MaxInlineMembers
	if base.sliced() {
		limit = inlineAgain
	}
	return l.next.count <= limit && bytes <= maxChunkBytes*limit/api.MaxInlineMembers
}
