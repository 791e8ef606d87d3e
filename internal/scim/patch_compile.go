// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"slices"
	"strings"
)

// patchCompiler turns requests into operations.
type patchCompiler struct {
	rt      *ResourceType
	number  int
	ops     []operation
	changes int // operations that are not on members
}

func (c *patchCompiler) add(op operation) {
	if !op.onMembers() {
		c.changes++
	}
	c.ops = append(c.ops, op)
}

func (c *patchCompiler) compile(request patchRequest) error {
	kind, err := operationKindOf(request.op)
	if err != nil {
		return err
	}
	path := strings.TrimSpace(request.path)
	op := operation{number: c.number, kind: kind, path: path}
	if path != "" {
		if op.target, op.filter, err = c.rt.parsePath(path); err != nil {
			return err
		}
	}
	if op.attr == nil {
		return c.compileContainer(op, request.value)
	}
	if op.readOnly() {
		return ErrMutability(op.path, "it is readOnly")
	}
	return c.compileAttribute(op, request.value)
}

func operationKindOf(name string) (operationKind, error) {
	switch {
	case strings.EqualFold(name, "add"):
		return opAdd, nil
	case strings.EqualFold(name, "replace"):
		return opReplace, nil
	case strings.EqualFold(name, "remove"):
		return opRemove, nil
	case name == "":
		return 0, ErrInvalidSyntax("op: it is required: add, replace or remove")
	}
	return 0, ErrInvalidSyntax("op: it must be add, replace or remove")
}

// parsePath reads PATH of RFC 7644 §3.5.2: an attribute path, or a value path and
// perhaps a sub-attribute. Errors in a filter within are invalidFilter.
func (rt *ResourceType) parsePath(path string) (t target, filter *node, err error) {
	if len(path) > maxPathBytes {
		return t, nil, ErrInvalidPath(path, fmt.Sprintf("it is longer than %d bytes", maxPathBytes))
	}
	p := filterParser{rt: rt, text: path}
	word := p.word()
	t, problem := rt.resolve(word)
	if problem != "" {
		return t, nil, ErrInvalidPath(path, problem)
	}
	if p.pos += len(word); p.next() == '[' {
		if t.attr == nil {
			return t, nil, ErrInvalidPath(path, "a filter belongs behind an attribute")
		}
		if filter, err = p.bracket(t, 0); err != nil {
			return t, nil, err
		}
		if p.next() == '.' {
			p.pos++
			name := p.word()
			if t.sub = lookupName(t.attr.lookup, name); t.sub == nil {
				return t, nil, ErrInvalidPath(path, quoteName(name)+" is not a sub-attribute of "+t.attr.path)
			}
			p.pos += len(name)
		}
	}
	if p.next() != 0 || word == "" {
		return t, nil, ErrInvalidPath(path,
			`it must be an attribute, such as userName, name.givenName or emails[type eq "work"].value`)
	}
	return t, filter, nil
}

// readOnly says whether the target is something that a client may not change.
// What is accepted and forgotten (passwords) or computed (schemas) is not.
func (t target) readOnly() bool {
	if t.attr.role == roleSchemas {
		return false
	}
	return t.attr.Mutability == ReadOnly || t.sub != nil && t.sub.Mutability == ReadOnly
}

// forgotten says whether what is sent for the target is accepted and not kept.
func (t target) forgotten() bool {
	return t.attr.role == roleSchemas || t.last().Mutability == WriteOnly || t.attr.Mutability == WriteOnly
}

// compileContainer compiles an operation on the whole resource or an extension.
func (c *patchCompiler) compileContainer(op operation, value []byte) error {
	if op.kind == opRemove {
		if op.container == nil {
			return NewError(400, ScimTypeNoTarget, "remove needs a path")
		}
		for _, a := range op.container.Sub {
			if op.attr = a; a.writable() {
				c.add(op)
			}
		}
		return nil
	}
	d, err := valueDecoder(value)
	if err != nil {
		return err
	}
	switch d.peek() {
	case '{':
		return c.compileObject(op, d)
	case 'n', '"':
		if op.container != nil && isUnassigned(value) {
			op.kind = opRemove
			return c.compileContainer(op, nil)
		}
	}
	if op.container != nil {
		return d.wrongKind(op.container)
	}
	return ErrInvalidValue("value", "without a path it must be an object of attributes, not "+d.kind())
}

// compileObject compiles an object whose names are attribute paths, each as an
// operation of its own. Names that the schema does not know and attributes that
// are readOnly are skipped, as in a POST.
func (c *patchCompiler) compileObject(op operation, d *decoder) error {
	if err := d.open(); err != nil {
		return err
	}
	var seen keySet
	for {
		name, ok, err := d.key(&seen)
		if !ok {
			return err
		}
		path := string(name)
		value, err := d.raw()
		if err != nil {
			return err
		}
		if err := c.compileNamed(op, path, value); err != nil {
			return err
		}
	}
}

