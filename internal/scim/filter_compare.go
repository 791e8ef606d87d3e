// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"strings"
)

// testOne compares one value; nil is null.
func (n *node) testOne(v Value) bool {
	switch {
	case n.op == opPresent:
		return v != nil
	case n.operand.kind == operandNull:
		return (v == nil) == (n.op == opEqual)
	case v == nil && n.assumed:
		v = false
	case v == nil:
		return n.op == opNotEqual
	}
	switch v := v.(type) {
	case string:
		return n.testText(v)
	case bool:
		return (v == n.operand.boolean) == (n.op == opEqual)
	case int64:
		return n.op.accepts(n.operand.compareInteger(v))
	case float64:
		return n.op.accepts(n.operand.compareFloat(v))
	}
	return false
}

func (n *node) testText(s string) bool {
	x := &n.operand
	switch {
	case x.kind == operandInstant:
		t, ok := parseInstant(s)
		if !ok {
			return n.op == opNotEqual
		}
		return n.op.accepts(t.compare(x.instant))
	case x.folding == foldNothing:
		return n.op.testExact(s, x.text)
	case x.folding == foldNames && !isPlainName(s):
		return n.op.testName(s, x.text)
	}
	return n.op.testFolded(s, x.text)
}

// testName compares a name that is more than ASCII without blanks around it, which
// testFolded compares in place.
func (op operator) testName(s, folded string) bool {
	b := foldBuffers.Get().(*foldBuffer)
	defer foldBuffers.Put(b)
	name := b.foldName(s)
	b.needle = append(b.needle[:0], folded...)
	switch op {
	case opContains:
		return bytes.Contains(name, b.needle)
	case opStartsWith:
		return bytes.HasPrefix(name, b.needle)
	case opEndsWith:
		return bytes.HasSuffix(name, b.needle)
	default:
		return op.accepts(bytes.Compare(name, b.needle))
	}
}

func (op operator) testExact(s, text string) bool {
	switch op {
	case opEqual:
		return s == text
	case opNotEqual:
		return s != text
	case opContains:
		return strings.Contains(s, text)
	case opStartsWith:
		return strings.HasPrefix(s, text)
	case opEndsWith:
		return strings.HasSuffix(s, text)
	default:
		return op.accepts(compareStrings(s, text))
	}
}

func (op operator) testFolded(s, folded string) bool {
	switch op {
	case opEqual:
		return equalFolded(s, folded)
	case opNotEqual:
		return !equalFolded(s, folded)
	case opContains:
		return containsFolded(s, folded)
	case opStartsWith:
		return prefixFolded(s, folded)
	case opEndsWith:
		return suffixFolded(s, folded)
	default:
		return op.accepts(compareFolded(s, folded))
	}
}

// accepts says whether the operator holds for how a value compares.
func (op operator) accepts(order int) bool {
	switch op {
	case opEqual:
		return order == 0
	case opNotEqual:
		return order != 0
	case opGreater:
		return order > 0
	case opGreaterOrEqual:
		return order >= 0
	case opLess:
		return order < 0
	case opLessOrEqual:
		return order <= 0
	default:
		return false
	}
}

func (x *operand) compareInteger(v int64) int {
	if x.kind == operandInteger {
		return compareInts(v, x.integer)
	}
	return compareFloats(float64(v), x.float)
}

func (x *operand) compareFloat(v float64) int {
	return compareFloats(v, x.float)
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// matchMembers evaluates a comparison with a group's members.
func (n *node) matchMembers(m MemberReader) bool {
	if m == nil {
		m = noMembers{}
	}
	if value, ok := n.memberValue(); ok {
		member, found := m.Get(value)
		return found && (n.op != opValuePath || n.left.matchMember(member))
	}
	sub := n.sub
	if sub == nil {
		sub = n.attr.value
	}
	if n.op == opPresent && sub == n.attr.value {
		return m.Len() > 0
	}
	return n.matchAnyMember(m, sub)
}

// matchAnyMember looks at every member. It is apart from matchMembers because a
// loop over an iterator allocates.
func (n *node) matchAnyMember(m MemberReader, sub *Attribute) bool {
	found := false
	for member := range m.All() {
		if n.op == opValuePath {
			if n.left.matchMember(member) {
				return true
			}
			continue
		}
		if v := memberField(member, sub); v != nil {
			if found = true; n.testOne(v) {
				return true
			}
		}
	}
	return n.op != opValuePath && !found && n.testOne(nil)
}

// memberValue finds the one member that a node can match, when it names one.
func (n *node) memberValue() (value string, ok bool) {
	switch n.op {
	case opEqual:
		return n.operand.raw, n.operand.kind == operandText && n.last().Name == "value"
	case opAnd:
		if value, ok = n.left.memberValue(); ok {
			return value, true
		}
		return n.right.memberValue()
	case opValuePath:
		return n.left.memberValue()
	default:
		return "", false
	}
}

// matchMember evaluates a node of a value path on one member.
func (n *node) matchMember(m Member) bool {
	switch n.op {
	case opAnd:
		return n.left.matchMember(m) && n.right.matchMember(m)
	case opOr:
		return n.left.matchMember(m) || n.right.matchMember(m)
	case opNot:
		return !n.left.matchMember(m)
	default:
		return n.testOne(memberField(m, n.attr))
	}
}

func memberField(m Member, a *Attribute) Value {
	text := ""
	switch a.Name {
	case "value":
		text = m.Value
	case "type":
		text = m.Type
	case "display":
		text = m.Display
	case "$ref":
		text = m.Ref
	}
	if text == "" {
		return nil
	}
	return text
}
