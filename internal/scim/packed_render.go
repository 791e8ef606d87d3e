// SPDX-License-Identifier: Apache-2.0

package scim

import "unsafe"

// AppendJSON appends the resource as JSON: as it is packed, or what the projection leaves of it.
// `schemas` lists the core schema and the extensions of which something is shown. computed is an
// attribute that is not packed because it comes from other resources; nil when there is none.
func (p Packed) AppendJSON(dst []byte, projection *Projection, computed *Field) []byte {
	if projection == nil && !p.hides() {
		return p.appendWhole(dst, computed)
	}
	dst = append(dst, '{')
	dst = p.appendSchemas(dst, projection)
	s := p.pieces()
	for index, piece := s.next(); index >= 0; index, piece = s.next() {
		if computed != nil && computed.Attr.index < index {
			dst = appendComputed(dst, computed, projection)
			computed = nil
		}
		dst = p.appendPiece(dst, p.root.Sub[index], piece, projection)
	}
	if computed != nil {
		dst = appendComputed(dst, computed, projection)
	}
	return append(dst, '}')
}

// AppendOpenJSON is AppendJSON without the closing brace, so that a group's members can be streamed
// behind it:
//
//	dst = p.AppendOpenJSON(dst, projection)
//	dst = append(dst, `,"members":[`...) // then AppendMember, comma, AppendMember …
//	dst = append(dst, `]}`...)
func (p Packed) AppendOpenJSON(dst []byte, projection *Projection) []byte {
	dst = p.AppendJSON(dst, projection, nil)
	return dst[:len(dst)-1]
}

func (p Packed) appendWhole(dst []byte, computed *Field) []byte {
	s := p.pieces()
	if computed == nil {
		return append(dst, s.json...)
	}
	end := s.place(0)
	for index, _ := s.next(); index >= 0 && index < computed.Attr.index; index, _ = s.next() {
		end = s.place(s.count)
	}
	dst = append(dst, s.json[:end]...)
	dst = appendComputed(dst, computed, nil)
	return append(dst, s.json[end:]...)
}

func (p Packed) appendSchemas(dst []byte, projection *Projection) []byte {
	dst = append(dst, `"schemas":[`...)
	dst = appendString(dst, p.root.urn.(string))
	s := p.pieces()
	for index, piece := s.next(); index >= 0; index, piece = s.next() {
		a := p.root.Sub[index]
		if a.role == roleExtension && projection.showsSomeRaw(a, piece[len(a.key):]) {
			dst = append(dst, ',')
			dst = appendString(dst, a.urn.(string))
		}
	}
	return append(dst, ']')
}

// showsSomeRaw reports whether anything of an extension's value is in the response.
func (p *Projection) showsSomeRaw(container *Attribute, raw string) bool {
	shown := p.below(container, showNamed)
	fields := fieldsOf(container, raw)
	for a, _ := fields.next(); a != nil; a, _ = fields.next() {
		if p.below(a, shown) != showNothing {
			return true
		}
	}
	return false
}

// appendPiece appends what is shown of an attribute, with the comma before it.
func (p Packed) appendPiece(dst []byte, a *Attribute, piece string, projection *Projection) []byte {
	if p.hides() || !projection.wholly(a) {
		return appendRawField(dst, a, piece[len(a.key):], projection, showNamed)
	}
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, piece...)
}

// wholly says whether an attribute at the top is shown with all that is below it, where
// nothing below it is hidden by default.
func (p *Projection) wholly(a *Attribute) bool {
	if p.below(a, showNamed) != showDefault {
		return false
	}
	if p == nil || p.include {
		return true
	}
	_, isNamed := p.named[a]
	return !isNamed
}

// appendComputed appends what is shown of an attribute that is not packed.
func appendComputed(dst []byte, f *Field, p *Projection) []byte {
	buffer := textBuffers.Get().(*[]byte)
	defer textBuffers.Put(buffer)
	*buffer = AppendValue((*buffer)[:0], f.Value)
	// What is appended is a copy, so that the text may be the buffer itself.
	return appendRawField(dst, f.Attr, unsafe.String(unsafe.SliceData(*buffer), len(*buffer)), p, showNamed) //nolint:gosec // see above
}

// appendRawField appends an attribute with the comma before it, or nothing when nothing of it is shown.
func appendRawField(dst []byte, a *Attribute, raw string, p *Projection, parent showing) []byte {
	shown := p.below(a, parent)
	if shown == showNothing {
		return dst
	}
	before := len(dst)
	if dst[before-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, a.key...)
	dst, some := appendRaw(dst, a, raw, p, shown)
	if !some {
		return dst[:before]
	}
	return dst
}

// appendRaw appends what is shown of a value; some reports whether that is anything.
func appendRaw(dst []byte, a *Attribute, raw string, p *Projection, shown showing) (_ []byte, some bool) {
	switch raw[0] {
	case '{':
		dst = append(dst, '{')
		open := len(dst)
		fields := fieldsOf(a, raw)
		for sub, value := fields.next(); sub != nil; sub, value = fields.next() {
			dst = appendRawField(dst, sub, value, p, shown)
		}
		some = len(dst) > open
		return append(dst, '}'), some
	case '[':
		dst = append(dst, '[')
		elements := elementsOf(raw)
		for e := elements.next(); e != ""; e = elements.next() {
			before, shownOne := len(dst), false
			if some {
				dst = append(dst, ',')
			}
			if dst, shownOne = appendRaw(dst, a, e, p, shown); !shownOne {
				dst = dst[:before]
			}
			some = some || shownOne
		}
		return append(dst, ']'), some
	}
	return append(dst, raw...), true
}
