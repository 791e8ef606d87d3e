// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"strconv"
	"strings"
)

// literal is a value as it stands in the filter.
type literal struct {
	kind byte // 'n' null, 't' true, 'f' false, '"' string, '0' number
	text string
}

func (v literal) isNull() bool { return v.kind == 'n' }

// literal reads compValue: false, null, true, a number or a string as in JSON.
func (p *filterParser) literal() (literal, error) {
	if p.next() == '"' {
		return p.stringLiteral()
	}
	switch {
	case p.keyword("true"):
		return literal{kind: 't'}, nil
	case p.keyword("false"):
		return literal{kind: 'f'}, nil
	case p.keyword("null"):
		return literal{kind: 'n'}, nil
	}
	n := numberLength(p.text[p.pos:])
	if n == 0 {
		return literal{}, p.fail("expected a value: a string in double quotes, a number, true, false or null")
	}
	v := literal{kind: '0', text: p.text[p.pos : p.pos+n]}
	p.pos += n
	return v, nil
}

func (p *filterParser) stringLiteral() (literal, error) {
	p.pos++
	rest := p.text[p.pos:]
	end := strings.IndexAny(rest, `"\`)
	if end < 0 {
		return literal{}, p.failAt(len(p.text), "expected '\"' at the end of the string")
	}
	if rest[end] == '"' {
		p.pos += end + 1
		return literal{kind: '"', text: rest[:end]}, nil
	}
	return p.escapedLiteral(end)
}

func (p *filterParser) escapedLiteral(n int) (literal, error) {
	var b strings.Builder
	b.WriteString(p.text[p.pos : p.pos+n])
	p.pos += n
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case '"':
			p.pos++
			return literal{kind: '"', text: b.String()}, nil
		case '\\':
			char, length, problem := decodeEscape(p.text[p.pos:])
			if problem != "" {
				return literal{}, p.fail(problem)
			}
			b.WriteRune(char)
			p.pos += length
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return literal{}, p.fail("expected '\"' at the end of the string")
}

// prepare makes the literal ready for the attribute's type; the problem is "" when
// they fit.
func (x *operand) prepare(op operator, a *Attribute, v literal) (problem string) {
	if v.isNull() {
		return ""
	}
	switch a.Type {
	case Boolean:
		// Entra ID writes `primary eq "True"`.
		value, ok := v.kind == 't', v.kind == 't' || v.kind == 'f'
		if v.kind == '"' {
			value, ok = parseBool(v.text)
		}
		if !ok {
			return "expected true or false for " + a.path
		}
		x.kind, x.boolean = operandBoolean, value
		return ""
	case Integer, Decimal:
		return x.prepareNumber(a, v)
	default:
	}
	if v.kind != '"' {
		return "expected a string in double quotes for " + a.path
	}
	x.kind, x.raw, x.text = operandText, v.text, v.text
	switch {
	case a.Type == DateTime && !op.textual():
		t, ok := parseInstant(v.text)
		if !ok {
			return "expected a date and time such as \"2008-01-23T04:56:22Z\" for " + a.path
		}
		x.kind, x.instant = operandInstant, t
	case a.CaseExact:
		x.folding = foldNothing
	case a.isName():
		x.folding, x.text = foldNames, foldNameFor(op, v.text)
	default:
		x.text = Fold(v.text)
	}
	return ""
}

// foldNameFor folds what a name is compared with. Blanks matter where the name may go
// on: `sw "Ann "` finds Ann Lee, and not Anne.
func foldNameFor(op operator, text string) string {
	const edge = "\x00" // in no name, and no blank
	switch op {
	case opStartsWith:
		return strings.TrimSuffix(FoldName(text+edge), edge)
	case opEndsWith:
		return strings.TrimPrefix(FoldName(edge+text), edge)
	case opContains:
		return strings.Trim(FoldName(edge+text+edge), edge)
	default:
		return FoldName(text)
	}
}

func (x *operand) prepareNumber(a *Attribute, v literal) (problem string) {
	if v.kind != '0' {
		return "expected a number for " + a.path
	}
	float, err := strconv.ParseFloat(v.text, 64)
	if err != nil {
		return "the number is out of range"
	}
	x.kind, x.float = operandFloat, float
	if integer, err := strconv.ParseInt(v.text, 10, 64); err == nil && a.Type == Integer {
		x.kind, x.integer = operandInteger, integer
	}
	return ""
}
