// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"math/rand/v2"
)

// share is how often clients choose an action.
type share struct {
	action
	of int
}

var (
	sharesOfUsers = []share{
		{create, 22}, {change, 28}, {replace, 5}, {remove, 10}, {get, 12}, {find, 13}, {list, 6}, {page, 4},
	}
	sharesOfGroups = []share{
		{create, 15}, {change, 34}, {replace, 5}, {remove, 7}, {get, 8}, {find, 8}, {list, 6}, {page, 4},
		{having, 5}, {memberships, 5}, {memberUsers, 3},
	}
	sharesOfDevices = []share{
		{create, 20}, {change, 28}, {replace, 6}, {remove, 10}, {get, 8}, {find, 10}, {list, 6}, {page, 4}, {having, 8},
	}
)

// choose makes up a request.
func (h *history) choose(random *rand.Rand) (in input, version string) {
	s := h.scopes[random.IntN(len(h.scopes))]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks++
	in = input{kind: s.kind, scope: s.name, mark: fmt.Sprintf("%s.%d", s.name, h.marks)}
	in.action = s.weighted(random)
	candidates := h.known[s.name]
	if len(candidates) == 0 && in.action.needsResource() {
		in.action = create
	}
	in.everything = in.action == list && random.IntN(2) == 0
	if in.action == create || in.action == find {
		in.name = s.anyName(random)
	}
	var of known
	if len(candidates) > 0 {
		of = candidates[random.IntN(len(candidates))]
	}
	if in.action.needsResource() {
		in.id = of.id()
	}
	if s.kind == users {
		in.chooseUser(s, of.user, random)
	} else {
		in.chooseItem(s, of.item, h.marks, random)
	}
	if (in.action == change || in.action == replace) && random.IntN(4) == 0 {
		in.expects, version = of.user.last+of.item.last, of.version
	}
	return in, version
}

func (s scope) weighted(random *rand.Rand) action {
	shares := map[kind][]share{users: sharesOfUsers, groups: sharesOfGroups, devices: sharesOfDevices}[s.kind]
	n := random.IntN(100)
	for _, share := range shares {
		if n -= share.of; n < 0 {
			return share.action
		}
	}
	return get
}

// needsResource reports whether an action is of a resource that has been seen.
func (a action) needsResource() bool {
	return a == change || a == replace || a == remove || a == get || a == memberUsers
}

// anyName is one of the few names of a scope.
func (s scope) anyName(random *rand.Rand) string {
	return s.name + separator + pick(random, "a", "b", "c")
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// chooseUser makes up what a request has of a user.
func (in *input) chooseUser(s scope, of user, random *rand.Rand) {
	switch in.action {
	case create:
		in.person, in.active = s.name+separator+pick(random, "p", "q", "r"), "true"
	case replace:
		in.name, in.person, in.active, in.creation = of.name, of.person, "true", of.creation
	case change:
		in.name, in.active = pick(random, "", "", s.anyName(random)), pick(random, "", "", "", "false", "true")
	}
}

// chooseItem makes up what a request has of a group or device. mark is the number that is
// of this request alone.
func (in *input) chooseItem(s scope, of item, mark int, random *rand.Rand) {
	switch in.action {
	case create, replace:
		in.edit = s.wholeEdit(mark, random)
		if in.action == replace {
			in.name = of.name
		}
	case change:
		in.name, in.edit = pick(random, "", "", "", s.anyName(random)), s.anyEdit(of, mark, random)
	case having, memberships:
		if in.value = random.IntN(memberPool); in.action == having && random.IntN(2) == 0 {
			in.value = s.present(of, random)
		}
		in.everything = in.value < memberPool
	}
	in.bare = in.action != memberUsers && (s.many && random.IntN(4) > 0 || s.kind == groups && in.everything)
}

// anyEdit changes some values, and seldom all of them.
func (s scope) anyEdit(of item, mark int, random *rand.Rand) edit {
	if random.IntN(12) == 0 {
		return s.wholeEdit(mark, random)
	}
	e := edit{add: single(mark).with(pick(random, "", "", single(random.IntN(memberPool))))}
	for range random.IntN(3) {
		e.remove = e.remove.with(single(s.present(of, random)))
	}
	return e
}

// followedBy is a read that a write shows in.
func (in *input) followedBy(random *rand.Rand) input {
	read := input{kind: in.kind, scope: in.scope, id: in.id, name: in.name, mark: in.mark}
	read.action = pick(random, get, find, list, page)
	if touched := in.edit.add.with(in.edit.remove).numbers(); len(touched) > 0 && random.IntN(2) == 0 {
		// Those that any item may have come first, and are what a user's groups show.
		read.action, read.value = having, touched[random.IntN(min(2, len(touched)))]
		if in.kind == groups && read.value < memberPool {
			read.action = pick(random, having, memberships, memberships)
		}
		read.everything = read.value < memberPool
	}
	if in.kind == groups && in.id != "" && random.IntN(8) == 0 {
		read.action = memberUsers
	}
	if read.action == get && read.id == "" || read.action == find && read.name == "" {
		read.action = list
	}
	read.bare = read.action != memberUsers && in.kind == groups && in.bare
	return read
}

// wholeEdit replaces all values.
func (s scope) wholeEdit(mark int, random *rand.Rand) edit {
	e := edit{whole: true, add: single(mark).with(single(random.IntN(memberPool)))}
	if s.many {
		e.add = e.add.with(between(firstOfMany, lastOfMany))
	}
	return e
}

// present is a value that an item had when it was seen, or one of those that any may have.
func (s scope) present(of item, random *rand.Rand) int {
	candidates := of.values.numbers()
	switch {
	case s.many && random.IntN(2) == 0:
		return firstOfMany + random.IntN(lastOfMany-firstOfMany)
	case len(candidates) == 0 || random.IntN(4) == 0:
		return random.IntN(memberPool)
	}
	return candidates[random.IntN(len(candidates))]
}
