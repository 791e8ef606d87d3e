// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"fmt"
	"strings"
)

// ParseFilter compiles a filter. Errors are 400 invalidFilter and say at which
// column what was expected.
func (rt *ResourceType) ParseFilter(s string) (*Filter, error) { return rt.ParseFilterAmong(nil, s) }

// ParseFilterAmong compiles a filter of a query over several types. An attribute that
// only another of them has is one without a value (RFC 7644 §3.4.2.1).
func (rt *ResourceType) ParseFilterAmong(types []*ResourceType, s string) (*Filter, error) {
	if len(s) > maxFilterBytes {
		return nil, errFilter(s, 0, fmt.Sprintf("the filter is longer than %d bytes", maxFilterBytes))
	}
	p := filterParser{rt: rt, types: types, text: s}
	root, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.skipBlanks(); p.pos < len(s) {
		return nil, p.fail("expected and, or, or the end of the filter")
	}
	return &Filter{text: s, root: root, equalities: root.appendEqualities(nil), members: root.touchesMembers()}, nil
}

// filterParser reads a filter, or a PATCH path, by recursive descent. `and` binds
// closer than `or`, `not` closest (RFC 7644 §3.4.2.2).
type filterParser struct {
	rt    *ResourceType
	types []*ResourceType // those that a query is about, when it is about several
	scope *Attribute      // within a value path, the attribute whose values are filtered
	text  string
	pos   int
	depth int
	nodes int

	ofPath      bool   // text is a PATCH path
	unknown     *Error // the first name within the brackets of a path that is no sub-attribute
	unknownName string
}

func (p *filterParser) fail(reason string) error { return errFilter(p.text, p.pos, reason) }

// firstError returns what is wrong first with a path that has an error.
func (p *filterParser) firstError(err error) error {
	if p.unknown == nil {
		return err
	}
	if next := (*Error)(nil); errors.As(err, &next) && next.unknown != "" {
		p.unknown.unknown = p.unknownName
	}
	return p.unknown
}

func (p *filterParser) failAt(pos int, reason string) error { return errFilter(p.text, pos, reason) }

