// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"testing"

	"github.com/anishathalye/porcupine"
)

// itemCase is a history of groups or devices, and whether it may have been.
type itemCase struct {
	name    string
	history []porcupine.Operation
	want    bool
}

func requireItemCases(t *testing.T, cases []itemCase) {
	t.Helper()
	for _, row := range cases {
		t.Run(row.name, func(t *testing.T) {
			if result, _ := search(models[groups], row.history); (result == porcupine.Ok) != row.want {
				t.Errorf("the history is %s; linearizable: want %t", result, row.want)
			}
		})
	}
}

// The pieces of the histories below: the group "red" has the member 1 and the mark 9.
var (
	red       = input{action: create, name: "red", mark: "c", edit: edit{whole: true, add: "1 9"}}
	blue      = input{action: create, name: "blue", mark: "d", edit: edit{whole: true, add: "8"}}
	isRed     = item{id: "x", name: "red", last: "c", values: "1 9"}
	madeRed   = at(1, 2, red, output{id: "x"})
	removeRed = input{action: remove, id: "x"}
	getRed    = input{action: get, id: "x"}
	everyItem = input{action: list}
)

func adding(mark string, v values) input {
	return input{action: change, id: "x", mark: mark, edit: edit{add: v}}
}

func removing(mark string, v values) input {
	return input{action: change, id: "x", mark: mark, edit: edit{remove: v}}
}

func renaming(mark, name string) input { return input{action: change, id: "x", mark: mark, name: name} }

func findItem(name string) input { return input{action: find, name: name} }

func itemsOf(items ...item) output { return output{items: items} }

// version is red after later writes.
func version(last string, v values) item {
	return item{id: "x", name: "red", last: last, values: v}
}

func TestTheModelOfItemsTellsRightFromWrongAboutNames(t *testing.T) {
	again := red
	again.mark = "e"
	renamed := item{id: "x", name: "blue", last: "r", values: "1 9"}
	rename := renaming("r", "blue")
	requireItemCases(t, []itemCase{
		{"a read sees what was acknowledged", []porcupine.Operation{madeRed, at(3, 4, getRed, itemsOf(isRed))}, true},
		{"a read misses what was acknowledged", []porcupine.Operation{madeRed, at(3, 4, getRed, output{verdict: missing})}, false},
		{"a filter misses what was acknowledged", []porcupine.Operation{madeRed, at(3, 4, findItem("red"), itemsOf())}, false},
		{"a list misses what was acknowledged", []porcupine.Operation{madeRed, at(3, 4, everyItem, itemsOf())}, false},
		{"a page does not count what was acknowledged", []porcupine.Operation{madeRed, at(3, 4, input{action: page}, output{})}, false},
		{"a page shows what is not so", []porcupine.Operation{
			madeRed, at(3, 4, input{action: page}, output{total: 1, items: []item{renamed}}),
		}, false},
		{"two have one name", []porcupine.Operation{madeRed, at(3, 4, again, output{id: "y"})}, false},
		{"a free name is refused", []porcupine.Operation{madeRed, at(3, 4, blue, output{verdict: conflict})}, false},
		{"a taken name is refused", []porcupine.Operation{madeRed, at(3, 4, again, output{verdict: conflict})}, true},
		{"a name is refused for ever after a crash", []porcupine.Operation{
			at(1, never, red, output{verdict: unknown}), at(3, 4, findItem("red"), itemsOf()),
			at(5, 6, red, output{verdict: conflict}), at(7, 8, findItem("red"), itemsOf()),
		}, false},
		{"an id is given again", []porcupine.Operation{
			madeRed, at(3, 4, removeRed, output{}), at(5, 6, again, output{id: "x"}),
		}, false},
		{"a name is free after a deletion", []porcupine.Operation{
			madeRed, at(3, 4, removeRed, output{}), at(5, 6, again, output{id: "y"}),
		}, true},
		{"a deleted group is there", []porcupine.Operation{madeRed, at(3, 4, removeRed, output{}), at(5, 6, getRed, itemsOf(isRed))}, false},
		{"a group is deleted twice", []porcupine.Operation{madeRed, at(3, 4, removeRed, output{}), at(5, 6, removeRed, output{})}, false},
		{"a name given up is taken", []porcupine.Operation{
			madeRed, at(3, 4, rename, output{}), at(5, 6, again, output{id: "y"}),
		}, true},
		{"a rename makes a duplicate", []porcupine.Operation{madeRed, at(3, 4, blue, output{id: "y"}), at(5, 6, rename, output{})}, false},
		{"a rename to a free name is refused", []porcupine.Operation{madeRed, at(5, 6, rename, output{verdict: conflict})}, false},
		{"a rename is half done", []porcupine.Operation{
			madeRed, at(3, 9, rename, output{}), at(4, 5, findItem("blue"), itemsOf(renamed)), at(6, 7, findItem("red"), itemsOf(isRed)),
		}, false},
		{"a change of what is deleted", []porcupine.Operation{
			madeRed, at(3, 4, removeRed, output{}), at(5, 6, rename, output{}),
		}, false},
		{"a change of what is there finds nothing", []porcupine.Operation{madeRed, at(5, 6, rename, output{verdict: missing})}, false},
		{"a precondition is not respected", []porcupine.Operation{
			madeRed, at(3, 4, adding("m", "7"), output{}),
			at(5, 6, input{action: change, id: "x", mark: "n", expects: "c"}, output{}),
		}, false},
		{"a precondition that holds is refused", []porcupine.Operation{
			madeRed, at(5, 6, input{action: change, id: "x", mark: "n", expects: "c"}, output{verdict: mismatch}),
		}, false},
		{"a lost answer: done and undone", []porcupine.Operation{
			madeRed, at(3, never, removeRed, output{verdict: unknown}), at(5, 6, getRed, output{verdict: missing}), at(7, 8, getRed, itemsOf(isRed)),
		}, false},
		{"a lost answer: done later, under another's name", []porcupine.Operation{
			madeRed, at(3, never, rename, output{verdict: unknown}), at(5, 6, blue, output{id: "y"}), at(7, 8, getRed, itemsOf(renamed)),
		}, false},
	})
}

