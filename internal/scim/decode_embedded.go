// SPDX-License-Identifier: Apache-2.0

package scim

import "strings"

// Identity providers write an object as JSON inside a string where they can map nothing but
// strings: Entra ID does it with app roles. Where an object belongs, such a string is
// unpacked, once.

// mayUnpack reports whether a string in the place of the attribute's value may be JSON.
func (d *decoder) mayUnpack(a *Attribute) bool {
	return a.Type == Complex && !d.trusted && !d.embedded
}

// looksLikeJSON reports whether a string begins as an object or a list in JSON does. An id
// in braces does not, nor does an address such as {ann}@example.com.
func looksLikeJSON(text string) bool {
	const blanks = " \t\r\n"
	text = strings.TrimLeft(text, blanks)
	if text == "" {
		return false
	}
	opening, rest := text[0], strings.TrimLeft(text[1:], blanks)
	switch opening {
	case '{':
		return rest != "" && (rest[0] == '"' || rest[0] == '}')
	case '[':
		return rest != "" && strings.IndexByte(`{"[]`, rest[0]) >= 0
	}
	return false
}

// inner is the decoder of the JSON inside a string.
func (d *decoder) inner(text string) *decoder {
	return &decoder{reader: &reader{data: []byte(text)}, embedded: true, ignored: d.ignored}
}

// putEmbedded reads a string in the place of a value of a multi-valued attribute: one value
// or a list as JSON, or the value itself.
func (d *decoder) putEmbedded(set *valueSet, a *Attribute) error {
	text, err := d.text()
	if err != nil || text == "" {
		return err
	}
	if looksLikeJSON(text) {
		values, err := d.unpack(a, text)
		for _, v := range values {
			set.put(v)
		}
		return err
	}
	v, err := a.fromText(text)
	if err == nil && !IsEmpty(v) {
		set.put(v)
	}
	return err
}

// unpack reads the JSON inside a string as one value of the attribute or as a list.
func (d *decoder) unpack(a *Attribute, text string) (List, error) {
	inner := d.inner(text)
	values, err := inner.list(a)
	if err == nil {
		err = inner.end()
	}
	if isSyntaxError(err) {
		err = ErrInvalidValue(a.path, "the JSON inside the string is not valid")
	}
	if err != nil {
		return nil, err
	}
	return values, nil
}

// unpackOne is unpack where one value belongs.
func (d *decoder) unpackOne(a *Attribute, text string) (Value, error) {
	values, err := d.unpack(a, text)
	switch {
	case err != nil || len(values) == 0:
		return nil, err
	case len(values) > 1:
		return nil, ErrInvalidValue(a.path, "it has one value, not several")
	}
	return values[0], nil
}

// unwrapValue takes Entra ID's {"value": "{\"value\": …, \"displayName\": …}"}
// for what is inside. What stands outside counts more.
func (d *decoder) unwrapValue(a *Attribute, o *Object) *Object {
	text := o.Text(a.value)
	if !looksLikeJSON(text) {
		return o
	}
	values, err := d.unpack(a, text)
	if err != nil || len(values) != 1 {
		return o // a value that only looks like JSON is the value
	}
	result := values[0].(*Object)
	for sub, v := range o.Fields() {
		if sub != a.value {
			result = result.With(sub, v)
		}
	}
	if result.Get(a.value) == nil {
		return o
	}
	return result
}

// embeddedText reads a string that looks like JSON. It leaves every other value where it is.
func (d *decoder) embeddedText() (text string, ok bool) {
	if d.trusted || d.embedded || d.peek() != '"' {
		return "", false
	}
	if next := d.pos + 1; next == len(d.data) || strings.IndexByte(`{[\ `, d.data[next]) < 0 {
		return "", false
	}
	ahead := *d.reader
	text, err := ahead.text()
	if err != nil || !looksLikeJSON(text) {
		return "", false
	}
	*d.reader = ahead
	return text, true
}