func (p *filterParser) skipBlanks() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// next gives the next byte behind blanks, 0 at the end.
func (p *filterParser) next() byte {
	p.skipBlanks()
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// word gives the letters ahead without reading them.
func (p *filterParser) word() string {
	p.skipBlanks()
	end := p.pos
	for end < len(p.text) && isPathByte(p.text[end]) {
		end++
	}
	return p.text[p.pos:end]
}

// keyword reads a word if it is the next one, in any case.
func (p *filterParser) keyword(word string) bool {
	if w := p.word(); len(w) != len(word) || !strings.EqualFold(w, word) {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *filterParser) count(n *node) (*node, error) {
	if p.nodes++; p.nodes > maxFilterNodes {
		return nil, p.fail(fmt.Sprintf("the filter has more than %d parts", maxFilterNodes))
	}
	return n, nil
}

func (p *filterParser) enter() error {
	if p.depth++; p.depth > maxFilterDepth {
		return p.fail(fmt.Sprintf("more than %d nested groups", maxFilterDepth))
	}
	return nil
}

func (p *filterParser) disjunction() (*node, error) {
	left, err := p.conjunction()
	for err == nil && p.keyword("or") {
		var right *node
		if right, err = p.conjunction(); err == nil {
			left, err = p.count(&node{op: opOr, left: left, right: right})
		}
	}
	return left, err
}

func (p *filterParser) conjunction() (*node, error) {
	left, err := p.term()
	for err == nil && p.keyword("and") {
		var right *node
		if right, err = p.term(); err == nil {
			left, err = p.count(&node{op: opAnd, left: left, right: right})
		}
	}
	return left, err
}

// term reads a group, a negated group, or a comparison.
func (p *filterParser) term() (*node, error) {
	if p.next() == '(' {
		return p.group()
	}
	start := p.pos
	if p.keyword("not") {
		if p.next() == '(' {
			inner, err := p.group()
			if err != nil {
				return nil, err
			}
			return p.count(&node{op: opNot, left: inner})
		}
		p.pos = start
	}
	return p.comparison()
}

func (p *filterParser) group() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.pos++
	inner, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.next() != ')' {
		return nil, p.fail("expected ')'")
	}
	p.pos++
	p.depth--
	return inner, nil
}

// comparison reads `path op value`, `path pr`, or a value path.
func (p *filterParser) comparison() (*node, error) {
	path := p.word()
	if path == "" {
		return nil, p.fail("expected an attribute name")
	}
	start := p.pos
	t, problem := p.resolve(path)
	elsewhere := false
	if problem != "" {
		if p.ofPath && p.scope != nil {
			return p.unknownComparison(path, problem)
		}
		if t, elsewhere = p.resolveElsewhere(path); !elsewhere {
			return nil, p.fail(problem)
		}
	}
	if problem := unfilterable(t); problem != "" {
		return nil, p.fail(problem)
	}
	p.pos += len(path)
	var n *node
	var err error
	if p.pos < len(p.text) && p.text[p.pos] == '[' {
		n, err = p.valuePath(t, start)
	} else {
		n = &node{target: t}
		if err = p.operation(n); err == nil {
			n, err = p.count(n)
		}
	}
	if err == nil && elsewhere {
		n = p.withoutValue(n)
	}
	return n, err
}

// unknownComparison reads a comparison within the brackets of a path whose name is no
// sub-attribute. The path is wrong; the rest of it is read to learn whether that alone is.
func (p *filterParser) unknownComparison(path, problem string) (*node, error) {
	if p.unknown == nil {
		p.unknown = errFilter(p.text, p.pos, problem)
		p.unknownName = p.scope.path + "." + p.withinScope(path)
	}
	p.pos += len(path)
	word := p.word()
	op, ok := operatorOf(word)
	if !ok {
		return nil, p.unknown
	}
	p.pos += len(word)
	if op != opPresent {
		if _, err := p.literal(); err != nil {
			return nil, p.unknown
		}
	}
	return p.count(&node{op: opPresent})
}

// resolveElsewhere finds an attribute of another type that the query is about.
func (p *filterParser) resolveElsewhere(path string) (target, bool) {
	if p.scope == nil {
		for _, rt := range p.types {
			if t, problem := rt.resolve(path); problem == "" {
				return t, true
			}
		}
	}
	return target{}, false
}

// withoutValue is what a comparison comes to on a resource that has no value of the
// attribute. Every resource has an id.
func (p *filterParser) withoutValue(n *node) *node {
	always := &node{op: opPresent}
	always.target, _ = p.rt.resolve("id")
	null := n.operand.kind == operandNull
	if n.op == opEqual && null || n.op == opNotEqual && !null {
		return always
	}
	return &node{op: opNot, left: always, never: true}
}

// resolve finds an attribute of the resource or, within a value path, of a value.
func (p *filterParser) resolve(path string) (t target, problem string) {
	if p.scope == nil {
		return p.rt.resolve(path)
	}
	if t.attr = lookupName(p.scope.lookup, p.withinScope(path)); t.attr == nil {
		return t, quoteName(path) + " is not a sub-attribute of " + p.scope.path
	}
	return t, ""
}

// withinScope takes off the front of a name within a value path what leads to the values:
// the URN of the schema, the name of the attribute, or both (RFC 7644 §3.10).
func (p *filterParser) withinScope(path string) string {
	name := path
	if strings.IndexByte(path, ':') >= 0 {
		base, names := p.rt.cutSchema(path)
		if base != p.scope.parent {
			return path
		}
		name = names
	}
	if first, rest, ok := strings.Cut(name, "."); ok && strings.EqualFold(first, p.scope.Name) {
		return rest
	}
	return name
}

func unfilterable(t target) string {
	a := t.last()
	switch {
	case a == nil || t.attr == nil:
		return "expected an attribute, not a schema"
	case a.Mutability == WriteOnly || a.Returned == ReturnedNever:
		return a.path + " cannot be filtered"
	}
	return ""
}

// valuePath reads `attr[filter]` and, as Entra ID writes it, `attr[filter].sub op
// value`: one value of the attribute satisfies both.
func (p *filterParser) valuePath(t target, start int) (*node, error) {
	inner, err := p.bracket(t, start)
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.text) && p.text[p.pos] == '.' {
		p.pos++
		name := p.word()
		sub := lookupName(t.attr.lookup, name)
		if sub == nil {
			return nil, p.fail(quoteName(name) + " is not a sub-attribute of " + t.attr.path)
		}
		p.pos += len(name)
		n := &node{target: target{attr: sub}}
		if err := p.operation(n); err != nil {
			return nil, err
		}
		if inner, err = p.count(&node{op: opAnd, left: inner, right: n}); err != nil {
			return nil, err
		}
	}
	return p.count(&node{op: opValuePath, target: t, left: inner})
}

