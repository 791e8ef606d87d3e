// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
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
	ignored Ignored

	ignoreUnknown bool
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
			return c.passOver(err)
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

// passOver lets an operation go whose path names what the schema does not have, where the
// endpoint ignores that. Every other error stays.
func (c *patchCompiler) passOver(err error) error {
	var e *Error
	if !c.ignoreUnknown || !errors.As(err, &e) || e.unknown == "" {
		return err
	}
	c.ignored.add(e.unknown)
	return nil
}

// decoder reads a value of an operation.
func (c *patchCompiler) decoder(value []byte) *decoder {
	return &decoder{reader: &reader{data: value}, ignored: &c.ignored}
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
	p := filterParser{rt: rt, text: path, ofPath: true}
	word := p.word()
	t, problem := rt.resolve(word)
	p.pos += len(word)
	if problem != "" {
		err := ErrInvalidPath(path, problem)
		if next := p.next(); next == 0 || next == '[' {
			err.unknown = word
		}
		return t, nil, err
	}
	if p.next() == '[' {
		if t.attr == nil {
			return t, nil, ErrInvalidPath(path, "a filter belongs behind an attribute")
		}
		if filter, err = p.bracket(t, 0); err != nil {
			return t, nil, p.firstError(err)
		}
		if p.next() == '.' {
			p.pos++
			name := p.word()
			p.pos += len(name)
			if t.sub = lookupName(t.attr.lookup, name); t.sub == nil {
				err := ErrInvalidPath(path, quoteName(name)+" is not a sub-attribute of "+t.attr.path)
				if p.next() == 0 && name != "" {
					err.unknown = t.attr.path + "." + name
				}
				return t, nil, p.firstError(err)
			}
		}
	}
	if p.next() != 0 || word == "" {
		return t, nil, p.firstError(ErrInvalidPath(path,
			`it must be an attribute, such as userName, name.givenName or emails[type eq "work"].value`))
	}
	if p.unknown != nil {
		p.unknown.unknown = p.unknownName
		return t, nil, p.unknown
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
	d, err := c.valueDecoder(value)
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
		if text, ok := d.embeddedText(); ok {
			return c.compileEmbedded(op, d.inner(text))
		}
	}
	if op.container != nil {
		return d.wrongKind(op.container)
	}
	return ErrInvalidValue("value", "without a path it must be an object of attributes, not "+d.kind())
}

// compileEmbedded compiles an object of attributes that stands inside a string.
func (c *patchCompiler) compileEmbedded(op operation, inner *decoder) error {
	wrong := ErrInvalidValue("value", "the JSON inside the string must be an object of attributes")
	if inner.peek() != '{' {
		return wrong
	}
	err := c.compileObject(op, inner)
	if err == nil {
		err = inner.end()
	}
	if isSyntaxError(err) {
		return wrong
	}
	return err
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
		c.ignored.add(word)
		return nil
	}
	t, filter, err := c.rt.parsePath(full)
	if err != nil {
		return c.passOver(err)
	}
	named := operation{number: op.number, kind: op.kind, target: t, filter: filter, path: full}
	switch {
	case t.attr == nil && op.container != nil:
		return nil
	case t.attr == nil:
		return c.compileContainer(named, value)
	case named.readOnly():
		return nil
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
	d, err := c.valueDecoder(value)
	if err != nil {
		return ErrInvalidValue(op.path, op.kind.String()+" needs a value")
	}
	switch {
	case op.sub != nil:
		op.value, err = d.value(op.sub)
	case op.filter != nil:
		op.value, err = d.element(op.attr)
	case op.attr.Type == Complex && !op.attr.MultiValued:
		return c.compileComplex(op, d)
	default:
		op.value, err = d.value(op.attr)
	}
	if err != nil {
		return err
	}
	if op.value == nil {
		c.compileNoValue(op)
		return nil
	}
	c.add(op)
	return nil
}

// compileNoValue compiles an operation whose value is none: null, "", [], {}, or a blank
// where values identify. To replace by no value is to remove. To add is to replace where
// there is one value (RFC 7644 §3.5.2.1); where there may be many it adds nothing.
func (c *patchCompiler) compileNoValue(op operation) {
	if op.kind == opAdd && op.ofMany() {
		return
	}
	op.kind = opRemove
	c.add(op)
}

// ofMany reports whether the target is one where there may be many values, so that to add
// one keeps the others.
func (op *operation) ofMany() bool {
	switch {
	case op.sub != nil && op.filter == nil && op.attr.MultiValued:
		return true
	case op.sub != nil:
		return op.sub.MultiValued
	}
	return op.attr.MultiValued
}

// compileRemove compiles a removal. One that names values of a multi-valued attribute
// removes those and no others, and none when it names none; null names nothing and is as if
// it were not there.
func (c *patchCompiler) compileRemove(op operation, value []byte) error {
	if value != nil && !isNull(value) && op.attr.MultiValued && op.filter == nil && op.sub == nil {
		d, err := c.valueDecoder(value)
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
func (c *patchCompiler) compileComplex(op operation, d *decoder) error {
	var subs []subValue
	collect := func(sub subValue) { subs = append(subs, sub) }
	var err error
	if d.peek() == '{' {
		err = d.subValues(op.attr, collect)
	} else {
		var v Value
		if v, err = d.value(op.attr); err == nil && v == nil {
			c.compileNoValue(op)
			return nil
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
			c.compileNoValue(single)
			continue
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

func (c *patchCompiler) valueDecoder(value []byte) (*decoder, error) {
	if value == nil {
		return nil, ErrInvalidValue("value", "it is required")
	}
	return c.decoder(value), nil
}

func isNull(value []byte) bool { return string(value) == "null" }

// isUnassigned recognises the JSON of no value (RFC 7643 §2.5).
func isUnassigned(value []byte) bool {
	return isNull(value) || string(value) == `""` || string(value) == "[]"
}

func (k operationKind) String() string {
	return [...]string{"add", "replace", "remove"}[k]
}
