// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// action is what a client asks for.
type action string

const (
	create  action = "create" // or return
	change  action = "PATCH"
	replace action = "PUT"
	remove  action = "delete"
	get     action = "get"
	find    action = "find" // by userName
	list    action = "list" // everybody of a scope
	page    action = "page" // some of a scope, and how many there are
)

// input is a request. Names are folded.
type input struct {
	scope     string // whose names and users are apart from those of other scopes
	action    action
	id        string // of whom
	name      string // of a new user; to rename to; to find
	person    string // externalId of a new user
	active    string // "true", "false", or "" to leave it
	mark      string // of this request: what a write leaves in the user
	creation  string // what a PUT leaves as it is: the mark of the create
	everybody bool   // a list is of all scopes
	races     bool   // a create that began before a deletion of the same person had ended
	expects   string // the last mark that the user must have (If-Match); "" for any
}

// verdict is what a client was told.
type verdict string

const (
	done     verdict = "done"
	conflict verdict = "taken"
	missing  verdict = "not found"
	mismatch verdict = "another version"
	unknown  verdict = "unknown" // done or not, now or later
)

// output is an answer.
type output struct {
	verdict verdict
	id      string // of whom a create made; known also where the answer was lost
	users   []user // who was read, ordered by id
	total   int    // of a page
}

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

// withMark is the user after a write that adds to it.
func (u user) withMark(mark string) user {
	marks := append(strings.Fields(u.marks), mark)
	slices.Sort(marks)
	u.last, u.marks = mark, strings.Join(marks, " ")
	return u
}

// record is what the directory has of a user: the users who were deleted stay, because
// they may return.
type record struct {
	user
	deleted bool
}

// directory is the state of one scope: every record there has ever been, ordered by id.
type directory []record

// users gives those who exist over SCIM.
func (d directory) users() []user {
	var users []user
	for _, r := range d {
		if !r.deleted {
			users = append(users, r.user)
		}
	}
	return users
}

// first gives the live user for whom something is true.
func (d directory) first(is func(*user) bool) (user, bool) {
	for i := range d {
		if !d[i].deleted && is(&d[i].user) {
			return d[i].user, true
		}
	}
	return user{}, false
}

// live gives the user of an id; ok is false when it does not exist over SCIM.
func (d directory) live(id string) (u user, ok bool) {
	return d.first(func(u *user) bool { return u.id == id })
}

// holder gives who has a name.
func (d directory) holder(name string) (u user, ok bool) {
	return d.first(func(u *user) bool { return u.name == name })
}

// with is the directory with another version of one record.
func (d directory) with(r record) directory {
	i, known := slices.BinarySearchFunc(d, r.id, func(r record, id string) int { return strings.Compare(r.id, id) })
	next := slices.Clone(d)
	if !known {
		return slices.Insert(next, i, r)
	}
	next[i] = r
	return next
}

// step says whether a directory may answer so, and what it is afterwards.
func (d directory) step(in input, out output) (bool, directory) {
	switch in.action {
	case create:
		return d.create(in, out)
	case change, replace:
		return d.change(in, out)
	case remove:
		return d.remove(in, out)
	}
	return d.read(in, out), d
}

func (d directory) create(in input, out output) (bool, directory) {
	made := user{id: out.id, name: in.name, person: in.person, active: in.active, creation: in.mark}.withMark(in.mark)
	next := d.with(record{user: made})
	holder, taken := d.holder(in.name)
	reactivates := taken && holder.active == "false" && holder.person == in.person
	allowed := !taken || reactivates && out.id == holder.id
	switch {
	case out.verdict == conflict:
		return taken && !reactivates, d
	case taken && !reactivates:
	case !taken:
		allowed = d.mayReceive(out.id, in.person, in.races)
	}
	if out.verdict == unknown && (!allowed || out.id == "") {
		return true, d // it comes too late, and does nothing
	}
	return allowed, next
}

// mayReceive says whether a person who is new may get the id: one whom the directory
// knows as deleted gets an old one, everybody else one that nobody has had. Who is created
// while being deleted gets either.
func (d directory) mayReceive(id, person string, races bool) bool {
	returning, known := false, false
	for _, r := range d {
		if r.id == id && !(r.deleted && r.person == person) {
			return false
		}
		known = known || r.id == id
		returning = returning || r.deleted && r.person == person
	}
	return known == returning || races && !known
}

func (d directory) change(in input, out output) (bool, directory) {
	was, exists := d.live(in.id)
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
	return true, d.with(record{user: is.withMark(in.mark)})
}

func (d directory) remove(in input, out output) (bool, directory) {
	was, exists := d.live(in.id)
	switch {
	case out.verdict == missing:
		return !exists, d
	case !exists:
		return out.verdict == unknown, d
	}
	return true, d.with(record{user: was, deleted: true})
}

func (d directory) read(in input, out output) bool {
	switch in.action {
	case get:
		u, exists := d.live(in.id)
		return shows(out, u, exists) && (out.verdict == missing) == !exists
	case find:
		u, exists := d.holder(in.name)
		return shows(out, u, exists)
	case page:
		here := d.users()
		return len(here) == out.total && !slices.ContainsFunc(out.users, func(u user) bool { return !slices.Contains(here, u) })
	}
	return slices.Equal(d.users(), out.users)
}

// shows says whether an answer has exactly this user, or nobody.
func shows(out output, u user, exists bool) bool {
	if !exists {
		return len(out.users) == 0
	}
	return len(out.users) == 1 && out.users[0] == u
}

// model is the directory as porcupine takes it. Scopes are apart from each other, so each
// is searched by itself.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		scopes := map[string]int{}
		var parts [][]porcupine.Operation
		for _, o := range history {
			scope := o.Input.(input).scope
			i, known := scopes[scope]
			if !known {
				i = len(parts)
				scopes[scope] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], o)
		}
		return parts
	},
	Init: func() any { return directory(nil) },
	Step: func(state, in, out any) (bool, any) {
		return state.(directory).step(in.(input), out.(output))
	},
	Equal: func(a, b any) bool { return slices.Equal(a.(directory), b.(directory)) },
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		request := fmt.Sprintf("%s %.8s %s", i.action, i.id, i.name)
		for what, value := range map[string]string{"person": i.person, "active": i.active, "mark": i.mark, "if": i.expects} {
			if value != "" {
				request += fmt.Sprintf(" %s=%s", what, value)
			}
		}
		return fmt.Sprintf("%s → %s %.8s %v", request, o.verdict, o.id, o.users)
	},
	DescribeState: func(state any) string {
		var lines []string
		for _, r := range state.(directory) {
			line := r.String()
			if r.deleted {
				line += " deleted"
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n")
	},
}
