// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"

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
	// spareSlices is how many slices a group may have beyond twice those that its members
	// need, before all neighbours that fit into one are joined.
	spareSlices = 16
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
	if members.Whole() {
		chunks = slices.DeleteFunc(chunks, func(c *chunk) bool { return c.missing })
	}
	return settle(join(withAdded(chunks, added)), base)
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
		if c = c.without(gone); len(c.members) > 0 || c.missing {
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

// withAdded adds members behind the others, in chunks of their own.
func withAdded(chunks []*chunk, added []scim.Member) []*chunk {
	var last *chunk
	bytes := 0
	for _, m := range added {
		if last == nil || !fits(len(last.members)+1, bytes+jsonBytes(m.Value)) {
			last, bytes = &chunk{}, 0
			chunks = append(chunks, last)
		}
		last.members = append(last.members, member{value: m.Value, typ: memberTypeOf(m.Type)})
		bytes += jsonBytes(m.Value)
	}
	return chunks
}

func (c *chunk) bytes() int {
	total := 0
	for _, m := range c.members {
		total += jsonBytes(m.value)
	}
	return total
}

// jsonBytes is what a member takes as JSON, in which some characters become six bytes.
func jsonBytes(value string) int {
	total := len(value) + memberOverhead
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ', c >= 0x7f, c == '<', c == '>', c == '&', c == '"', c == '\\':
			total += len(`\u0000`) - 1
		}
	}
	return total
}

func fits(members, bytes int) bool { return members <= api.MaxInlineMembers && bytes <= maxChunkBytes }

// join joins neighbours that fit into one, where one of them is written anew anyway and
// the other is no larger. So a member that is added costs a small write, is written again
// only when the slice that it is in has at least doubled, and slices do not become many.
func join(chunks []*chunk) []*chunk {
	members := 0
	for _, c := range chunks {
		members += len(c.members)
	}
	all := len(chunks) > 2*(members/api.MaxInlineMembers+1)+spareSlices
	var joined []*chunk
	for _, c := range chunks {
		for len(joined) > 0 && joins(joined[len(joined)-1], c, all) {
			before := joined[len(joined)-1].members
			c = &chunk{members: append(before[:len(before):len(before)], c.members...)}
			joined = joined[:len(joined)-1]
		}
		joined = append(joined, c)
	}
	return joined
}

func joins(a, b *chunk, whateverItCosts bool) bool {
	if a.missing || b.missing {
		return false
	}
	total, fresh := len(a.members)+len(b.members), anew(a)+anew(b)
	if !whateverItCosts && (fresh == 0 || total > 2*fresh) {
		return false
	}
	return total <= api.MaxInlineMembers && fits(total, a.bytes()+b.bytes())
}

// anew is how many members of a chunk are written whatever becomes of it.
func anew(c *chunk) int {
	if untouched(c) {
		return 0
	}
	return len(c.members)
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
	limit := api.MaxInlineMembers
	if base.sliced() {
		limit = inlineAgain
	}
	if l.next.count > limit {
		return false
	}
	for range l.next.lacking() {
		return false // a group that holds its members itself names no slices
	}
	bytes := 0
	for _, c := range l.next.chunks {
		bytes += c.bytes()
	}
	return bytes <= maxChunkBytes*limit/api.MaxInlineMembers
}
