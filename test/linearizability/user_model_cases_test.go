// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// at is an operation that takes from one moment to another.
func at(from, to int64, in input, out output) porcupine.Operation {
	in.scope = "s"
	if out.verdict == "" {
		out.verdict = done
	}
	return porcupine.Operation{Input: in, Call: from, Output: out, Return: to}
}

const never = 1 << 40

// The check of users finds what is wrong, or none of its passes would mean anything.
func TestTheModelOfUsersTellsRightFromWrong(t *testing.T) {
	amy := input{action: create, name: "amy", person: "1", active: "true", mark: "c"}
	bob := input{action: create, name: "bob", person: "2", active: "true", mark: "d"}
	is := user{id: "x", name: "amy", person: "1", active: "true", creation: "c"}.withMark("c")
	made := at(1, 2, amy, output{id: "x"})
	show := func(users ...user) output { return output{users: users} }
	rename := input{action: change, id: "x", name: "bob", mark: "r"}
	renamed := is.withMark("r")
	renamed.name = "bob"
	retitle := func(mark string) input { return input{action: change, id: "x", mark: mark} }
	remove := input{action: remove, id: "x"}
	byID, everybody := input{action: get, id: "x"}, input{action: list}
	byName := func(name string) input { return input{action: find, name: name} }
	inactive := user{id: "x", name: "amy", person: "1", active: "false", creation: "c", last: "o", marks: "c o"}
	deactivate := input{action: change, id: "x", active: "false", mark: "o"}
	again := input{action: create, name: "amy", person: "1", active: "true", mark: "e"}

	for _, row := range []struct {
		name    string
		history []porcupine.Operation
		want    bool
	}{
		{"a read sees what was acknowledged", []porcupine.Operation{made, at(3, 4, byID, show(is))}, true},
		{"a read misses what was acknowledged", []porcupine.Operation{made, at(3, 4, byID, output{verdict: missing})}, false},
		{"a filter misses what was acknowledged", []porcupine.Operation{made, at(3, 4, byName("amy"), show())}, false},
		{"a list misses what was acknowledged", []porcupine.Operation{made, at(3, 4, everybody, show())}, false},
		{"a page counts what was acknowledged", []porcupine.Operation{made, at(3, 4, input{action: page}, output{total: 1})}, true},
		{"a page does not count what was acknowledged", []porcupine.Operation{made, at(3, 4, input{action: page}, output{})}, false},
		{"a page shows what is not so", []porcupine.Operation{
			made, at(3, 4, input{action: page}, output{total: 1, users: []user{renamed}}),
		}, false},
		{"a read meanwhile sees it or not", []porcupine.Operation{
			at(1, 9, amy, output{id: "x"}), at(2, 3, byName("amy"), show()), at(4, 5, byName("amy"), show(is)),
		}, true},
		{"what was seen is not seen any more", []porcupine.Operation{
			at(1, 9, amy, output{id: "x"}), at(2, 3, byName("amy"), show(is)), at(4, 5, byName("amy"), show()),
		}, false},
		{"two have one name", []porcupine.Operation{
			made, at(3, 4, input{action: create, name: "amy", person: "2", active: "true", mark: "d"}, output{id: "y"}),
		}, false},
		{"a free name is refused", []porcupine.Operation{made, at(3, 4, bob, output{verdict: conflict})}, false},
		{"a name is refused for ever after a crash", []porcupine.Operation{
			at(1, never, amy, output{verdict: unknown}), at(3, 4, byName("amy"), show()), at(5, 6, amy, output{verdict: conflict}),
			at(7, 8, byName("amy"), show()),
		}, false},
		{"an id is given to somebody else", []porcupine.Operation{
			made, at(3, 4, remove, output{}), at(5, 6, bob, output{id: "x"}),
		}, false},
		{"who returns gets the old id", []porcupine.Operation{made, at(3, 4, remove, output{}), at(5, 6, again, output{id: "x"})}, true},
		{"who returns gets a new id", []porcupine.Operation{made, at(3, 4, remove, output{}), at(5, 6, again, output{id: "y"})}, false},
		{"who was deactivated is created again", []porcupine.Operation{
			made, at(3, 4, deactivate, output{}), at(5, 6, byID, show(inactive)), at(7, 8, again, output{id: "x"}),
		}, true},
		{"who was deactivated is locked out", []porcupine.Operation{
			made, at(3, 4, deactivate, output{}), at(7, 8, again, output{verdict: conflict}),
		}, false},
		{"a deleted user is there", []porcupine.Operation{made, at(3, 4, remove, output{}), at(5, 6, byID, show(is))}, false},
		{"a user is deleted twice", []porcupine.Operation{made, at(3, 4, remove, output{}), at(5, 6, remove, output{})}, false},
		{"a name given up is taken", []porcupine.Operation{
			made, at(3, 4, rename, output{}), at(5, 6, input{action: create, name: "amy", person: "3", active: "true", mark: "d"}, output{id: "y"}),
		}, true},
		{"a rename makes a duplicate", []porcupine.Operation{
			made, at(3, 4, bob, output{id: "y"}), at(5, 6, rename, output{}),
		}, false},
		{"a rename is half done", []porcupine.Operation{
			made, at(3, 9, rename, output{}), at(4, 5, byName("bob"), show(renamed)), at(6, 7, byName("amy"), show(is)),
		}, false},
		{"two changes at once are both kept", []porcupine.Operation{
			made, at(3, 8, retitle("m"), output{}), at(3, 8, retitle("n"), output{}),
			at(9, 10, byID, show(is.withMark("m").withMark("n"))),
		}, true},
		{"a change is lost", []porcupine.Operation{
			made, at(3, 8, retitle("m"), output{}), at(3, 8, retitle("n"), output{}), at(9, 10, byID, show(is.withMark("n"))),
		}, false},
		{"a precondition is not respected", []porcupine.Operation{
			made, at(3, 4, retitle("m"), output{}),
			at(5, 6, input{action: change, id: "x", mark: "n", expects: "c"}, output{}),
		}, false},
		{"a precondition that holds is refused", []porcupine.Operation{
			made, at(5, 6, input{action: change, id: "x", mark: "n", expects: "c"}, output{verdict: mismatch}),
		}, false},
		{"a lost answer: it was done", []porcupine.Operation{
			made, at(3, never, remove, output{verdict: unknown}), at(5, 6, byID, output{verdict: missing}),
		}, true},
		{"a lost answer: it was not done", []porcupine.Operation{
			made, at(3, never, remove, output{verdict: unknown}), at(5, 6, byID, show(is)),
		}, true},
		{"a lost answer: it was done later", []porcupine.Operation{
			made, at(3, never, remove, output{verdict: unknown}), at(5, 6, byID, show(is)), at(7, 8, byID, output{verdict: missing}),
		}, true},
		{"a lost answer: done and undone", []porcupine.Operation{
			made, at(3, never, remove, output{verdict: unknown}), at(5, 6, byID, output{verdict: missing}), at(7, 8, byID, show(is)),
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if result, _ := search(models[users], row.history); (result == porcupine.Ok) != row.want {
				t.Errorf("the history is %s; linearizable: want %t", result, row.want)
			}
		})
	}
}
