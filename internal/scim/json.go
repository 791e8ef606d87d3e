// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// reader reads a JSON document (RFC 8259) once, front to back, against the schema
// and without building a tree first. It is strict: no duplicate names, no invalid
// UTF-8, nothing behind the document, bounded depth.
type reader struct {
	data  []byte
	pos   int
	depth int
	comma bool // a value stands before this place in its array or object
}

func newReader(data []byte) (*reader, error) {
	if !utf8.Valid(data) {
		return nil, ErrInvalidSyntax("the JSON is not valid UTF-8")
	}
	return &reader{data: data}, nil
}

func (r *reader) fail(reason string) error {
	return ErrInvalidSyntax(fmt.Sprintf("invalid JSON at byte %d: %s", r.pos+1, reason))
}

func (r *reader) skipSpace() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek gives the first byte of the next token, 0 at the end of the document.
func (r *reader) peek() byte {
	r.skipSpace()
	if r.pos == len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

// end makes sure that nothing follows the document.
func (r *reader) end() error {
	if r.peek() != 0 || r.pos < len(r.data) {
		return r.fail("the document should end here")
	}
	return nil
}

// open enters an array or object whose bracket peek has shown.
func (r *reader) open() error {
	if r.depth++; r.depth > maxDepth {
		return r.fail(fmt.Sprintf("more than %d nested arrays and objects", maxDepth))
	}
	r.pos++
	r.comma = false
	return nil
}

// more says whether another element follows, and stands before it. At the closing
// bracket it leaves the array or object.
func (r *reader) more(closing byte) (bool, error) {
	next := r.peek()
	if next == closing {
		r.pos++
		r.depth--
		r.comma = true
		return false, nil
	}
	if !r.comma {
		return true, nil
	}
	if next != ',' {
		return false, r.fail(fmt.Sprintf("expected ',' or '%c'", closing))
	}
	r.pos++
	r.comma = false
	if r.peek() == closing {
		return false, r.fail("expected another value after ','")
	}
	return true, nil
}

// key reads the next name of an object and its colon; ok is false at the end of
// the object. The name is valid until the document changes.
func (r *reader) key(seen *keySet) (name []byte, ok bool, err error) {
	if ok, err = r.more('}'); !ok {
		return nil, false, err
	}
	if r.peek() != '"' {
		return nil, false, r.fail("expected a name in double quotes")
	}
	start := r.pos
	if name, err = r.stringBytes(); err != nil {
		return nil, false, err
	}
	if problem := seen.add(name); problem != "" {
		r.pos = start
		return nil, false, r.fail(problem)
	}
	if r.peek() != ':' {
		return nil, false, r.fail("expected ':'")
	}
	r.pos++
	r.peek()
	return name, true, nil
}

// literal reads true, false or null.
func (r *reader) literal(word string) error {
	if !bytes.HasPrefix(r.data[r.pos:], []byte(word)) {
		return r.fail("expected a value")
	}
	r.pos += len(word)
	r.comma = true
	return nil
}

// number reads a number and gives its text.
func (r *reader) number() (string, error) {
	n := numberLength(r.data[r.pos:])
	if n == 0 {
		return "", r.fail("expected a value")
	}
	text := string(r.data[r.pos : r.pos+n])
	r.pos += n
	r.comma = true
	return text, nil
}

// numberLength measures the number at the start of s (RFC 8259 §6), 0 when there
// is none. A zero may not be followed by digits.
func numberLength[T string | []byte](s T) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	n := digitsLength(s, i)
	if n == 0 || n > 1 && s[i] == '0' {
		return 0
	}
	i += n
	if i < len(s) && s[i] == '.' {
		if n = digitsLength(s, i+1); n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(s) && lower(s[i]) == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if n = digitsLength(s, i); n == 0 {
			return 0
		}
		i += n
	}
	return i
}

func digitsLength[T string | []byte](s T, from int) int {
	i := from
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i - from
}

// skip reads a value of any kind, as strictly as any other, and forgets it.
func (r *reader) skip() error {
	switch r.peek() {
	case '{':
		if err := r.open(); err != nil {
			return err
		}
		var seen keySet
		for {
			if _, ok, err := r.key(&seen); !ok {
				return err
			}
			if err := r.skip(); err != nil {
				return err
			}
		}
	case '[':
		if err := r.open(); err != nil {
			return err
		}
		for {
			if ok, err := r.more(']'); !ok {
				return err
			}
			if err := r.skip(); err != nil {
				return err
			}
		}
	case '"':
		_, err := r.stringBytes()
		return err
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	}
	_, err := r.number()
	return err
}

// raw reads a value of any kind and gives its bytes.
func (r *reader) raw() ([]byte, error) {
	r.skipSpace()
	start := r.pos
	err := r.skip()
	return r.data[start:r.pos], err
}

// kind names the next value for an error.
func (r *reader) kind() string {
	switch r.peek() {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case 0:
		return "nothing"
	}
	return "a number"
}

// keySet finds names that an object has twice, without regard to case, as
// attribute names have none. Small objects need no allocation.
type keySet struct {
	few  [24][]byte
	n    int
	many map[string]struct{}
}

func (s *keySet) add(name []byte) (problem string) {
	const twice = " is there twice in one object"
	if s.n++; s.n > maxKeys {
		return "more than " + strconv.Itoa(maxKeys) + " names in one object"
	}
	if s.n <= len(s.few) {
		for _, other := range s.few[:s.n-1] {
			if len(other) == len(name) && bytes.EqualFold(other, name) {
				return quoteName(string(name)) + twice
			}
		}
		s.few[s.n-1] = name
		return ""
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
		for _, other := range s.few {
			s.many[Fold(string(other))] = struct{}{}
		}
	}
	folded := Fold(string(name))
	if _, ok := s.many[folded]; ok {
		return quoteName(string(name)) + twice
	}
	s.many[folded] = struct{}{}
	return ""
}
