// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
)

// Packed is a resource as the JSON that answers show of it, with a table of where its
// attributes are. It takes half of what an Object takes, is written to an answer as it
// is, and filters look into it. It never changes. The zero Packed is no resource.
//
// The table is two bytes of flags and the length of a bitmap; the bitmap, with a bit for
// each attribute by its index; where in the JSON `schemas` ends, and each attribute.
type Packed struct {
	root *Attribute
	data string // table and JSON
}

const (
	hidesSome  = 1 << iota // there are attributes which answers do not show by default
	wideTable              // places are of four bytes and not of two
	tableFlags = iota
)

// maxAttributes bounds the attributes of a resource type itself, sub-attributes aside.
const maxAttributes = 1<<(16-tableFlags)*8 - 8

// Pack gives a resource in this form. What it holds is what AppendValue writes.
func (rt *ResourceType) Pack(o *Object) Packed {
	s := packers.Get().(*packer)
	defer packers.Put(s)
	s.reset()
	s.document = append(s.document, '{')
	if o.Len() > 0 {
		s.document = appendSchemas(s.document, o)
	}
	s.places = append(s.places, len(s.document))
	for a, v := range o.Fields() {
		s.add(a, v)
	}
	return s.packed(rt.root)
}

// appendSchemas appends `schemas` of a resource: the core schema and the extensions of which answers
// show something by default. An object that is no resource has none.
func appendSchemas(dst []byte, o *Object) []byte {
	root := o.fields[0].Attr.parent
	if root.role != roleRoot {
		return dst
	}
	dst = append(dst, `"schemas":[`...)
	dst = appendString(dst, root.urn.(string))
	for _, f := range o.fields {
		if f.Attr.role == roleExtension && showsSome(f.Value) {
			dst = append(dst, ',')
			dst = appendString(dst, f.Attr.urn.(string))
		}
	}
	return append(dst, ']')
}

// showsSome reports whether answers show anything of an extension's value by default.
func showsSome(extension Value) bool {
	o, _ := extension.(*Object)
	for a := range o.Fields() {
		if (*Projection)(nil).below(a, showNamed) != showNothing {
			return true
		}
	}
	return false
}

// packer is what packing needs, to be used again.
type packer struct {
	bits, document, out []byte
	places              []int
	flags               int
}

var packers = sync.Pool{New: func() any { return &packer{} }}

func (s *packer) reset() {
	s.bits, s.document, s.places, s.flags = s.bits[:0], s.document[:0], s.places[:0], 0
}

func (s *packer) add(a *Attribute, v Value) {
	s.document = append(s.document, ',') // behind schemas, at the least
	s.document = append(s.document, a.key...)
	s.document = AppendValue(s.document, v)
	s.added(a.index)
	if isHidden(a, v) {
		s.flags |= hidesSome
	}
}

// addPiece adds an attribute as it was packed before.
func (s *packer) addPiece(index int, piece string) {
	s.document = append(s.document, ',')
	s.document = append(s.document, piece...)
	s.added(index)
}

func (s *packer) added(index int) {
	s.places = append(s.places, len(s.document))
	for len(s.bits) <= index/8 {
		s.bits = append(s.bits, 0)
	}
	s.bits[index/8] |= 1 << (index % 8)
}

func (s *packer) packed(root *Attribute) Packed {
	s.document = append(s.document, '}')
	return Packed{root: root, data: string(s.table()) + string(s.document)}
}

func (s *packer) table() []byte {
	if len(s.document) > math.MaxUint16 {
		s.flags |= wideTable
	}
	s.out = binary.LittleEndian.AppendUint16(s.out[:0], uint16(len(s.bits)<<tableFlags|s.flags)) //nolint:gosec // maxAttributes
	s.out = append(s.out, s.bits...)
	for _, place := range s.places {
		if s.flags&wideTable != 0 {
			s.out = binary.LittleEndian.AppendUint32(s.out, uint32(place)) //nolint:gosec // no resource is that large
		} else {
			s.out = binary.LittleEndian.AppendUint16(s.out, uint16(place)) //nolint:gosec // it fits
		}
	}
	return s.out
}

// isHidden says whether answers do not show all of a value by default.
func isHidden(a *Attribute, v Value) bool {
	if a.Returned == ReturnedNever || a.Returned == ReturnedRequest || a.Mutability == WriteOnly {
		return true
	}
	switch v := v.(type) {
	case *Object:
		for sub, below := range v.Fields() {
			if isHidden(sub, below) {
				return true
			}
		}
	case List:
		for _, element := range v {
			if isHidden(a, element) {
				return true
			}
		}
	}
	return false
}

// IsZero says that there is no resource.
func (p Packed) IsZero() bool { return p.data == "" }

// Size is the number of bytes that the resource takes.
func (p Packed) Size() int { return len(p.data) }

func (p Packed) hides() bool { return p.data[0]&hidesSome != 0 }

// layout is a Packed taken apart.
type layout struct {
	bits, places, json string
	wide               bool
}

func (p Packed) layout() layout {
	head := int(p.data[0]) | int(p.data[1])<<8
	length := head >> tableFlags
	l := layout{bits: p.data[2 : 2+length], wide: head&wideTable != 0}
	width, count := 2, 1
	if l.wide {
		width = 4
	}
	for i := range len(l.bits) {
		count += bits.OnesCount8(l.bits[i])
	}
	rest := p.data[2+length:]
	l.places, l.json = rest[:count*width], rest[count*width:]
	return l
}

