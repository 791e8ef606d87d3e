// SPDX-License-Identifier: Apache-2.0

package scim

// Filter is a compiled filter (RFC 7644 §3.4.2.2), safe for use by many
// goroutines.
type Filter struct {
	text       string
	root       *node
	equalities []Equality
	members    bool
}

// node is a comparison, a value path, or what joins them.
type node struct {
	op          operator
	left, right *node // of and, or; left of not and of a value path
	target            // what is compared; within a value path, relative to one value
	operand     operand
	assumed     bool // false, where there is no value: it is `primary` (RFC 7643 §2.4)
	never       bool // it matches nothing
}

type operator uint8

const (
	opAnd operator = iota
	opOr
	opNot
	opValuePath
	opPresent
	opEqual
	opNotEqual
	opContains
	opStartsWith
	opEndsWith
	opGreater
	opGreaterOrEqual
	opLess
	opLessOrEqual
)

// operatorOf knows the operators by name.
func operatorOf(word string) (operator, bool) {
	if len(word) != 2 {
		return 0, false
	}
	switch [2]byte{lower(word[0]), lower(word[1])} {
	case [2]byte{'p', 'r'}:
		return opPresent, true
	case [2]byte{'e', 'q'}:
		return opEqual, true
	case [2]byte{'n', 'e'}:
		return opNotEqual, true
	case [2]byte{'c', 'o'}:
		return opContains, true
	case [2]byte{'s', 'w'}:
		return opStartsWith, true
	case [2]byte{'e', 'w'}:
		return opEndsWith, true
	case [2]byte{'g', 't'}:
		return opGreater, true
	case [2]byte{'g', 'e'}:
		return opGreaterOrEqual, true
	case [2]byte{'l', 't'}:
		return opLess, true
	case [2]byte{'l', 'e'}:
		return opLessOrEqual, true
	}
	return 0, false
}

// textual says whether the operator looks inside strings.
func (op operator) textual() bool { return op >= opContains && op <= opEndsWith }

// ordering says whether the operator needs an order among values.
func (op operator) ordering() bool { return op >= opGreater }

// operand is the value that an attribute is compared with, prepared for the
// attribute's type.
type operand struct {
	kind    operandKind
	raw     string // a string as it was written
	text    string // the string to compare with, folded unless the attribute is caseExact
	folding folding
	boolean bool
	integer int64
	float   float64
	instant instant
}

type operandKind uint8

const (
	operandNull operandKind = iota
	operandText
	operandBoolean
	operandInteger
	operandFloat
	operandInstant
)

// folding is how strings are folded before they are compared.
type folding uint8

const (
	foldCase folding = iota
	foldNothing
	foldNames // as FoldName
)

// String gives the filter as it was written.
func (f *Filter) String() string { return f.text }

// Equality is `path eq "value"`, which every resource that matches the filter
// satisfies. An index on the path may be used to find candidates; Match decides.
type Equality struct {
	Path  string // Attr.Path(): "userName", "emails.value", "members.value"
	Attr  *Attribute
	Value string // as written; compared as Attr.Fold has it
}

// Equalities gives the equalities with strings that are and-ed at the top of the
// filter. Those within a value path count: `emails[type eq "work"].value eq "x"`
// gives emails.type and emails.value. The slice must not be changed.
func (f *Filter) Equalities() []Equality { return f.equalities }

// Never says that no resource of the type can match.
func (f *Filter) Never() bool { return f.root.matchesNothing() }

func (n *node) matchesNothing() bool {
	switch n.op {
	case opAnd:
		return n.left.matchesNothing() || n.right.matchesNothing()
	case opOr:
		return n.left.matchesNothing() && n.right.matchesNothing()
	default:
		return n.never
	}
}

// Parts is the number of comparisons and operators of the filter.
func (f *Filter) Parts() int { return f.root.parts() }

// WantsMembers says whether Match looks at a group's members.
func (f *Filter) WantsMembers() bool { return f.members }

// appendEqualities collects from a node that every matching resource satisfies.
func (n *node) appendEqualities(list []Equality) []Equality {
	switch n.op {
	case opAnd:
		return n.right.appendEqualities(n.left.appendEqualities(list))
	case opValuePath:
		return n.left.appendEqualities(list)
	case opEqual:
		if n.operand.kind == operandText {
			a := n.last()
			return append(list, Equality{Path: a.path, Attr: a, Value: n.operand.raw})
		}
	default:
	}
	return list
}

// touchesMembers says whether a node looks at a group's members.
func (n *node) touchesMembers() bool {
	if n == nil {
		return false
	}
	return n.attr != nil && n.attr.role == roleMembers || n.left.touchesMembers() || n.right.touchesMembers()
}