func TestTheModelOfItemsTellsRightFromWrongAboutValues(t *testing.T) {
	bare := func(in input) input { in.bare = true; return in }
	one := input{action: having, value: 1}
	mine := input{action: memberships, value: 1}
	shown := item{id: "x", name: "red"} // by a user's groups
	who := input{action: memberUsers, id: "x"}
	requireItemCases(t, []itemCase{
		{"two changes at once are both kept", []porcupine.Operation{
			madeRed, at(3, 8, adding("m", "7"), output{}), at(3, 8, adding("n", "5"), output{}),
			at(9, 10, getRed, itemsOf(version("n", "1 5 7 9"))),
		}, true},
		{"a member of a merged write is lost", []porcupine.Operation{
			madeRed, at(3, 8, adding("m", "7"), output{}), at(3, 8, adding("n", "5"), output{}),
			at(9, 10, getRed, itemsOf(version("n", "1 5 9"))),
		}, false},
		{"a removal is lost", []porcupine.Operation{
			madeRed, at(3, 8, removing("m", "1"), output{}), at(3, 8, adding("n", "5"), output{}),
			at(9, 10, getRed, itemsOf(version("n", "1 5 9"))),
		}, false},
		{"a member who was removed comes back", []porcupine.Operation{
			madeRed, at(3, 4, removing("m", "1"), output{}), at(5, 6, adding("n", "5"), output{}),
			at(9, 10, getRed, itemsOf(version("n", "1 5 9"))),
		}, false},
		{"a change is half done", []porcupine.Operation{
			madeRed, at(3, 4, input{action: change, id: "x", mark: "m", edit: edit{remove: "1", add: "2"}}, output{}),
			at(5, 6, getRed, itemsOf(version("m", "9"))),
		}, false},
		{"what is replaced stays", []porcupine.Operation{
			madeRed, at(3, 4, input{action: replace, id: "x", name: "red", mark: "m", edit: edit{whole: true, add: "2"}}, output{}),
			at(5, 6, getRed, itemsOf(version("m", "1 2 9"))),
		}, false},
		{"a change behind a replacement is lost", []porcupine.Operation{
			madeRed, at(3, 4, input{action: replace, id: "x", name: "red", mark: "m", edit: edit{whole: true, add: "2"}}, output{}),
			at(5, 6, adding("n", "5"), output{}), at(7, 8, getRed, itemsOf(version("n", "2"))),
		}, false},
		{"a member out of many is lost", []porcupine.Operation{
			at(1, 2, input{action: create, name: "red", mark: "c", edit: edit{whole: true, add: "100-1150"}}, output{id: "x"}),
			at(3, 4, removing("m", "500"), output{}), at(5, 6, getRed, itemsOf(version("m", "100-498 501-1150"))),
		}, false},
		{"one of many goes", []porcupine.Operation{
			at(1, 2, input{action: create, name: "red", mark: "c", edit: edit{whole: true, add: "100-1150"}}, output{id: "x"}),
			at(3, 4, removing("m", "500"), output{}), at(5, 6, getRed, itemsOf(version("m", "100-499 501-1150"))),
		}, true},
		{"a read without members", []porcupine.Operation{madeRed, at(3, 4, bare(getRed), itemsOf(version("c", "")))}, true},
		{"a read without members shows what was before", []porcupine.Operation{
			madeRed, at(3, 4, adding("m", "7"), output{}), at(5, 6, bare(getRed), itemsOf(version("c", ""))),
		}, false},
		{"a filter by a member finds the group", []porcupine.Operation{madeRed, at(3, 4, one, itemsOf(isRed))}, true},
		{"a filter by a member misses the group", []porcupine.Operation{madeRed, at(3, 4, one, itemsOf())}, false},
		{"a filter by a member finds a group without it", []porcupine.Operation{
			madeRed, at(3, 4, removing("m", "1"), output{}), at(5, 6, one, itemsOf(version("m", "9"))),
		}, false},
		{"a user's groups show the group", []porcupine.Operation{madeRed, at(3, 4, mine, itemsOf(shown))}, true},
		{"a user's groups miss the group", []porcupine.Operation{madeRed, at(3, 4, mine, itemsOf())}, false},
		{"a user's groups show the group that was left", []porcupine.Operation{
			madeRed, at(3, 4, removing("m", "1"), output{}), at(5, 6, mine, itemsOf(shown)),
		}, false},
		{"a user's groups show the name that was before", []porcupine.Operation{
			madeRed, at(3, 4, renaming("m", "green"), output{}), at(5, 6, mine, itemsOf(shown)),
		}, false},
		{"a user's groups show a deleted group", []porcupine.Operation{
			madeRed, at(3, 4, removeRed, output{}), at(5, 6, mine, itemsOf(shown)),
		}, false},
		{"a filter by a group finds its users", []porcupine.Operation{madeRed, at(3, 4, who, output{values: "1"})}, true},
		{"a filter by a group misses a user", []porcupine.Operation{madeRed, at(3, 4, who, output{})}, false},
		{"a filter by a group finds who has left", []porcupine.Operation{
			madeRed, at(3, 4, removing("m", "1"), output{}), at(5, 6, who, output{values: "1"}),
		}, false},
		{"a lost answer: a member was added later", []porcupine.Operation{
			madeRed, at(3, never, adding("m", "7"), output{verdict: unknown}), at(5, 6, getRed, itemsOf(isRed)),
			at(7, 8, getRed, itemsOf(version("m", "1 7 9"))),
		}, true},
		{"a lost answer: a member came and went", []porcupine.Operation{
			madeRed, at(3, never, adding("m", "7"), output{verdict: unknown}), at(5, 6, getRed, itemsOf(version("m", "1 7 9"))),
			at(7, 8, getRed, itemsOf(isRed)),
		}, false},
	})
}

