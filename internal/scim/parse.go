// SPDX-License-Identifier: Apache-2.0

package scim

import "fmt"

// Parsed is the body of a POST or PUT. For a group, Object is without `members`;
// they are in Members, each value once.
type Parsed struct {
	Object  *Object
	Members []Member
	Ignored Ignored // what the body names and the schema does not have
}

// Parse reads the body of a PUT. What a client may not write (readOnly
// attributes, passwords) and what the schema does not know is dropped; everything
// else is checked. Errors are invalidSyntax and invalidValue.
func (rt *ResourceType) Parse(body []byte) (*Parsed, error) {
	r, err := newReader(body)
	if err != nil {
		return nil, err
	}
	if r.peek() != '{' {
		return nil, ErrInvalidSyntax("the body must be a JSON object")
	}
	p := &Parsed{}
	d := &bodyDecoder{decoder: decoder{reader: r, ignored: &p.Ignored}, rt: rt, parsed: p}
	if err := d.body(); err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := checkRequired(rt.root, p.Object); err != nil {
		return nil, err
	}
	return p, checkSize(p.Object)
}

// ParseNew reads the body of a POST: as Parse, with what a new resource has where the
// client does not say.
func (rt *ResourceType) ParseNew(body []byte) (*Parsed, error) {
	p, err := rt.Parse(body)
	if err != nil {
		return nil, err
	}
	for _, a := range rt.initial {
		if p.Object.Get(a) == nil {
			p.Object = p.Object.With(a, a.Initial)
		}
	}
	return p, nil
}

// bodyDecoder reads a whole resource: what a decoder does, and the two attributes
// that are not part of the Object.
type bodyDecoder struct {
	decoder
	rt     *ResourceType
	parsed *Parsed
}

func (d *bodyDecoder) body() error {
	if err := d.open(); err != nil {
		return err
	}
	b := d.startObject()
	var seen keySet
	for {
		name, ok, err := d.key(&seen)
		if err != nil {
			return err
		}
		if !ok {
			d.parsed.Object = d.endObject(b)
			return nil
		}
		a := lookupName(d.rt.root.lookup, name)
		if a == nil {
			d.ignored.add(string(name))
		}
		if err := d.attribute(b, a); err != nil {
			return err
		}
	}
}

func (d *bodyDecoder) attribute(b *Builder, a *Attribute) error {
	switch {
	case a == nil:
		return d.skip()
	case a.role == roleSchemas:
		return d.checkSchemas()
	case a.role == roleMembers:
		var err error
		d.parsed.Members, err = d.members(a)
		return err
	case !d.keeps(a):
		return d.skip()
	case a.role == roleExtension && b.has(a):
		return ErrInvalidValue(a.path, "the extension is there twice, under two of its names")
	}
	v, err := d.value(a)
	if err != nil {
		return err
	}
	b.Set(a, v)
	return nil
}

// checkSchemas reads `schemas`, which the engine computes itself. Unknown schemas
// are common and harmless.
func (d *decoder) checkSchemas() error {
	if d.peek() != '[' {
		if d.peek() == '"' || d.peek() == 'n' {
			return d.skip()
		}
		return ErrInvalidSyntax("schemas: it must be an array of strings, not " + d.kind())
	}
	if err := d.open(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if ok, err := d.more(']'); !ok {
			return err
		}
		if d.peek() != '"' {
			return ErrInvalidSyntax("schemas: it must be an array of strings")
		}
		if n >= maxSchemaEntries {
			return errTooLarge("schemas", maxSchemaEntries, "values")
		}
		if _, err := d.stringBytes(); err != nil {
			return err
		}
	}
}

// Decode reads a resource that AppendJSON wrote, readOnly attributes included.
// Members are dropped.
func (rt *ResourceType) Decode(document []byte) (*Object, error) {
	o, err := decodeDocument(document, func(d *decoder) (Value, error) {
		if d.peek() != '{' {
			return nil, ErrInvalidSyntax("the document must be a JSON object")
		}
		return d.object(rt.root)
	})
	if err != nil {
		return nil, err
	}
	return o.(*Object), nil
}

func decodeDocument(document []byte, read func(*decoder) (Value, error)) (Value, error) {
	r, err := newReader(document)
	if err != nil {
		return nil, err
	}
	v, err := read(&decoder{reader: r, trusted: true})
	if err != nil {
		return nil, err
	}
	return v, r.end()
}

// checkRequired makes sure that an object has its required attributes, and an
// extension it has its own.
func checkRequired(a *Attribute, o *Object) error {
	for _, sub := range a.Sub {
		if sub.Required && sub.role != roleMembers && o.Get(sub) == nil {
			return ErrInvalidValue(sub.path, "it is required and has no value")
		}
	}
	return nil
}

func checkSize(o *Object) error {
	if n := size(o); n > maxObjectBytes {
		return NewError(400, ScimTypeInvalidValue,
			fmt.Sprintf("the resource takes %d bytes; at most %d are stored", n, maxObjectBytes))
	}
	return nil
}

// has says whether the attribute is set already.
func (b *Builder) has(a *Attribute) bool {
	for _, f := range b.fields {
		if f.Attr == a {
			return true
		}
	}
	return false
}
