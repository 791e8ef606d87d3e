// SPDX-License-Identifier: Apache-2.0

package scim

import "slices"

// apply gives the resource after the operation, o itself when nothing changes.
func (op *operation) apply(o *Object, w *work) (*Object, error) {
	parent := o
	if op.container != nil {
		parent = o.Object(op.container)
	}
	old := parent.Get(op.attr)
	if err := w.spendOn(op, old); err != nil {
		return nil, err
	}
	now, err := op.change(old, w)
	switch {
	case err != nil:
		return nil, err
	case IsEmpty(old) && IsEmpty(now), equalValues(old, now):
		return o, nil
	case IsEmpty(now) && op.attr.Initial != nil:
		return o, nil // what the server has a default for keeps its value
	case old != nil && op.attr.Mutability == Immutable:
		return nil, ErrMutability(op.path, "it is immutable and has a value")
	}
	parent = parent.With(op.attr, now)
	if op.container == nil {
		return parent, nil
	}
	return o.With(op.container, parent), nil
}

// change gives the value of the attribute after the operation.
func (op *operation) change(old Value, w *work) (Value, error) {
	list, _ := old.(List)
	switch {
	case op.filter != nil:
		return op.changeMatching(old)
	case op.sub != nil && op.attr.MultiValued:
		return op.changeSubOfAll(list, w)
	case op.sub != nil:
		o, _ := old.(*Object)
		return op.setSub(o)
	case op.partial:
		return op.removeValues(list, w)
	case op.kind == opRemove:
		return nil, nil
	case op.kind == opAdd && op.attr.MultiValued:
		return op.addValues(list, w)
	case op.attr.MultiValued:
		return keepReadOnly(op.attr, list, op.value.(List), w)
	}
	return op.value, nil
}

// setSub sets or removes the operation's sub-attribute of one complex value.
func (op *operation) setSub(o *Object) (*Object, error) {
	old, now := o.Get(op.sub), op.value
	if op.kind == opAdd && op.sub.MultiValued {
		now = union(old, now)
	}
	switch {
	case IsEmpty(old) && IsEmpty(now), equalValues(old, now):
		return o, nil
	case old != nil && op.sub.Mutability == Immutable:
		return nil, ErrMutability(op.path, "it is immutable and has a value")
	}
	if !op.attr.MultiValued && op.sub == op.attr.value {
		o = withoutDescription(op.attr, o)
	}
	return o.With(op.sub, now), nil
}

// withoutDescription drops what describes the `value` of a reference such as
// `manager` when that changes: its URI and what is readOnly.
func withoutDescription(a *Attribute, o *Object) *Object {
	for sub := range o.Fields() {
		if sub == a.ref || sub.Mutability == ReadOnly {
			o = o.With(sub, nil)
		}
	}
	return o
}

// changeSubOfAll changes the sub-attribute of every value (`emails.type`). Adding a
// `value` adds an entry, and so does setting one where there is no entry.
func (op *operation) changeSubOfAll(list List, w *work) (Value, error) {
	if op.kind != opRemove && len(list) == 0 && op.attr.value != nil && op.sub != op.attr.value {
		return nil, ErrNoTarget(op.path)
	}
	if op.kind != opRemove && (len(list) == 0 || op.kind == opAdd && op.sub == op.attr.value) {
		single := *op
		single.value = List{(&Object{}).With(op.sub, op.value)}
		return single.addValues(list, w)
	}
	var result valueSet
	for _, element := range list {
		old := element.(*Object)
		o, err := op.setSub(old)
		switch {
		case err != nil:
			return nil, err
		case o == old:
			result.keep(o)
		case !isHollow(op.attr, o):
			result.put(o)
		}
	}
	return settlePrimary(op.attr, result.list, -1), nil
}

// isHollow says that nothing is left of a value but what it was for.
func isHollow(a *Attribute, o *Object) bool {
	for sub := range o.Fields() {
		if sub != a.primary && sub != a.lookup["type"] {
			return false
		}
	}
	return true
}

// changeMatching changes the values that match the operation's value path.
func (op *operation) changeMatching(old Value) (Value, error) {
	list, _ := old.(List)
	if o, ok := old.(*Object); ok {
		list = List{o}
	}
	var result valueSet
	matched, chosen := false, -1
	for _, element := range list {
		o := element.(*Object)
		if !op.filter.matchValue(o) {
			result.keep(o)
			continue
		}
		matched = true
		now, err := op.changeOne(o)
		switch {
		case err != nil:
			return nil, err
		case now == o:
			result.keep(o)
		case !isHollow(op.attr, now):
			chosen = op.choose(chosen, result.put(now), now)
		}
	}
	if !matched {
		return op.addMissing(old, list)
	}
	if op.attr.MultiValued {
		return settlePrimary(op.attr, result.list, chosen), nil
	}
	if len(result.list) == 0 {
		return nil, nil
	}
	return result.list[0], nil
}

// changeOne changes one value that matched: its sub-attribute or all of it.
func (op *operation) changeOne(o *Object) (*Object, error) {
	switch {
	case op.sub != nil:
		return op.setSub(o)
	case op.kind == opRemove:
		return nil, nil
	}
	now := op.value.(*Object)
	if op.kind == opAdd {
		now = merge(o, now)
	}
	for sub, v := range o.Fields() {
		switch {
		case sub.Mutability == ReadOnly:
			now = now.With(sub, v)
		case sub.Mutability == Immutable && !equalValues(now.Get(sub), v):
			return nil, ErrMutability(sub.path, "it is immutable and has a value")
		}
	}
	return now, nil
}