// The sets that histories are compared by are sets.
func TestValuesAreSets(t *testing.T) {
	for _, row := range []struct {
		what string
		got  values
		want values
	}{
		{"neighbours are a range", single(3).with("1").with("2"), "1-3"},
		{"a number that is there is added", values("1-3").with("2"), "1-3"},
		{"a number out of a range goes", values("1-5 8").without("3"), "1-2 4-5 8"},
		{"a range goes", values("1-5 8").without("4-9"), "1-3"},
		{"a number that is not there goes", values("1-5 8").without("7"), "1-5 8"},
		{"what two have in common", values("1-5 8").among("5-8"), "5 8"},
		{"nothing", values("1-5").without("1-5"), ""},
	} {
		if row.got != row.want {
			t.Errorf("%s: %q, want %q", row.what, row.got, row.want)
		}
	}
	if got, err := valuesOf([]int{3, 1, 2, 7}); got != "1-3 7" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := valuesOf([]int{3, 3}); err == nil {
		t.Error("a number is there twice")
	}
	if v := values("1-3 7"); !v.has(2) || v.has(5) || len(v.numbers()) != 4 {
		t.Errorf("%v", v.numbers())
	}
}

// Every change whose answer was lost doubles what there is to search.
func TestLostAnswersThatNothingCameOfCostNothing(t *testing.T) {
	history := []porcupine.Operation{madeRed}
	for i := range 24 {
		history = append(history, at(3, never, adding(fmt.Sprint("m", i), single(20+i)), output{verdict: unknown}))
	}
	for i := range int64(10) {
		history = append(history, at(5+2*i, 6+2*i, getRed, itemsOf(isRed)))
	}
	history = append(history, at(40, 41, adding("n", "7"), output{}), at(42, 43, getRed, itemsOf(version("n", "1 7 9"))))
	if result, _ := search(models[groups], history); result != porcupine.Ok {
		t.Errorf("the history is %s", result)
	}
}
