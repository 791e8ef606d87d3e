// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"iter"
	"slices"
)

// Value is one of nil, string, bool, int64, float64, *Object and List. Strings,
// dates, binary data and references are strings; integers are int64, decimals
// float64.
type Value any

// List holds the values of a multi-valued attribute, all of one type.
type List []Value

// Field is one attribute of an Object and its value.
type Field struct {
	Attr  *Attribute
	Value Value
}

// Object is a complex value or a whole resource, its fields in the order of the
// schema. It is immutable and shared freely between goroutines; a change makes a
// new Object that shares what did not change. An attribute without a value (null,
// "", an empty list or object: RFC 7643 §2.5) is not there at all. A nil *Object
// is an empty one.
type Object struct{ fields []Field }

// Len is the number of attributes that have a value.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.fields)
}

// Fields gives the attributes that have a value, in the order of the schema.
func (o *Object) Fields() iter.Seq2[*Attribute, Value] {
	return func(yield func(*Attribute, Value) bool) {
		if o == nil {
			return
		}
		for _, f := range o.fields {
			if !yield(f.Attr, f.Value) {
				return
			}
		}
	}
}

// Get gives the value of one of the object's own attributes, nil when it has
// none. It does not descend: for `name.givenName`, get `name` first.
func (o *Object) Get(a *Attribute) Value {
	if o == nil {
		return nil
	}
	// The fields are in order, so a field stands at its attribute's index or, where
	// others are missing, before it.
	for i := min(a.index, len(o.fields)-1); i >= 0; i-- {
		f := &o.fields[i]
		if f.Attr == a {
			return f.Value
		}
		if f.Attr.index < a.index {
			break
		}
	}
	return nil
}

// Text gives the value of a string attribute, "" when it has none.
func (o *Object) Text(a *Attribute) string {
	s, _ := o.Get(a).(string)
	return s
}

// Bool gives the value of a boolean attribute, and whether it has one.
func (o *Object) Bool(a *Attribute) (value, ok bool) {
	value, ok = o.Get(a).(bool)
	return value, ok
}

// Object gives the value of a single-valued complex attribute or an extension,
// nil when it has none.
func (o *Object) Object(a *Attribute) *Object {
	child, _ := o.Get(a).(*Object)
	return child
}

// List gives the values of a multi-valued attribute.
func (o *Object) List(a *Attribute) List {
	list, _ := o.Get(a).(List)
	return list
}

// With gives an object in which the attribute has the value; nil or another
// empty value removes it.
func (o *Object) With(a *Attribute, v Value) *Object {
	var fields []Field
	if o != nil {
		fields = o.fields
	}
	i, found := slices.BinarySearchFunc(fields, a.index, func(f Field, index int) int { return f.Attr.index - index })
	switch {
	case IsEmpty(v) && !found:
		return &Object{fields: fields}
	case IsEmpty(v):
		changed := make([]Field, 0, len(fields)-1)
		changed = append(changed, fields[:i]...)
		return &Object{fields: append(changed, fields[i+1:]...)}
	case found:
		changed := slices.Clone(fields)
		changed[i].Value = v
		return &Object{fields: changed}
	default:
		changed := make([]Field, 0, len(fields)+1)
		changed = append(changed, fields[:i]...)
		changed = append(changed, Field{Attr: a, Value: v})
		return &Object{fields: append(changed, fields[i:]...)}
	}
}

// Equal compares two objects by value; nil equals an empty object. The values of
// a multi-valued attribute are compared in order.
func (o *Object) Equal(other *Object) bool {
	if o == other {
		return true
	}
	if o.Len() != other.Len() {
		return false
	}
	if o.Len() == 0 {
		return true
	}
	for i := range o.fields {
		if o.fields[i].Attr != other.fields[i].Attr || !equalValues(o.fields[i].Value, other.fields[i].Value) {
			return false
		}
	}
	return true
}

func equalValues(a, b Value) bool {
	switch a := a.(type) {
	case *Object:
		b, ok := b.(*Object)
		return ok && a.Equal(b)
	case List:
		b, ok := b.(List)
		return ok && slices.EqualFunc(a, b, equalValues)
	default:
		if _, isList := b.(List); isList {
			return false // comparing an interface with a slice inside panics
		}
		return a == b
	}
}

// IsEmpty says whether a value counts as no value (RFC 7643 §2.5).
func IsEmpty(v Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case *Object:
		return v.Len() == 0
	case List:
		return len(v) == 0
	}
	return false
}

// size estimates the bytes that a value takes as JSON.
func size(v Value) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case *Object:
		n := 2
		for a, child := range v.Fields() {
			n += len(a.Name) + 4 + size(child)
		}
		return n
	case List:
		n := 2
		for _, element := range v {
			n += 1 + size(element)
		}
		return n
	}
	return 8
}

// Builder builds an Object from typed Go code. Setting attributes in the order
// of the schema is cheapest. The zero Builder is ready; a Builder is used once.
type Builder struct{ fields []Field }

// NewBuilder makes a Builder with room for n attributes.
func NewBuilder(n int) *Builder { return &Builder{fields: make([]Field, 0, n)} }

// Set sets an attribute; an empty value sets nothing. `schemas` is computed and
// not set. The value must be of the attribute's type, and is not copied.
func (b *Builder) Set(a *Attribute, v Value) {
	if IsEmpty(v) || a.role == roleSchemas {
		return
	}
	i := len(b.fields)
	for i > 0 && b.fields[i-1].Attr.index > a.index {
		i--
	}
	if i > 0 && b.fields[i-1].Attr == a {
		b.fields[i-1].Value = v
		return
	}
	b.fields = slices.Insert(b.fields, i, Field{Attr: a, Value: v})
}

// SetText sets a string attribute. A string that is no value sets nothing: "", and a blank
// one where values identify.
func (b *Builder) SetText(a *Attribute, s string) {
	if !a.isNoValue(s) {
		b.Set(a, a.share(s))
	}
}

// SetBool sets a boolean attribute; nil sets nothing.
func (b *Builder) SetBool(a *Attribute, v *bool) {
	if v != nil {
		b.Set(a, *v)
	}
}

// SetInitial sets what a resource of the type has where nothing was set: the values of
// Initial.
func (b *Builder) SetInitial(rt *ResourceType) {
	for _, a := range rt.initial {
		if !b.has(a) {
			b.Set(a, a.Initial)
		}
	}
}

// Object gives what was built, an empty object when nothing was set.
func (b *Builder) Object() *Object {
	o := &Object{fields: b.fields}
	if cap(o.fields) > len(o.fields) {
		o.fields = exactly(o.fields) // 100,000 of them are kept
	}
	b.fields = nil
	return o
}

// exactly copies fields without room for more.
func exactly(fields []Field) []Field {
	c := make([]Field, len(fields))
	copy(c, fields)
	return c
}
