// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"slices"
	"strconv"
)

// Stored is what DecodeStored reads of the JSON that is stored for an attribute.
type Stored struct {
	// Value is all that can be read; nil when nothing can.
	Value Value
	// Exact reports whether AppendValue of Value is the same JSON as what is stored. It
	// is false when the schema does not know a name, when a value cannot be read, and
	// when a value has another form than the one that is written today. To write such a
	// value, see Overlay.
	Exact bool
	// Unreadable is the first attribute with a value that does not have its type; nil
	// when there is none.
	Unreadable *Attribute
}

// DecodeStored reads the JSON that is stored for an attribute or an extension, whichever
// schema it was written with. The attribute's constraints bind requests: a stored value
// that is not one of the canonical values, or is too long, is read. A value of another
// type hides itself alone: that attribute, sub-attribute or element of a list.
func (a *Attribute) DecodeStored(document []byte) Stored {
	s := storedReader{exact: true}
	v := s.value(a, document)
	if IsEmpty(v) {
		v, s.exact = nil, false
	}
	return Stored{Value: v, Exact: s.exact, Unreadable: s.unreadable}
}

// storedReader reads one stored value. Its methods take the JSON of a whole value.
type storedReader struct {
	exact      bool
	unreadable *Attribute
}

func (s *storedReader) hide(a *Attribute) Value {
	s.exact = false
	if s.unreadable == nil {
		s.unreadable = a
	}
	return nil
}

func (s *storedReader) value(a *Attribute, document []byte) Value {
	elements, isList := storedElements(document)
	switch {
	case a.MultiValued && isList:
		return s.list(a, elements)
	case a.MultiValued:
		s.exact = false
		return s.list(a, [][]byte{document})
	case isList && len(elements) > 1:
		return s.hide(a)
	case isList && len(elements) == 1:
		s.exact = false
		return s.single(a, elements[0])
	case isList:
		s.exact = false
		return nil
	}
	return s.single(a, document)
}

// list reads the values of a multi-valued attribute, each once.
func (s *storedReader) list(a *Attribute, elements [][]byte) Value {
	var set valueSet
	for _, element := range elements {
		before := len(set.list)
		if v := s.single(a, element); !IsEmpty(v) {
			set.put(v)
		}
		if len(set.list) == before {
			s.exact = false
		}
	}
	settled := settlePrimary(a, set.list, -1)
	if len(settled) == 0 {
		return nil
	}
	if !equalValues(settled, set.list) {
		s.exact = false
	}
	return settled
}

// single reads one value. It is nil when there is none, and when it cannot be read.
func (s *storedReader) single(a *Attribute, document []byte) Value {
	r := &reader{data: document}
	switch r.peek() {
	case '{':
		if a.Type != Complex {
			return s.hide(a)
		}
		return s.object(a, document)
	case '"':
		return s.text(a, r)
	case 'n':
		s.exact = false
		return nil
	}
	v, err := (&decoder{reader: r, trusted: true}).single(a)
	if err != nil {
		return s.hide(a)
	}
	if number, ok := v.(int64); ok && strconv.FormatInt(number, 10) != string(bytes.TrimSpace(document)) {
		s.exact = false
	}
	return v
}

func (s *storedReader) text(a *Attribute, r *reader) Value {
	text, err := (&decoder{reader: r}).text()
	if err != nil {
		return s.hide(a)
	}
	if a.isNoValue(text) {
		s.exact = false
		return nil
	}
	switch a.Type {
	case Boolean:
		if b, ok := parseBool(text); ok {
			s.exact = false
			return b
		}
		return s.hide(a)
	case DateTime:
		instant, ok := parseInstant(text)
		if !ok {
			return s.hide(a)
		}
		return s.canonical(text, instant.canonical(text))
	case Binary:
		encoded, ok := canonicalBase64(text)
		if !ok {
			return s.hide(a)
		}
		return s.canonical(text, encoded)
	case Integer, Decimal:
		return s.hide(a)
	case Complex:
		v, err := a.fromBareValue(text)
		if err != nil {
			return s.hide(a)
		}
		s.exact = false
		return v
	default:
	}
	return a.share(text)
}

