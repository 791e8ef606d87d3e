// SPDX-License-Identifier: Apache-2.0

package scim

// entries finds in the list of a multi-valued attribute the entries that a client
// names. A long list whose entries have a `value` is looked up by that.
type entries struct {
	attr  *Attribute
	list  List
	every []int         // all places of list
	byKey map[any][]int // places by key, nil for a short list
	work  *work         // what looking costs
}

func newEntries(a *Attribute, list List, w *work) *entries {
	e := &entries{attr: a, work: w}
	for _, v := range list {
		e.append(v)
	}
	return e
}

// append adds an entry to the list.
func (e *entries) append(v Value) {
	place := len(e.list)
	e.list = append(e.list, v)
	e.every = append(e.every, place)
	switch {
	case e.byKey != nil:
		e.index(place)
	case len(e.list) > linearUpTo:
		e.byKey = make(map[any][]int, 2*len(e.list))
		for i := range e.list {
			e.index(i)
		}
	}
}

func (e *entries) index(place int) {
	if key := entryKey(e.attr, e.list[place]); key != nil {
		e.byKey[key] = append(e.byKey[key], place)
	}
}

// candidates gives the places, in order, at which an entry can be that sameEntry
// takes for v.
func (e *entries) candidates(v Value) ([]int, error) {
	found := e.every
	if e.byKey != nil {
		if key := entryKey(e.attr, v); key != nil {
			found = e.byKey[key]
		}
	}
	return found, e.work.spend(compareCost * len(found))
}

// entryKey is the same for all entries that sameEntry takes for one another, and
// nil for one without `value`, which can be the same as any.
func entryKey(a *Attribute, v Value) any {
	if o, ok := v.(*Object); ok {
		if a.value == nil {
			return nil
		}
		a, v = a.value, o.Get(a.value)
	}
	switch v := v.(type) {
	case string:
		return a.Fold(v)
	case *Object, List:
		return nil
	default:
		return v
	}
}

// find gives the place where a value is already: of the entry that has all of it, or
// else of one that is the same. It is negative when there is none.
func (e *entries) find(v Value) (int, error) {
	candidates, err := e.candidates(v)
	if err != nil {
		return -1, err
	}
	same := -1
	o, isObject := v.(*Object)
	for _, place := range candidates {
		if isObject && hasAll(e.list[place].(*Object), o) {
			return place, nil
		}
		if same < 0 && sameEntry(e.attr, e.list[place], v) {
			if same = place; !isObject {
				break
			}
		}
	}
	return same, nil
}

// hasAll says whether merging changes into o would change nothing.
func hasAll(o, changes *Object) bool {
	for sub, v := range changes.Fields() {
		if !equalValues(o.Get(sub), v) {
			return false
		}
	}
	return true
}
