// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// kind is a kind of resources: its endpoint.
type kind string

const (
	users   kind = "Users"
	groups  kind = "Groups"
	devices kind = "Devices" // a type that the endpoint declares
)

// action is what a client asks for.
type action string

const (
	create      action = "create" // or return
	change      action = "PATCH"
	replace     action = "PUT"
	remove      action = "delete"
	get         action = "get"
	find        action = "find"             // by the unique name
	list        action = "list"             // every resource of a scope
	page        action = "page"             // some of a scope, and how many there are
	having      action = "having"           // by a value that they have
	memberships action = "groups of a user" // the user's computed groups
	memberUsers action = "users of a group" // by a filter on the users' computed groups
)

// writes reports whether an action changes anything.
func (a action) writes() bool {
	return a == create || a == change || a == replace || a == remove
}

// input is a request. Names are folded.
type input struct {
	kind       kind
	scope      string // whose names and resources are apart from those of other scopes
	action     action
	id         string // of the resource that is asked for or changed
	name       string // of a new resource; to rename to; to find
	mark       string // of this request: what a write leaves in the resource
	everything bool   // a list is of all scopes
	expects    string // the last mark that the resource must have (If-Match); "" for any

	person   string // externalId of a new user
	active   string // of a user: "true", "false", or "" to leave it
	creation string // of a user, what a PUT leaves as it is: the mark of the create
	races    bool   // a user's create that began before a deletion of the same person had ended

	edit  edit // what a write makes of the values of a group or device
	value int  // the value to look for
	bare  bool // the answer does not show values
}

// edit is a change of a set of values.
type edit struct {
	whole       bool   // only what is added stays
	remove, add values // in this order
}

func (e edit) apply(to values) values {
	if e.whole {
		return e.add
	}
	return to.without(e.remove).with(e.add)
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
	id      string // of the resource that a create made; known also where the answer was lost
	users   []user // the users that were read, ordered by id
	items   []item // the groups or devices that were read, ordered by id
	values  values // of the users that were found
	total   int    // of a page
}

// named is a resource as clients see it.
type named interface {
	comparable
	fmt.Stringer
	key() (id, name string)
}

// record is what is known of a resource: those that were deleted stay, because their ids
// are never given to another, and users may return.
type record[R named] struct {
	is      R
	deleted bool
}

// records are the state of one scope: every resource there has ever been, ordered by id.
type records[R named] []record[R]

// live lists those that exist over SCIM.
func (rs records[R]) live() []R {
	var live []R
	for _, r := range rs {
		if !r.deleted {
			live = append(live, r.is)
		}
	}
	return live
}

// find returns the resource of an id; exists is false when it does not exist over SCIM.
func (rs records[R]) find(id string) (r R, exists bool) {
	i, known := rs.search(id)
	if !known || rs[i].deleted {
		return r, false
	}
	return rs[i].is, true
}

// knows reports whether there has ever been a resource of the id.
func (rs records[R]) knows(id string) bool {
	_, known := rs.search(id)
	return known
}

func (rs records[R]) search(id string) (int, bool) {
	return slices.BinarySearchFunc(rs, id, func(r record[R], id string) int {
		has, _ := r.is.key()
		return strings.Compare(has, id)
	})
}

// holder returns the resource that has a name.
func (rs records[R]) holder(name string) (r R, taken bool) {
	for i := range rs {
		if _, has := rs[i].is.key(); has == name && !rs[i].deleted {
			return rs[i].is, true
		}
	}
	return r, false
}

// with returns the state with another version of one record.
func (rs records[R]) with(r record[R]) records[R] {
	id, _ := r.is.key()
	i, known := rs.search(id)
	next := slices.Clone(rs)
	if !known {
		return slices.Insert(next, i, r)
	}
	next[i] = r
	return next
}

// remove judges a deletion.
func (rs records[R]) remove(in input, out output) (bool, records[R]) {
	was, exists := rs.find(in.id)
	switch {
	case out.verdict == missing:
		return !exists, rs
	case !exists:
		return out.verdict == unknown, rs
	}
	return true, rs.with(record[R]{is: was, deleted: true})
}

func (rs records[R]) String() string {
	var lines []string
	for _, r := range rs {
		line := r.is.String()
		if r.deleted {
			line += " deleted"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// shows reports whether an answer has exactly this resource, or none.
func shows[R named](answered []R, r R, exists bool) bool {
	if !exists {
		return len(answered) == 0
	}
	return len(answered) == 1 && answered[0] == r
}

// shares reports whether a page shows nothing but what is there, and counts all of it.
func shares[R named](answered []R, total int, live []R) bool {
	return len(live) == total && !slices.ContainsFunc(answered, func(r R) bool { return !slices.Contains(live, r) })
}

// stepper judges one request: whether a state may answer so, and what it is afterwards.
type stepper[R named] func(state records[R], in input, out output) (bool, records[R])

// modelOf makes a model of a scope as porcupine takes it.
func modelOf[R named](step stepper[R]) porcupine.Model {
	return porcupine.Model{
		Init:              func() any { return records[R](nil) },
		Step:              func(state, in, out any) (bool, any) { return step(state.(records[R]), in.(input), out.(output)) },
		Equal:             func(a, b any) bool { return slices.Equal(a.(records[R]), b.(records[R])) },
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState:     func(state any) string { return state.(records[R]).String() },
	}
}

// models are what is promised of each kind.
var models = map[kind]porcupine.Model{
	users: modelOf(stepUsers), groups: modelOf(stepItems), devices: modelOf(stepItems),
}

// describe shows an operation in the picture of a history.
func describe(in input, out output) string {
	request := fmt.Sprintf("%s %.8s %s", in.action, in.id, in.name)
	for _, part := range []struct{ what, value string }{
		{"person", in.person}, {"active", in.active}, {"mark", in.mark}, {"if", in.expects},
		{"remove", string(in.edit.remove)}, {"add", string(in.edit.add)},
	} {
		if part.value != "" {
			request += fmt.Sprintf(" %s=%s", part.what, part.value)
		}
	}
	if in.edit.whole {
		request += " whole"
	}
	if in.action == having || in.action == memberships {
		request += fmt.Sprintf(" value=%d", in.value)
	}
	return fmt.Sprintf("%s → %s %.8s %v%v%s", request, out.verdict, out.id, out.users, out.items, out.values)
}