// canonical is the spelling of a stored text that answers show.
func (s *storedReader) canonical(stored, shown string) Value {
	s.exact = s.exact && stored == shown
	return shown
}

func (s *storedReader) object(a *Attribute, document []byte) Value {
	b := NewBuilder(len(a.Sub))
	seen := make([]*Attribute, 0, len(a.Sub))
	complete := eachStored(document, func(name string, value []byte) {
		sub := a.stored(name)
		if sub == nil || slices.Contains(seen, sub) {
			s.exact = false
			return
		}
		seen = append(seen, sub)
		v := s.value(sub, value)
		if IsEmpty(v) || name != sub.Name {
			s.exact = false
		}
		b.Set(sub, v)
	})
	if !complete {
		return s.hide(a)
	}
	return b.Object()
}

// stored is the sub-attribute whose stored value is read, nil when there is none of the
// name.
func (a *Attribute) stored(name string) *Attribute {
	sub := lookupName(a.lookup, name)
	if sub == nil || sub.role == roleSchemas || sub.role == roleMembers || sub.Mutability == WriteOnly {
		return nil
	}
	return sub
}

// eachStored calls visit for every name and value of a JSON object. It is false for what
// is no object. Names may differ in case alone: then the first is the attribute's.
func eachStored(document []byte, visit func(name string, value []byte)) bool {
	r := &reader{data: document}
	if r.peek() != '{' || r.open() != nil {
		return false
	}
	for {
		var seen keySet
		key, ok, err := r.key(&seen)
		if err != nil || !ok {
			return err == nil
		}
		name := string(key)
		visit(name, r.span())
	}
}

// storedElements takes a JSON array apart. It is false for what is no array.
func storedElements(document []byte) (elements [][]byte, isList bool) {
	r := &reader{data: document}
	if r.peek() != '[' || r.open() != nil {
		return nil, false
	}
	for {
		ok, err := r.more(']')
		if err != nil {
			return nil, false
		}
		if !ok {
			return elements, true
		}
		elements = append(elements, r.span())
	}
}

// span steps over a value and returns its bytes. Unlike raw it has no bounds and refuses no
// names: what is stored is valid JSON, of whatever depth.
func (r *reader) span() []byte {
	r.skipSpace()
	start, depth := r.pos, 0
	for r.pos < len(r.data) {
		c := r.data[r.pos]
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			for r.pos++; r.pos < len(r.data) && r.data[r.pos] != '"'; r.pos++ {
				if r.data[r.pos] == '\\' {
					r.pos++
				}
			}
		}
		if depth < 0 || depth == 0 && (c == ',' || c <= ' ') {
			break // behind a number or a literal
		}
		r.pos++
		if depth == 0 && (c == '}' || c == ']' || c == '"') {
			break
		}
	}
	r.pos = min(r.pos, len(r.data))
	r.comma = true
	return r.data[start:r.pos]
}

// Overlay applies a change of an attribute's value, from base to next, to the JSON that is
// stored for it. base is what DecodeStored read of that. It returns nil when no value is
// left. What the change does not touch is the same byte for byte, with all that the schema
// does not know or cannot read:
//
//   - A value that cannot be read is replaced when next has one, and stays otherwise.
//   - Elements of a list that cannot be read stay, behind the others.
//   - An element that has become another keeps what the schema does not know of it: the one
//     with the same `value`, or else one that has another text in common, such as `type`.
func (a *Attribute) Overlay(stored []byte, base, next Value) []byte {
	if IsEmpty(base) && IsEmpty(next) || equalValues(base, next) {
		return stored
	}
	if a.MultiValued {
		elements, isList := storedElements(stored)
		if !isList && !IsEmpty(base) {
			elements = [][]byte{stored}
		}
		list, _ := next.(List)
		return a.overlayList(elements, list)
	}
	if was, ok := base.(*Object); (ok || base == nil) && a.Type == Complex && isObject(stored) {
		will, _ := next.(*Object)
		return a.overlayObject(stored, was, will)
	}
	return appendStored(next)
}

