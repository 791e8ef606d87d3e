// SPDX-License-Identifier: Apache-2.0

package scim

import "slices"

// Patch is a parsed PATCH request (RFC 7644 §3.5.2). It may be applied many
// times, as when a write is retried on a fresh object.
type Patch struct {
	rt       *ResourceType
	ops      []operation
	requests int // operations of the request, of which ops is made
	ignored  Ignored
}

// Ignored are the attributes that the patch names and the schema does not have. They are
// passed over where [IgnoreUnknown] is asked for, and in objects of attributes always.
func (p *Patch) Ignored() Ignored { return p.ignored }

// operation is one change of one attribute. A request's operation with an object
// for a value becomes several.
type operation struct {
	number int // of the request's operation, counted from 1
	kind   operationKind
	target
	path   string // as the client wrote it
	filter *node  // of a value path, nil when there is none

	// value is what to add, set or take away; nil unassigns. Of a value path
	// without sub-attribute it is the *Object to put in place.
	value Value
	// members, for a group's members.
	members []Member
	// partial says that a removal names the values to remove, even if those are none.
	partial bool
}

type operationKind uint8

const (
	opAdd operationKind = iota
	opReplace
	opRemove
)

// WantsMembers says whether Apply looks at or changes a group's members.
func (p *Patch) WantsMembers() bool {
	for i := range p.ops {
		if p.ops[i].onMembers() {
			return true
		}
	}
	return false
}

func (op *operation) onMembers() bool { return op.attr.role == roleMembers }

// Apply gives the resource after all operations, in their order, whole or not at
// all: on an error o and m are as they were. m is nil unless the resource is a
// group, and takes the changes of its members. A patch that costs too much is an
// error of status 413. When no attribute changes, it
// gives o itself; changed counts members too.
func (p *Patch) Apply(o *Object, m *Members) (result *Object, changed bool, err error) {
	result = o
	draft := m
	if p.WantsMembers() {
		if m == nil {
			m = NewMembers(nil)
		}
		draft = m.clone()
	}
	w := newWork()
	for i := range p.ops {
		op := &p.ops[i]
		if op.onMembers() {
			err = op.applyToMembers(draft, w)
		} else {
			result, err = op.apply(result, w)
		}
		if err == nil && i%32 == 31 {
			err = checkGrowth(o, result) // so that many operations do not pile up
		}
		if err != nil {
			return o, false, p.located(op, err)
		}
	}
	if result, err = p.finish(o, result); err != nil {
		return o, false, err
	}
	if m != nil {
		*m = *draft
		changed = m.Changed()
	}
	return result, changed || result != o, nil
}

// finish checks the result as a whole. What was wrong before, such as an attribute
// that became required later, does not stand in the way of other changes.
func (p *Patch) finish(before, after *Object) (*Object, error) {
	if before == after || before.Equal(after) {
		return before, nil
	}
	if err := requireKept(p.rt.root, before, after); err != nil {
		return nil, err
	}
	return after, checkGrowth(before, after)
}

// checkGrowth bounds a resource that grows. One that was too large before can still
// be made smaller.
func checkGrowth(before, after *Object) error {
	if size(after) > size(before) {
		return checkSize(after)
	}
	return nil
}

// requireKept makes sure that no required attribute lost its value (RFC 7644
// §3.5.2.2), and that a new complex value has those it requires.
func requireKept(a *Attribute, before, after *Object) error {
	for _, sub := range a.Sub {
		old, now := before.Get(sub), after.Get(sub)
		if sub.Required && sub.role != roleMembers && now == nil && old != nil {
			return ErrMutability(sub.path, "it is required and cannot be removed")
		}
		if sub.Type != Complex || now == nil {
			continue
		}
		if err := requireComplete(sub, old, now); err != nil {
			return err
		}
	}
	return nil
}

func requireComplete(a *Attribute, old, now Value) error {
	switch now := now.(type) {
	case *Object:
		old, _ := old.(*Object)
		if old == now {
			return nil
		}
		if old == nil {
			return checkRequired(a, now)
		}
		return requireKept(a, old, now)
	case List:
		if !requiresAny(a) {
			return nil
		}
		list, _ := old.(List)
		before := newValueSet(list)
		for _, element := range now {
			o, ok := element.(*Object)
			if !ok || before.contains(o) {
				continue
			}
			if err := checkRequired(a, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func requiresAny(a *Attribute) bool {
	return slices.ContainsFunc(a.Sub, func(sub *Attribute) bool { return sub.Required })
}

// located says in which operation of several an error is.
func (p *Patch) located(op *operation, err error) error {
	if p.requests == 1 {
		return err
	}
	return inOperation(op.number, err)
}