// place is where the comma in front of the i-th attribute that the resource has is in
// the JSON, and its end when there are no more.
func (l *layout) place(i int) int {
	if l.wide {
		at := l.places[4*i:]
		return int(at[0]) | int(at[1])<<8 | int(at[2])<<16 | int(at[3])<<24
	}
	at := l.places[2*i:]
	return int(at[0]) | int(at[1])<<8
}

// piece is `"name":value` of the i-th attribute that the resource has.
func (l *layout) piece(i int) string { return l.json[l.place(i)+len(",") : l.place(i+1)] }

// pieces steps through the attributes of a resource.
type pieces struct {
	layout
	index, count int // of the next attribute, and of those that were there before it
}

func (p Packed) pieces() pieces { return pieces{layout: p.layout()} }

// next gives the index of the next attribute, and `"name":value`; -1 behind the last.
func (s *pieces) next() (index int, piece string) {
	for ; s.index < 8*len(s.bits); s.index++ {
		if s.bits[s.index/8]>>(s.index%8)&1 == 0 {
			continue
		}
		index, piece = s.index, s.piece(s.count)
		s.index++
		s.count++
		return index, piece
	}
	return -1, ""
}

// find gives the value of one of the resource's own attributes as JSON, "" when it has
// none. It looks at nothing but the table: a filter over many resources waits for little
// of them to come from memory.
func (p Packed) find(a *Attribute) string {
	if p.IsZero() {
		return ""
	}
	if word, length, ok := p.bitmap(); ok {
		if a.index >= 64 || word>>a.index&1 == 0 {
			return ""
		}
		before, count := bits.OnesCount64(word&(1<<a.index-1)), bits.OnesCount64(word)
		places := p.data[2+length : 2+length+2*(count+1)]
		from := int(places[2*before]) | int(places[2*before+1])<<8
		to := int(places[2*before+2]) | int(places[2*before+3])<<8
		return p.data[2+length+len(places):][from+len(",")+len(a.key) : to]
	}
	l := p.layout()
	at := a.index / 8
	if at >= len(l.bits) || l.bits[at]>>(a.index%8)&1 == 0 {
		return ""
	}
	before := bits.OnesCount8(l.bits[at] & (1<<(a.index%8) - 1))
	for i := range at {
		before += bits.OnesCount8(l.bits[i])
	}
	return l.piece(before)[len(a.key):]
}

// bitmap gives the bitmap of a usual resource as a number: one of up to 64 attributes and
// with places of two bytes.
func (p Packed) bitmap() (word uint64, length int, ok bool) {
	d := p.data
	if len(d) < 2+8 {
		return 0, 0, false
	}
	head := int(d[0]) | int(d[1])<<8
	if length = head >> tableFlags; length > 8 || head&wideTable != 0 {
		return 0, 0, false
	}
	word = uint64(d[2]) | uint64(d[3])<<8 | uint64(d[4])<<16 | uint64(d[5])<<24 |
		uint64(d[6])<<32 | uint64(d[7])<<40 | uint64(d[8])<<48 | uint64(d[9])<<56
	return word & (1<<(8*length) - 1), length, true
}

// Text gives the value of one of the resource's own string attributes, "" when it has
// none. Without escapes it is a part of what is packed.
func (p Packed) Text(a *Attribute) string {
	raw := p.find(a)
	if raw == "" || raw[0] != '"' {
		return ""
	}
	return unquote(raw)
}

// Value returns the value of one of the resource's own attributes, nil when it has none.
func (p Packed) Value(a *Attribute) Value {
	if raw := p.find(a); raw != "" {
		return unpack(a, raw)
	}
	return nil
}

// Object gives the resource as it was packed.
func (p Packed) Object() *Object {
	if p.IsZero() {
		return nil
	}
	s := p.pieces()
	fields := make([]Field, 0, len(s.places)/2)
	for index, piece := s.next(); index >= 0; index, piece = s.next() {
		a := p.root.Sub[index]
		fields = append(fields, Field{Attr: a, Value: unpack(a, piece[len(a.key):])})
	}
	return &Object{fields: fields}
}

// With returns the resource with the values of some of its attributes set, which are in the order
// of the schema. An extension is one that the resource has. What the resource has beside them is copied as it is packed.
func (p Packed) With(set ...Field) Packed {
	if p.IsZero() {
		return p
	}
	s := packers.Get().(*packer)
	defer packers.Put(s)
	s.reset()
	if p.hides() {
		s.flags |= hidesSome
	}
	pieces := p.pieces()
	s.document = append(s.document, pieces.json[:pieces.place(0)]...)
	s.places = append(s.places, len(s.document))
	for index, piece := pieces.next(); index >= 0; index, piece = pieces.next() {
		for len(set) > 0 && set[0].Attr.index < index {
			s.add(set[0].Attr, set[0].Value)
			set = set[1:]
		}
		if len(set) > 0 && set[0].Attr.index == index {
			continue // replaced by what is set
		}
		s.addPiece(index, piece)
	}
	for _, f := range set {
		s.add(f.Attr, f.Value)
	}
	return s.packed(p.root)
}

// only gives the resource with no more than one of its attributes.
func (p Packed) only(a *Attribute) *Object {
	if v := p.Value(a); v != nil {
		return &Object{fields: []Field{{Attr: a, Value: v}}}
	}
	return &Object{}
}