// choose keeps track of which value the operation made the primary one.
func (op *operation) choose(chosen, place int, o *Object) int {
	a := op.attr.primary
	if a == nil || op.sub != nil && op.sub != a || o.Get(a) != true {
		return chosen
	}
	return place
}

// addMissing adds the value that a value path describes when there is none: Entra
// ID sets `emails[type eq "work"].value` on users without e-mail. Replacing a whole
// value that is not there is noTarget (RFC 7644 §3.5.2.3), and to remove it
// changes nothing.
func (op *operation) addMissing(old Value, list List) (Value, error) {
	if op.kind == opRemove {
		return old, nil
	}
	if op.kind == opReplace && op.sub == nil || !op.attr.MultiValued {
		return nil, ErrNoTarget(op.path)
	}
	o, ok := template(op.filter, &Object{})
	if !ok || op.sub != nil && o.Get(op.sub) != nil {
		return nil, ErrNoTarget(op.path)
	}
	if op.sub != nil {
		o = o.With(op.sub, op.value)
	} else {
		o = merge(o, op.value.(*Object))
	}
	if len(list) >= maxValues {
		return nil, errTooLarge(op.attr.path, maxValues, "values")
	}
	added := append(slices.Clip(slices.Clone(list)), o)
	chosen := -1
	if op.attr.primary != nil && o.Get(op.attr.primary) == true {
		chosen = len(list)
	}
	return settlePrimary(op.attr, added, chosen), nil
}

// template builds the value that a filter describes, when it consists of equalities.
func template(n *node, o *Object) (*Object, bool) {
	switch n.op {
	case opAnd:
		o, ok := template(n.left, o)
		if !ok {
			return nil, false
		}
		return template(n.right, o)
	case opEqual:
		v, ok := n.operand.value(n.attr)
		if !ok || !n.attr.writable() || n.attr.MultiValued {
			return nil, false
		}
		return o.With(n.attr, v), true
	default:
		return nil, false
	}
}

// value gives what the attribute would have to be to equal the operand.
func (x *operand) value(a *Attribute) (Value, bool) {
	switch x.kind {
	case operandBoolean:
		return x.boolean, true
	case operandInteger:
		return x.integer, true
	case operandFloat:
		return x.float, a.Type == Decimal
	case operandText, operandInstant:
		v, err := a.fromText(x.raw)
		return v, err == nil && !IsEmpty(v)
	default:
		return nil, false
	}
}

// addValues adds values to a multi-valued attribute. One that is there already is
// not added again (RFC 7644 §3.5.2.1); it takes what is new.
func (op *operation) addValues(list List, w *work) (Value, error) {
	added, chosen := newEntries(op.attr, list, w), -1
	for _, v := range op.value.(List) {
		place, err := added.find(v)
		if err != nil {
			return nil, err
		}
		o, isObject := v.(*Object)
		switch {
		case place < 0:
			place = len(added.list)
			added.append(v)
		case isObject:
			if added.list[place], err = op.mergeEntry(added.list[place].(*Object), o); err != nil {
				return nil, err
			}
		}
		if isObject && op.attr.primary != nil && o.Get(op.attr.primary) == true {
			chosen = place
		}
	}
	if len(added.list) > maxValues {
		return nil, errTooLarge(op.attr.path, maxValues, "values")
	}
	return settlePrimary(op.attr, added.list, chosen), nil
}

func (op *operation) mergeEntry(old, now *Object) (*Object, error) {
	for sub, v := range now.Fields() {
		if present := old.Get(sub); sub.Mutability == Immutable && present != nil && !equalValues(present, v) {
			return nil, ErrMutability(sub.path, "it is immutable and has a value")
		}
	}
	return merge(old, now), nil
}

func (op *operation) removeValues(list List, w *work) (Value, error) {
	present := newEntries(op.attr, list, w)
	gone := make([]bool, len(list))
	named, _ := op.value.(List)
	for _, v := range named {
		candidates, err := present.candidates(v)
		if err != nil {
			return nil, err
		}
		for _, place := range candidates {
			gone[place] = gone[place] || sameEntry(op.attr, list[place], v)
		}
	}
	var kept List
	for i, v := range list {
		if !gone[i] {
			kept = append(kept, v)
		}
	}
	return kept, nil
}

// sameEntry says whether a value v that a client names is the entry e: by `value`,
// and `type` where both have one; without `value`, when e has all that v has.
func sameEntry(a *Attribute, e, v Value) bool {
	entry, isObject := e.(*Object)
	named, _ := v.(*Object)
	if !isObject || named == nil {
		return sameValue(a, e, v)
	}
	if a.value != nil && named.Get(a.value) != nil {
		if !sameValue(a.value, entry.Get(a.value), named.Get(a.value)) {
			return false
		}
		kind := a.lookup["type"]
		if kind == nil || entry.Get(kind) == nil || named.Get(kind) == nil {
			return true
		}
		return sameValue(kind, entry.Get(kind), named.Get(kind))
	}
	for sub, v := range named.Fields() {
		if !sameValue(sub, entry.Get(sub), v) {
			return false
		}
	}
	return true
}

// sameValue compares two values as a filter would.
func sameValue(a *Attribute, x, y Value) bool {
	s, isText := x.(string)
	t, alsoText := y.(string)
	if isText && alsoText && !a.CaseExact {
		return equalFold(s, t) || a.isName() && FoldName(s) == FoldName(t)
	}
	return equalValues(x, y)
}

func merge(o, changes *Object) *Object {
	for sub, v := range changes.Fields() {
		if !equalValues(o.Get(sub), v) {
			o = o.With(sub, v)
		}
	}
	return o
}

func union(old, more Value) Value {
	list, _ := old.(List)
	added, _ := more.(List)
	all := newValueSet(list)
	for _, v := range added {
		all.put(v)
	}
	return all.list
}
