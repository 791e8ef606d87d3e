// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
)

// item is a group with its members, or a device with its ports, as clients see it.
type item struct {
	id, name string
	last     string // mark of the newest write
	values   values // members or ports
}

func (i item) String() string {
	return fmt.Sprintf("%.8s %s last=%s values=%s", i.id, i.name, i.last, i.values)
}

func (i item) key() (id, name string) { return i.id, i.name }

// collection is the state of a scope of groups or devices.
type collection = records[item]

// stepItems judges one request for groups or devices.
func stepItems(c collection, in input, out output) (bool, collection) {
	switch in.action {
	case create:
		return createItem(c, in, out)
	case change, replace:
		return changeItem(c, in, out)
	case remove:
		return c.remove(in, out)
	}
	return readsItems(c, in, out), c
}

// createItem judges a creation: the name is free, and the id is one that nothing has had.
func createItem(c collection, in input, out output) (bool, collection) {
	_, taken := c.holder(in.name)
	if out.verdict == conflict {
		return taken, c
	}
	if taken || out.id == "" || c.knows(out.id) {
		return out.verdict == unknown, c // it comes too late, and does nothing
	}
	return true, c.with(record[item]{is: item{id: out.id, name: in.name, last: in.mark, values: in.edit.apply("")}})
}

// changeItem judges a PATCH or PUT, which is applied whole or not at all.
func changeItem(c collection, in input, out output) (bool, collection) {
	was, exists := c.find(in.id)
	holder, taken := c.holder(in.name)
	blocked := in.name != "" && taken && holder.id != in.id
	stale := exists && in.expects != "" && in.expects != was.last
	switch out.verdict {
	case missing:
		return !exists, c
	case conflict:
		return exists && blocked, c
	case mismatch:
		return stale, c
	}
	if !exists || blocked || stale {
		return out.verdict == unknown, c
	}
	is := was
	is.last, is.values = in.mark, in.edit.apply(was.values)
	if in.name != "" {
		is.name = in.name
	}
	return true, c.with(record[item]{is: is})
}

// readsItems judges a read.
func readsItems(c collection, in input, out output) bool {
	var want []item
	for _, i := range c.live() {
		if in.selects(i) {
			want = append(want, in.shown(i))
		}
	}
	switch in.action {
	case get:
		return slices.Equal(out.items, want) && (out.verdict == missing) == (len(want) == 0)
	case page:
		return shares(out.items, out.total, want)
	case memberUsers:
		var members values
		if len(want) > 0 {
			members = want[0].values.among(between(0, memberPool-1))
		}
		return out.values == members
	}
	return slices.Equal(out.items, want)
}

// selects reports whether a read asks for an item.
func (in *input) selects(i item) bool {
	switch in.action {
	case get, memberUsers:
		return i.id == in.id
	case find:
		return i.name == in.name
	case having, memberships:
		return i.values.has(in.value)
	}
	return true
}

// shown is what the answer to a read has of an item.
func (in *input) shown(i item) item {
	if in.bare || in.action == memberships {
		i.values = ""
	}
	if in.action == memberships {
		i.last = "" // a user's groups show their names alone
	}
	return i
}