// bracket reads `[filter]` behind the attribute whose values it filters.
func (p *filterParser) bracket(t target, start int) (*node, error) {
	switch {
	case p.scope != nil:
		return nil, p.fail("a value path within a value path")
	case t.sub == nil && t.attr.MultiValued && t.attr.Type != Complex:
		return nil, p.failAt(start, t.attr.path+" is a list of simple values: compare them with "+t.attr.path+" eq, "+
			"and remove some of them by naming them as the value of a remove")
	case t.sub != nil || t.attr.Type != Complex:
		return nil, p.failAt(start, t.last().path+" has no sub-attributes to filter")
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.pos++
	p.scope = t.attr
	inner, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.next() != ']' {
		return nil, p.fail("expected ']'")
	}
	p.pos++
	p.scope = nil
	p.depth--
	return inner, nil
}

// operation reads the operator and value of a comparison into n.
func (p *filterParser) operation(n *node) error {
	word := p.word()
	op, ok := operatorOf(word)
	if !ok {
		return p.fail("expected an operator: eq, ne, co, sw, ew, pr, gt, ge, lt or le")
	}
	at := p.pos
	p.pos += len(word)
	if n.op = op; op == opPresent {
		return nil
	}
	valueAt := p.pos
	v, err := p.literal()
	if err != nil {
		return err
	}
	if !v.isNull() {
		n.useValueAttribute()
	}
	a := n.last()
	n.assumed = p.scope != nil && p.scope.primary == a
	if problem := op.unfit(a, v); problem != "" {
		return p.failAt(at, problem)
	}
	if problem := n.operand.prepare(op, a, v); problem != "" {
		p.pos = valueAt
		p.skipBlanks()
		return p.fail(problem)
	}
	return nil
}

// useValueAttribute compares a complex attribute by its `value` (RFC 7644
// §3.4.2.2).
func (n *node) useValueAttribute() {
	if a := n.last(); a.Type == Complex && a.value != nil {
		n.sub = a.value
	}
}

// unfit says why an attribute cannot be compared this way.
func (op operator) unfit(a *Attribute, v literal) string {
	equality := op == opEqual || op == opNotEqual
	switch {
	case v.isNull():
		if !equality {
			return "only eq and ne compare with null"
		}
	case a.Type == Complex:
		return a.path + " is complex: compare one of its sub-attributes"
	case op.ordering() && (a.Type == Boolean || a.Type == Binary):
		return a.path + " is " + article(a.Type) + ", which has no order"
	case op.textual() && (a.Type == Boolean || a.Type == Integer || a.Type == Decimal):
		return a.path + " is " + article(a.Type) + ", which has no text to search"
	}
	return ""
}
