// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// fields are the JSON names that a Go type has fields for. Nil stands for a type whose
// JSON is read whole: a text, a number, or what decodes itself.
type fields map[string]fields

// fieldsOf lists the names of a type and of the types of its fields.
func fieldsOf(t reflect.Type) fields {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	names := fields{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[name] = fieldsOf(t.Field(i).Type)
	}
	return names
}

// cover reports whether there is a field for every name in a JSON document, which must
// be valid. It is far cheaper than decoding the document.
func (f fields) cover(document []byte) bool {
	s := jsonScanner{data: document}
	return s.covered(f)
}

// jsonScanner steps over valid JSON.
type jsonScanner struct {
	data []byte
	pos  int
}

// next is the first byte of the next token, which the scanner then stands at.
func (s *jsonScanner) next() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// text steps over a string and returns it as it is written, without its quotes.
func (s *jsonScanner) text() []byte {
	start := s.pos + 1
	for s.pos = start; s.pos < len(s.data); s.pos++ {
		i := bytes.IndexByte(s.data[s.pos:], '"')
		if i < 0 {
			break
		}
		s.pos += i
		escapes := 0
		for before := s.pos - 1; before >= start && s.data[before] == '\\'; before-- {
			escapes++
		}
		if escapes%2 == 0 {
			s.pos++
			return s.data[start : s.pos-1]
		}
	}
	s.pos = len(s.data)
	return nil
}

// skip steps over a value.
func (s *jsonScanner) skip() {
	switch s.next() {
	case '{', '[':
		for depth := 0; s.pos < len(s.data); {
			switch s.data[s.pos] {
			case '"':
				s.text()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if s.pos++; depth == 0 {
				return
			}
		}
	case '"':
		s.text()
	default:
		for s.pos < len(s.data) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(s.data[s.pos])) {
			s.pos++
		}
	}
}

// each steps through an object or an array, and calls visit before each value, which visit
// steps over. The name is nil in an array.
func (s *jsonScanner) each(visit func(name []byte)) {
	isObject := s.data[s.pos] == '{'
	s.pos++
	for {
		switch s.next() {
		case '}', ']', 0:
			s.pos++
			return
		}
		var name []byte
		if isObject {
			name = s.text()
			s.next()
		}
		visit(name)
	}
}

func (s *jsonScanner) covered(f fields) bool {
	first := s.next()
	if f == nil || first != '{' && first != '[' {
		s.skip()
		return true
	}
	covered := true
	s.each(func(name []byte) {
		below, known := f, true
		if first == '{' {
			below, known = f[string(name)]
		}
		if known {
			known = s.covered(below)
		} else {
			s.skip()
		}
		covered = covered && known
	})
	return covered
}

// members steps through an object, if it is one.
func (s *jsonScanner) members(visit func(name string)) {
	if s.next() != '{' {
		s.skip()
		return
	}
	s.each(func(name []byte) { visit(string(name)) })
}
