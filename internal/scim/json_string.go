// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string.
func (r *reader) text() (string, error) {
	b, err := r.stringBytes()
	return string(b), err
}

// stringBytes reads a string; without escapes it is a part of the document.
func (r *reader) stringBytes() ([]byte, error) {
	r.pos++
	rest := r.data[r.pos:]
	for i, c := range rest {
		switch {
		case c == '"':
			r.pos += i + 1
			r.comma = true
			return rest[:i:i], nil
		case c == '\\':
			return r.escapedString(i)
		case c < ' ':
			r.pos += i
			return nil, r.fail("a control character in a string must be escaped")
		}
	}
	r.pos = len(r.data)
	return nil, r.fail("a string is not closed")
}

// escapedString goes on with a string whose first escape is n bytes away.
func (r *reader) escapedString(n int) ([]byte, error) {
	out := append(make([]byte, 0, n+32), r.data[r.pos:r.pos+n]...)
	r.pos += n
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			r.pos++
			r.comma = true
			return out, nil
		case c == '\\':
			char, err := r.escape()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, char)
		case c < ' ':
			return nil, r.fail("a control character in a string must be escaped")
		default:
			out = append(out, c)
			r.pos++
		}
	}
	return nil, r.fail("a string is not closed")
}

func (r *reader) escape() (rune, error) {
	char, length, problem := decodeEscape(r.data[r.pos:])
	if problem != "" {
		return 0, r.fail(problem)
	}
	r.pos += length
	return char, nil
}

// decodeEscape reads one escape sequence at the start of s (RFC 8259 §7). NUL has
// no place in a name or a value, and Kubernetes clients stumble over it.
func decodeEscape[T string | []byte](s T) (char rune, length int, problem string) {
	if len(s) < 2 {
		return 0, 0, "a string is not closed"
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, ""
	case 'b':
		return '\b', 2, ""
	case 'f':
		return '\f', 2, ""
	case 'n':
		return '\n', 2, ""
	case 'r':
		return '\r', 2, ""
	case 't':
		return '\t', 2, ""
	case 'u':
		return decodeUnicodeEscape(s)
	}
	return 0, 0, "unknown escape sequence"
}

func decodeUnicodeEscape[T string | []byte](s T) (char rune, length int, problem string) {
	char = hex4(s, 2)
	switch {
	case char < 0:
		return 0, 0, `expected four hexadecimal digits after \u`
	case char == 0:
		return 0, 0, "a string may not contain U+0000"
	case !utf16.IsSurrogate(char):
		return char, 6, ""
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(char, hex4(s, 8)); pair != utf8.RuneError {
			return pair, 12, ""
		}
	}
	return 0, 0, "half of a surrogate pair"
}

func hex4[T string | []byte](s T, at int) rune {
	if len(s) < at+4 {
		return -1
	}
	var char rune
	for i := at; i < at+4; i++ {
		c := lower(s[i])
		switch {
		case isDigit(c):
			char = char<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			char = char<<4 | rune(c-'a'+10)
		default:
			return -1
		}
	}
	return char
}
