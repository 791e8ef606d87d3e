// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// Match reports whether the resource matches. m is nil unless it is a group. It
// allocates nothing, but for filters on members other than by value.
//
// A multi-valued attribute matches when any of its values does. An attribute
// without a value is null: it matches `ne` with any value, and `eq null`.
func (f *Filter) Match(p Packed, m MemberReader) bool { return f.root.matchPacked(p, m) }

func (n *node) matchPacked(p Packed, m MemberReader) bool {
	switch n.op {
	case opAnd:
		return n.left.matchPacked(p, m) && n.right.matchPacked(p, m)
	case opOr:
		return n.left.matchPacked(p, m) || n.right.matchPacked(p, m)
	case opNot:
		return !n.left.matchPacked(p, m)
	default:
	}
	switch n.attr.role {
	case roleMembers:
		return n.matchMembers(m)
	case roleSchemas:
		return n.matchSchemas(p)
	default:
	}
	if n.container != nil {
		return n.testRaw(rawField(p.find(n.container), n.attr))
	}
	return n.testRaw(p.find(n.attr))
}

// matchSchemas evaluates a comparison with `schemas`, which is computed from what the
// resource has.
func (n *node) matchSchemas(p Packed) bool {
	if n.op == opPresent || n.testOne(n.attr.parent.urn) {
		return true
	}
	s := p.pieces()
	for index, _ := s.next(); index >= 0; index, _ = s.next() {
		if a := p.root.Sub[index]; a.role == roleExtension && n.testOne(a.urn) {
			return true
		}
	}
	return false
}

// testRaw compares the value of an attribute as JSON, "" when there is none: a value
// path with its values, a comparison with what it names in them.
func (n *node) testRaw(raw string) bool {
	if n.op == opValuePath {
		return n.matchAnyRaw(raw)
	}
	if raw == "" || raw[0] != '[' {
		return n.testOneRaw(n.descendRaw(raw))
	}
	found := false
	elements := elementsOf(raw)
	for e := elements.next(); e != ""; e = elements.next() {
		if value := n.descendRaw(e); value != "" {
			if found = true; n.testOneRaw(value) {
				return true
			}
		}
	}
	return !found && n.testOne(nil)
}

func (n *node) matchAnyRaw(raw string) bool {
	if raw == "" {
		return false
	}
	if raw[0] == '{' {
		return n.left.matchRaw(raw)
	}
	if raw[0] != '[' {
		return false
	}
	elements := elementsOf(raw)
	for e := elements.next(); e != ""; e = elements.next() {
		if e[0] == '{' && n.left.matchRaw(e) {
			return true
		}
	}
	return false
}

// matchValue evaluates a node of a value path on one value that is not packed.
func (n *node) matchValue(o *Object) bool {
	buffer := textBuffers.Get().(*[]byte)
	defer textBuffers.Put(buffer)
	*buffer = AppendValue((*buffer)[:0], o)
	// Nothing that compares keeps the text, so that it may be the buffer itself.
	return n.matchRaw(unsafe.String(unsafe.SliceData(*buffer), len(*buffer))) //nolint:gosec // see above
}

// matchRaw evaluates a node of a value path on one value.
func (n *node) matchRaw(object string) bool {
	switch n.op {
	case opAnd:
		return n.left.matchRaw(object) && n.right.matchRaw(object)
	case opOr:
		return n.left.matchRaw(object) || n.right.matchRaw(object)
	case opNot:
		return !n.left.matchRaw(object)
	default:
	}
	return n.testRaw(rawField(object, n.attr))
}

func (n *node) descendRaw(raw string) string {
	if n.sub == nil {
		return raw
	}
	return rawField(raw, n.sub)
}

// testQuoted compares a JSON string. One with escapes is written out in a buffer that is
// used again.
func (n *node) testQuoted(raw string) bool {
	text := raw[1 : len(raw)-1]
	first := strings.IndexByte(text, '\\')
	if first < 0 {
		return n.testText(text)
	}
	buffer := textBuffers.Get().(*[]byte)
	defer textBuffers.Put(buffer)
	*buffer = appendUnquoted((*buffer)[:0], text, first)
	// Nothing that compares keeps the string, so that it may be the buffer itself.
	return n.testText(unsafe.String(unsafe.SliceData(*buffer), len(*buffer))) //nolint:gosec // see above
}

var textBuffers = sync.Pool{New: func() any { return new([]byte) }}

// testOneRaw compares one value; "" is null.
func (n *node) testOneRaw(raw string) bool {
	switch {
	case raw == "":
		return n.testOne(nil)
	case n.op == opPresent:
		return true
	case n.operand.kind == operandNull:
		return n.op != opEqual
	}
	switch raw[0] {
	case '"':
		return n.testQuoted(raw)
	case 't', 'f':
		return n.testOne(raw[0] == 't')
	case '{', '[':
		return false
	}
	if n.last().Type == Integer {
		v, _ := strconv.ParseInt(raw, 10, 64)
		return n.op.accepts(n.operand.compareInteger(v))
	}
	v, _ := strconv.ParseFloat(raw, 64)
	return n.op.accepts(n.operand.compareFloat(v))
}
