// SPDX-License-Identifier: Apache-2.0

package scim

// work is what applying one PATCH may still cost. It bounds what no bound on the
// request alone can: many operations, each on a large resource.
type work struct{ left int }

func newWork() *work { return &work{left: maxWork} }

// spend takes away the looking at so many values or members.
func (w *work) spend(n int) error {
	if w.left -= n; w.left < 0 {
		return errTooMuchWork()
	}
	return nil
}

const (
	// changeCost is for a value that an operation may change, which costs more than to
	// look at it, and compareCost for comparing two that clients name.
	changeCost, compareCost = 16, 4
	// partsPerLook is how many parts of a filter are tried on a member as quickly as the
	// member is found.
	partsPerLook = 8
	// bytesPerLook is how much text is compared as quickly as a short value is.
	bytesPerLook = 64
)

// spendOn takes away what an operation on the value of an attribute costs: each of
// its values is looked at, by every part of the filter, and compared afterwards.
func (w *work) spendOn(op *operation, old Value) error {
	return w.spend(weight(op.value) + weight(old)*(1+op.filter.parts()))
}

// weight is how many looks a value costs.
func weight(v Value) int {
	list, ok := v.(List)
	if !ok {
		return 1 + size(v)/bytesPerLook
	}
	return changeCost*len(list) + size(list)/bytesPerLook
}

// parts counts the comparisons and operators of a filter.
func (n *node) parts() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.parts() + n.right.parts()
}

// spendOnMembers takes away what an operation on a group's members costs.
func (w *work) spendOnMembers(op *operation, m *Members) error {
	n := 1 + len(op.members)
	switch {
	case op.kind == opReplace && len(op.members) > 0:
		n += m.cost()
	case op.filter != nil:
		looks := m.cost()
		if named, ok := op.filter.memberValues(); ok {
			looks = len(named)
		}
		n += looks * (1 + op.filter.parts()/partsPerLook)
	}
	return w.spend(n)
}
