// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendValue appends a value as JSON, whatever `returned` says of it.
func AppendValue(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case *Object:
		dst = append(dst, '{')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, v.fields[i].Attr.key...)
			dst = AppendValue(dst, v.fields[i].Value)
		}
		return append(dst, '}')
	case List:
		dst = append(dst, '[')
		for i, element := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, element)
		}
		return append(dst, ']')
	}
	return appendScalar(dst, v)
}

func appendScalar(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return appendFloat(dst, v)
	}
	return append(dst, "null"...)
}

// appendFloat writes what JSON can hold; infinities never get past the decoder.
func appendFloat(dst []byte, v float64) []byte {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// AppendMember appends one member of a group.
func AppendMember(dst []byte, m Member, p *Projection) []byte {
	dst = append(dst, '{')
	if p == nil || p.rt.members == nil {
		dst = appendText(dst, `"value":`, m.Value)
		dst = appendText(dst, `"$ref":`, m.Ref)
		dst = appendText(dst, `"display":`, m.Display)
		dst = appendText(dst, `"type":`, m.Type)
		return append(dst, '}')
	}
	shown := p.shown(p.rt.members)
	for _, sub := range p.rt.members.Sub {
		if text, ok := memberField(m, sub).(string); ok && p.below(sub, shown) != showNothing {
			dst = appendText(dst, sub.key, text)
		}
	}
	return append(dst, '}')
}

// appendText appends a name and string with the comma before them, unless the
// string is empty.
func appendText(dst []byte, key, text string) []byte {
	if text == "" {
		return dst
	}
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return appendString(append(dst, key...), text)
}

// appendString appends a JSON string (RFC 8259 §7), without escapes for HTML.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			char, n := utf8.DecodeRuneInString(s[i:])
			if char == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
