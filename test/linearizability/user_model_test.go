// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
	"strings"
)

// user is one user as clients see it.
type user struct {
	id, name, person string
	active           string
	creation         string // mark of the create that made or returned it
	last             string // mark of the newest write
	marks            string // of all writes since the last that replaced it, sorted
}

func (u user) String() string {
	return fmt.Sprintf("%.8s %s person=%s active=%s by=%s last=%s marks=%s", u.id, u.name, u.person, u.active, u.creation, u.last, u.marks)
}

func (u user) key() (id, name string) { return u.id, u.name }

// withMark is the user after a write that adds to it.
func (u user) withMark(mark string) user {
	marks := append(strings.Fields(u.marks), mark)
	slices.Sort(marks)
	u.last, u.marks = mark, strings.Join(marks, " ")
	return u
}

// directory is the state of a scope of users.
type directory = records[user]

// stepUsers judges one request for users.
func stepUsers(d directory, in input, out output) (bool, directory) {
	switch in.action {
	case create:
		return createUser(d, in, out)
	case change, replace:
		return changeUser(d, in, out)
	case remove:
		return d.remove(in, out)
	}
	return readsUsers(d, in, out), d
}

func createUser(d directory, in input, out output) (bool, directory) {
	made := user{id: out.id, name: in.name, person: in.person, active: in.active, creation: in.mark}.withMark(in.mark)
	next := d.with(record[user]{is: made})
	holder, taken := d.holder(in.name)
	reactivates := taken && holder.active == "false" && holder.person == in.person
	allowed := !taken || reactivates && out.id == holder.id
	switch {
	case out.verdict == conflict:
		return taken && !reactivates, d
	case taken && !reactivates:
	case !taken:
		allowed = mayReceive(d, out.id, in.person, in.races)
	}
	if out.verdict == unknown && (!allowed || out.id == "") {
		return true, d // it comes too late, and does nothing
	}
	return allowed, next
}

// mayReceive reports whether a person who is new may get the id: one whom the directory
// knows as deleted gets an old one, everybody else one that nobody has had. Who is created
// while being deleted gets either.
func mayReceive(d directory, id, person string, races bool) bool {
	returning, known := false, false
	for _, r := range d {
		if r.is.id == id && !(r.deleted && r.is.person == person) {
			return false
		}
		known = known || r.is.id == id
		returning = returning || r.deleted && r.is.person == person
	}
	return known == returning || races && !known
}

func changeUser(d directory, in input, out output) (bool, directory) {
	was, exists := d.find(in.id)
	holder, taken := d.holder(in.name)
	blocked := in.name != "" && taken && holder.id != in.id
	stale := exists && in.expects != "" && in.expects != was.last
	switch out.verdict {
	case missing:
		return !exists, d
	case conflict:
		return exists && blocked, d
	case mismatch:
		return stale, d
	}
	allowed := exists && !blocked && !stale
	if !allowed {
		return out.verdict == unknown, d
	}
	is := was
	if in.action == replace {
		is.marks, is.creation = "", in.creation
	}
	if in.name != "" {
		is.name = in.name
	}
	if in.active != "" {
		is.active = in.active
	}
	return true, d.with(record[user]{is: is.withMark(in.mark)})
}

func readsUsers(d directory, in input, out output) bool {
	switch in.action {
	case get:
		u, exists := d.find(in.id)
		return shows(out.users, u, exists) && (out.verdict == missing) == !exists
	case find:
		u, exists := d.holder(in.name)
		return shows(out.users, u, exists)
	case page:
		return shares(out.users, out.total, d.live())
	}
	return slices.Equal(d.live(), out.users)
}
