// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// What AppendValue has written is read here as what it is known to be: well-formed,
// without blanks, names spelled as in the schema and in its order. It is not for JSON
// from anywhere else.

// rawFields steps through an object.
type rawFields struct {
	attrs []*Attribute // that may still come
	rest  string
}

func fieldsOf(a *Attribute, object string) rawFields {
	return rawFields{attrs: a.Sub, rest: object[1:]}
}

// next gives the next attribute and its value, nil behind the last.
func (f *rawFields) next() (*Attribute, string) {
	if f.rest[0] == '}' {
		return nil, ""
	}
	if f.rest[0] == ',' {
		f.rest = f.rest[1:]
	}
	for i, a := range f.attrs {
		if !strings.HasPrefix(f.rest, a.key) {
			continue
		}
		value := f.rest[len(a.key):]
		n := rawLength(value)
		f.attrs, f.rest = f.attrs[i+1:], value[n:]
		return a, value[:n]
	}
	return nil, ""
}

// rawField gives the value of one attribute of an object, "" when it has none.
func rawField(object string, a *Attribute) string {
	if object == "" || object[0] != '{' {
		return ""
	}
	fields := fieldsOf(a.parent, object)
	for {
		found, value := fields.next()
		if found == a {
			return value
		}
		if found == nil || found.index > a.index {
			return ""
		}
	}
}

// rawElements steps through an array.
type rawElements struct{ rest string }

func elementsOf(array string) rawElements { return rawElements{rest: array[1:]} }

// next gives the next element, "" behind the last.
func (e *rawElements) next() string {
	if e.rest[0] == ']' {
		return ""
	}
	if e.rest[0] == ',' {
		e.rest = e.rest[1:]
	}
	n := rawLength(e.rest)
	element := e.rest[:n]
	e.rest = e.rest[n:]
	return element
}

// rawLength is the length of the value that s begins with.
func rawLength(s string) int {
	switch s[0] {
	case '"':
		return quotedLength(s)
	case '{', '[':
		return nestedLength(s)
	}
	if n := strings.IndexAny(s, ",]}"); n >= 0 {
		return n
	}
	return len(s)
}

func quotedLength(s string) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func nestedLength(s string) int {
	depth := 0
	for i := 0; ; i++ {
		switch s[i] {
		case '"':
			i += quotedLength(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// unquote gives the text of a JSON string; one without escapes is a part of it.
func unquote(raw string) string {
	text := raw[1 : len(raw)-1]
	first := strings.IndexByte(text, '\\')
	if first < 0 {
		return text
	}
	return string(appendUnquoted(make([]byte, 0, len(text)), text, first))
}

// appendUnquoted appends a text whose first escape is at a place.
func appendUnquoted(out []byte, text string, first int) []byte {
	out = append(out, text[:first]...)
	for i := first; i < len(text); {
		if text[i] != '\\' {
			out = append(out, text[i])
			i++
			continue
		}
		char, length, _ := decodeEscape(text[i:])
		out = utf8.AppendRune(out, char)
		i += max(length, 1)
	}
	return out
}

// unpack gives a value of an attribute.
func unpack(a *Attribute, raw string) Value {
	switch raw[0] {
	case '"':
		return unquote(raw)
	case 't', 'f':
		return raw[0] == 't'
	case '{':
		return unpackObject(a, raw)
	case '[':
		list := make(List, 0, 4)
		elements := elementsOf(raw)
		for e := elements.next(); e != ""; e = elements.next() {
			list = append(list, unpack(a, e))
		}
		return list
	case 'n':
		return nil
	}
	if a.Type == Integer {
		n, _ := strconv.ParseInt(raw, 10, 64)
		return n
	}
	f, _ := strconv.ParseFloat(raw, 64)
	return f
}

func unpackObject(a *Attribute, raw string) *Object {
	fields := make([]Field, 0, len(a.Sub))
	rest := fieldsOf(a, raw)
	for sub, value := rest.next(); sub != nil; sub, value = rest.next() {
		fields = append(fields, Field{Attr: sub, Value: unpack(sub, value)})
	}
	return &Object{fields: fields}
}