func isObject(document []byte) bool { return (&reader{data: document}).peek() == '{' }

func appendStored(v Value) []byte {
	if IsEmpty(v) {
		return nil
	}
	return AppendValue(nil, v)
}

func (a *Attribute) overlayObject(stored []byte, base, next *Object) []byte {
	out := []byte{'{'}
	put := func(name string, value []byte) {
		if value == nil {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendString(out, name), ':'), value...)
	}
	seen := make([]*Attribute, 0, len(a.Sub))
	complete := eachStored(stored, func(name string, value []byte) {
		if sub := a.stored(name); sub != nil && !slices.Contains(seen, sub) {
			seen = append(seen, sub)
			value = sub.Overlay(value, base.Get(sub), next.Get(sub))
		}
		put(name, value)
	})
	if !complete {
		return appendStored(next)
	}
	for sub, v := range next.Fields() {
		if !slices.Contains(seen, sub) {
			put(sub.Name, appendStored(v))
		}
	}
	if len(out) == 1 {
		return nil
	}
	return append(out, '}')
}

func (a *Attribute) overlayList(elements [][]byte, next List) []byte {
	var readable, hidden [][]byte
	var base List
	for _, element := range elements {
		s := storedReader{}
		if v := s.single(a, element); IsEmpty(v) {
			hidden = append(hidden, element)
		} else {
			readable, base = append(readable, element), append(base, v)
		}
	}
	out := []byte{'['}
	put := func(element []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, element...)
	}
	for i, place := range a.matchElements(base, next) {
		switch {
		case place < 0:
			put(AppendValue(nil, next[i]))
		case equalValues(base[place], next[i]):
			put(readable[place])
		case !isObject(readable[place]):
			put(AppendValue(nil, next[i]))
		default:
			was, _ := base[place].(*Object)
			will, _ := next[i].(*Object)
			put(a.overlayObject(readable[place], was, will))
		}
	}
	for _, element := range hidden {
		put(element)
	}
	if len(out) == 1 {
		return nil
	}
	return append(out, ']')
}

// matchElements finds, for each element of a new list, the place in the old one of the
// element that it was; negative for a new one.
func (a *Attribute) matchElements(base, next List) []int {
	m := elementMatch{places: make([]int, len(next)), taken: make([]bool, len(base))}
	for i := range m.places {
		m.places[i] = -1
	}
	m.by(base, next, func(v Value) string { return string(AppendValue(nil, v)) })
	if a.Type != Complex {
		return m.places
	}
	if a.value != nil {
		m.by(base, next, func(v Value) string { return keyOf(v, a.value) })
	}
	for _, sub := range a.Sub {
		if sub != a.value && (sub.Type == String || sub.Type == Reference) {
			m.by(base, next, func(v Value) string { return keyOf(v, sub) })
		}
	}
	return m.places
}

type elementMatch struct {
	places []int  // in base, by place in next
	taken  []bool // by place in base
}

// by matches elements that have no match yet and have the same key, in order.
func (m *elementMatch) by(base, next List, key func(Value) string) {
	free := map[string][]int{}
	for place, v := range base {
		if k := key(v); !m.taken[place] && k != "" {
			free[k] = append(free[k], place)
		}
	}
	for i, v := range next {
		if m.places[i] >= 0 {
			continue
		}
		k := key(v)
		if places := free[k]; k != "" && len(places) > 0 {
			m.places[i], free[k] = places[0], places[1:]
			m.taken[places[0]] = true
		}
	}
}

// keyOf is the value of a sub-attribute by which elements are compared, "" for none.
func keyOf(v Value, sub *Attribute) string {
	o, _ := v.(*Object)
	switch value := o.Get(sub).(type) {
	case nil:
		return ""
	case string:
		return sub.Fold(value)
	default:
		return string(AppendValue(nil, value))
	}
}