func (c *patchCompiler) compileNamed(op operation, path string, value []byte) error {
	full := path
	if op.container != nil {
		full = op.container.path + ":" + path
	}
	word := full
	if i := strings.IndexByte(full, '['); i >= 0 {
		word = full[:i]
	}
	if _, problem := c.rt.resolve(word); problem != "" {
		return nil
	}
	t, filter, err := c.rt.parsePath(full)
	if err != nil {
		return err
	}
	named := operation{number: op.number, kind: op.kind, target: t, filter: filter, path: full}
	switch {
	case t.attr == nil && op.container != nil:
		return nil
	case t.attr == nil:
		return c.compileContainer(named, value)
	case named.readOnly():
		return nil
	case t.attr.role == roleMembers && t.sub == nil && filter == nil && isNull(value):
		return nil // a client that serialises what it does not know must not empty a group
	}
	return c.compileAttribute(named, value)
}

// compileAttribute compiles an operation on one attribute.
func (c *patchCompiler) compileAttribute(op operation, value []byte) error {
	switch {
	case op.forgotten():
		return nil
	case op.attr.role == roleMembers:
		return c.compileMembers(op, value)
	case op.kind == opRemove:
		return c.compileRemove(op, value)
	}
	d, err := valueDecoder(value)
	if err != nil {
		return ErrInvalidValue(op.path, op.kind.String()+" needs a value")
	}
	switch {
	case op.sub != nil:
		op.value, err = d.value(op.sub)
	case op.filter != nil:
		op.value, err = d.element(op.attr)
	case op.attr.Type == Complex && !op.attr.MultiValued:
		return c.compileComplex(op, d, value)
	default:
		op.value, err = d.value(op.attr)
	}
	if err != nil {
		return err
	}
	if op.value == nil {
		return c.compileUnassign(op, value)
	}
	c.add(op)
	return nil
}

// compileUnassign compiles a value that is none: null, "", [] or what amounts to
// it. To add nothing changes nothing, but "" takes a single value away.
func (c *patchCompiler) compileUnassign(op operation, value []byte) error {
	single := op.sub != nil || op.filter == nil && !op.attr.MultiValued
	if op.kind == opAdd && (!single || !isEmptyString(value)) {
		return nil
	}
	op.kind = opRemove
	c.add(op)
	return nil
}

// compileRemove compiles a removal. One that names values of a multi-valued
// attribute removes those and no others.
func (c *patchCompiler) compileRemove(op operation, value []byte) error {
	if value != nil && !isNull(value) && op.attr.MultiValued && op.filter == nil && op.sub == nil {
		d, err := valueDecoder(value)
		if err != nil {
			return err
		}
		list, err := d.list(op.attr)
		if err != nil {
			return err
		}
		op.value, op.partial = list, true
	}
	c.add(op)
	return nil
}

// compileComplex compiles a single-valued complex attribute: the sub-attributes
// given are set, others stay (RFC 7644 §3.5.2.3). `value` goes first, as setting
// it lets go of what described the old one.
func (c *patchCompiler) compileComplex(op operation, d *decoder, value []byte) error {
	var subs []subValue
	collect := func(sub subValue) { subs = append(subs, sub) }
	var err error
	if d.peek() == '{' {
		err = d.subValues(op.attr, collect)
	} else {
		var v Value
		if v, err = d.value(op.attr); err == nil && v == nil {
			return c.compileUnassign(op, value)
		}
		o, _ := v.(*Object)
		for sub, v := range o.Fields() {
			collect(subValue{attr: sub, value: v})
		}
	}
	if err != nil {
		return err
	}
	slices.SortStableFunc(subs, func(a, b subValue) int { return valueFirst(op.attr, a) - valueFirst(op.attr, b) })
	for _, sub := range subs {
		single := op
		single.sub, single.value = sub.attr, sub.value
		if sub.value == nil {
			if op.kind == opAdd {
				continue
			}
			single.kind = opRemove
		}
		c.add(single)
	}
	return nil
}

func valueFirst(a *Attribute, sub subValue) int {
	if sub.attr == a.value {
		return 0
	}
	return 1
}

// element reads one value of a multi-valued attribute, perhaps as a list of one.
func (d *decoder) element(a *Attribute) (Value, error) {
	list, err := d.list(a)
	switch {
	case err != nil || len(list) == 0:
		return nil, err
	case len(list) > 1:
		return nil, ErrInvalidValue(a.path, "behind a value path it must be one value, not several")
	}
	return list[0], nil
}

func valueDecoder(value []byte) (*decoder, error) {
	if value == nil {
		return nil, ErrInvalidValue("value", "it is required")
	}
	return &decoder{reader: &reader{data: value}}, nil
}

func isNull(value []byte) bool { return string(value) == "null" }

func isEmptyString(value []byte) bool { return string(value) == `""` }

// isUnassigned recognises the JSON of no value (RFC 7643 §2.5).
func isUnassigned(value []byte) bool {
	return isNull(value) || isEmptyString(value) || string(value) == "[]"
}

func (k operationKind) String() string {
	return [...]string{"add", "replace", "remove"}[k]
}
