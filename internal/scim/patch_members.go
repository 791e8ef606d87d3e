// SPDX-License-Identifier: Apache-2.0

package scim

// compileMembers compiles an operation on a group's members. Only whole members
// come and go.
func (c *patchCompiler) compileMembers(op operation, value []byte) (err error) {
	switch {
	case op.sub != nil:
		return ErrMutability(op.path, "a member cannot be changed: remove it and add another")
	case op.filter != nil:
		return c.compileFilteredMembers(op, value)
	case op.kind == opRemove:
		if isNull(value) {
			value = nil
		}
		op.partial = value != nil
	case value == nil:
		return ErrInvalidValue(op.path, op.kind.String()+" needs a value")
	}
	if value != nil {
		d := c.decoder(value)
		if op.members, err = d.members(op.attr); err != nil {
			return err
		}
	}
	if op.kind != opAdd || len(op.members) > 0 {
		c.add(op)
	}
	return nil
}

// compileFilteredMembers compiles an operation on `members[…]`. To add or replace
// a member that the filter names by its value is to add it; to replace members by no value
// is to remove them.
func (c *patchCompiler) compileFilteredMembers(op operation, value []byte) error {
	switch {
	case op.kind == opReplace && value == nil:
		return ErrInvalidValue(op.path, "replace needs a value")
	case op.kind == opReplace && isUnassigned(value):
		op.kind = opRemove
	}
	if op.kind == opRemove {
		c.add(op)
		return nil
	}
	named, ok := op.filter.memberValue()
	if !ok {
		return ErrNoTarget(op.path)
	}
	member := Member{Value: named}
	if value != nil && !isUnassigned(value) {
		d := c.decoder(value)
		given, err := d.members(op.attr)
		if err != nil {
			return err
		}
		if len(given) != 1 || given[0].Value != named {
			return ErrMutability(op.path, "a member cannot be changed: remove it and add another")
		}
		member = given[0]
	}
	op.kind, op.filter, op.members = opAdd, nil, []Member{member}
	c.add(op)
	return nil
}

func (op *operation) applyToMembers(m *Members, w *work) error {
	if err := w.spendOnMembers(op, m); err != nil {
		return err
	}
	switch {
	case op.kind == opAdd:
		for _, member := range op.members {
			m.Add(member)
		}
	case op.kind == opReplace:
		m.Set(op.members)
	case op.filter != nil:
		for _, value := range op.matchingMembers(m) {
			m.Remove(value)
		}
	case op.partial:
		for _, member := range op.members {
			m.Remove(member.Value)
		}
	default:
		m.Clear()
	}
	return nil
}

func (op *operation) matchingMembers(m *Members) []string {
	var values []string
	if named, ok := op.filter.memberValues(); ok {
		for _, value := range named {
			if member, found := m.Get(value); found && op.filter.matchMember(member) {
				values = append(values, value)
			}
		}
		return values
	}
	for member := range m.All() {
		if op.filter.matchMember(member) {
			values = append(values, member.Value)
		}
	}
	return values
}

// memberValues finds the only members that a filter can match, when it names them.
func (n *node) memberValues() (values []string, ok bool) {
	if n.op != opOr {
		value, ok := n.memberValue()
		return []string{value}, ok
	}
	left, ok := n.left.memberValues()
	if !ok {
		return nil, false
	}
	right, ok := n.right.memberValues()
	return append(left, right...), ok
}
