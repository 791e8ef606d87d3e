// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// decoder reads values against the schema. Identity providers bend JSON types,
// and the bends that have one meaning are taken: booleans as strings, one value
// where there may be many and a list of one where there may be one, the `value`
// of a complex attribute in its place.
type decoder struct {
	*reader
	// trusted reads what this engine wrote: readOnly attributes stay, and nothing
	// has to be there.
	trusted bool
	// embedded reads JSON that stands inside a string. Strings within are strings.
	embedded bool
	// ignored takes in what the schema does not know; nil when nobody asks.
	ignored *Ignored
	// builders are used again, one for each level of nested objects.
	builders []*Builder
	level    int
}

func (d *decoder) startObject() *Builder {
	if d.level == len(d.builders) {
		d.builders = append(d.builders, NewBuilder(16))
	}
	d.level++
	return d.builders[d.level-1]
}

func (d *decoder) endObject(b *Builder) *Object {
	o := &Object{fields: exactly(b.fields)}
	b.fields = b.fields[:0]
	d.level--
	return o
}

// value reads the value of an attribute; nil is no value.
func (d *decoder) value(a *Attribute) (Value, error) {
	if a.MultiValued {
		list, err := d.list(a)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		return list, nil
	}
	if d.peek() == '[' {
		return d.listOfOne(a)
	}
	return d.single(a)
}

// list reads a multi-valued attribute.
func (d *decoder) list(a *Attribute) (List, error) {
	if d.peek() != '[' {
		var one valueSet
		err := d.putElement(&one, a)
		return one.list, err
	}
	if err := d.open(); err != nil {
		return nil, err
	}
	var set valueSet
	for {
		if ok, err := d.more(']'); err != nil {
			return nil, err
		} else if !ok {
			break
		}
		if err := d.putElement(&set, a); err != nil {
			return nil, err
		}
		if len(set.list) > maxValues {
			return nil, errTooLarge(a.path, maxValues, "values")
		}
	}
	return settlePrimary(a, set.list, -1), nil
}

// putElement reads one value of a multi-valued attribute. One that is there
// already says nothing new.
func (d *decoder) putElement(set *valueSet, a *Attribute) error {
	if d.mayUnpack(a) && d.peek() == '"' {
		return d.putEmbedded(set, a)
	}
	v, err := d.single(a)
	if err == nil && !IsEmpty(v) {
		set.put(v)
	}
	return err
}

// listOfOne reads a list where a single value belongs.
func (d *decoder) listOfOne(a *Attribute) (Value, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	if ok, err := d.more(']'); !ok {
		return nil, err
	}
	v, err := d.single(a)
	if err != nil {
		return nil, err
	}
	if ok, err := d.more(']'); err != nil {
		return nil, err
	} else if ok {
		return nil, ErrInvalidValue(a.path, "it has one value, not several")
	}
	return v, nil
}

// single reads one value.
func (d *decoder) single(a *Attribute) (Value, error) {
	switch d.peek() {
	case 'n':
		return nil, d.literal("null")
	case '"':
		return d.fromString(a)
	case '{':
		if a.Type != Complex {
			return nil, d.wrongKind(a)
		}
		o, err := d.object(a)
		if err != nil || o.Len() == 0 {
			return nil, err
		}
		return o, nil
	case 't', 'f':
		return d.fromBoolean(a)
	case '[':
		return nil, d.wrongKind(a)
	}
	return d.fromNumber(a)
}

func (d *decoder) fromBoolean(a *Attribute) (Value, error) {
	if a.Type != Boolean {
		return nil, d.wrongKind(a)
	}
	if d.peek() == 't' {
		return true, d.literal("true")
	}
	return false, d.literal("false")
}

func (d *decoder) fromNumber(a *Attribute) (Value, error) {
	if a.Type != Integer && a.Type != Decimal {
		if numberLength(d.data[d.pos:]) == 0 {
			return nil, d.fail("expected a value")
		}
		return nil, d.wrongKind(a)
	}
	text, err := d.number()
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, ErrInvalidValue(a.path, "the number is out of range")
	}
	if a.Type == Decimal {
		return number, nil
	}
	if exact, err := strconv.ParseInt(text, 10, 64); err == nil {
		return exact, nil
	}
	if number != math.Trunc(number) || math.Abs(number) > 1<<53 {
		return nil, ErrInvalidValue(a.path, "it must be an integer of 64 bits")
	}
	return int64(number), nil
}

func (d *decoder) fromString(a *Attribute) (Value, error) {
	text, err := d.text()
	if err != nil || a.isNoValue(text) {
		return nil, err
	}
	if d.mayUnpack(a) && looksLikeJSON(text) {
		return d.unpackOne(a, text)
	}
	if !d.trusted && a.isName() {
		if err := checkName(a, text); err != nil {
			return nil, err
		}
	}
	return a.fromText(text)
}

// fromText makes a value of a string that a client sent; nil is no value. Dates and binary
// data come in one spelling.
func (a *Attribute) fromText(text string) (Value, error) {
	if a.isNoValue(text) {
		return nil, nil
	}
	limit := maxStringBytes
	if a.Type == Binary {
		limit = maxBinaryBytes
	}
	if len(text) > limit {
		return nil, errTooLarge(a.path, limit, "bytes")
	}
	switch a.Type {
	case Boolean:
		if b, ok := parseBool(text); ok {
			return b, nil
		}
		return nil, ErrInvalidValue(a.path, "it must be true or false")
	case DateTime:
		instant, ok := parseInstant(text)
		if !ok {
			return nil, ErrInvalidValue(a.path, "it must be a date and time such as 2008-01-23T04:56:22Z")
		}
		return instant.canonical(text), nil
	case Binary:
		encoded, ok := canonicalBase64(text)
		if !ok {
			return nil, ErrInvalidValue(a.path, "it must be base64")
		}
		return encoded, nil
	case Integer, Decimal:
		return nil, ErrInvalidValue(a.path, "it must be "+article(a.Type)+", not a string")
	case Complex:
		return a.fromBareValue(text)
	default:
	}
	return a.canonicalText(text)
}

// fromBareValue takes `"manager": "id"` for `"manager": {"value": "id"}`.
func (a *Attribute) fromBareValue(text string) (Value, error) {
	if a.value == nil || !a.value.writable() {
		return nil, ErrInvalidValue(a.path, "it must be an object, not a string")
	}
	v, err := a.value.fromText(text)
	if err != nil || v == nil {
		return nil, err
	}
	return &Object{fields: []Field{{Attr: a.value, Value: v}}}, nil
}

// canonicalText holds a string to the canonical values where they are the only ones.
func (a *Attribute) canonicalText(text string) (Value, error) {
	if !a.CanonicalOnly {
		return a.share(text), nil
	}
	for _, value := range a.CanonicalValues {
		if value == text || !a.CaseExact && equalFold(value, text) {
			return a.share(value), nil
		}
	}
	return nil, ErrInvalidValue(a.path, "it must be one of "+strings.Join(a.CanonicalValues, ", "))
}

// share gives a text as a value, the usual ones without allocating: every user has some
// of them.
func (a *Attribute) share(text string) Value {
	for _, v := range a.shared {
		if v == text {
			return v
		}
	}
	return text
}

// subValue is a name and value of an object as a client sent it; nil is null.
type subValue struct {
	attr  *Attribute
	value Value
}

// object reads a complex value.
func (d *decoder) object(a *Attribute) (*Object, error) {
	b := d.startObject()
	err := d.subValues(a, func(sub subValue) { b.Set(sub.attr, sub.value) })
	o := d.endObject(b)
	if err != nil {
		return nil, err
	}
	if a.role == roleEmbedded && d.mayUnpack(a) {
		o = d.unwrapValue(a, o)
	}
	if o.Len() > 0 && !d.trusted && a.role != roleRoot {
		return o, checkRequired(a, o)
	}
	return o, nil
}

// subValues reads an object and gives what the client may write of it. Names the
// schema does not know are skipped, as identity providers send more than they
// were asked for.
func (d *decoder) subValues(a *Attribute, emit func(subValue)) error {
	if d.peek() != '{' {
		return d.wrongKind(a)
	}
	if err := d.open(); err != nil {
		return err
	}
	var seen keySet
	for {
		name, ok, err := d.key(&seen)
		if !ok {
			return err
		}
		sub := lookupName(a.lookup, name)
		if sub == nil && d.ignored != nil {
			d.ignored.add(a.pathBelow(name))
		}
		if sub == nil || sub.role == roleSchemas || sub.role == roleMembers || !d.keeps(sub) {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		v, err := d.value(sub)
		if err != nil {
			return err
		}
		emit(subValue{attr: sub, value: v})
	}
}

func (d *decoder) keeps(a *Attribute) bool {
	return a.writable() || d.trusted && a.Mutability == ReadOnly
}

// writable says whether what a client sends for the attribute is kept.
func (a *Attribute) writable() bool {
	return a.Mutability == ReadWrite || a.Mutability == Immutable
}

// settlePrimary leaves `primary` true at most once (RFC 7643 §2.4): at chosen, or
// when that is negative at the first.
func settlePrimary(a *Attribute, list List, chosen int) List {
	isPrimary := func(v Value) bool {
		o, ok := v.(*Object)
		return ok && a.primary != nil && o.Get(a.primary) == true
	}
	if chosen < 0 {
		chosen = slices.IndexFunc(list, isPrimary)
	}
	if chosen < 0 || !slices.ContainsFunc(list[chosen+1:], isPrimary) && !slices.ContainsFunc(list[:chosen], isPrimary) {
		return list
	}
	var settled valueSet
	for i, v := range list {
		if i == chosen || !isPrimary(v) {
			settled.keep(v)
		} else {
			settled.put(v.(*Object).With(a.primary, false))
		}
	}
	return settled.list
}

func (d *decoder) wrongKind(a *Attribute) error {
	return ErrInvalidValue(a.path, fmt.Sprintf("it must be %s, not %s", article(a.Type), d.kind()))
}

func article(t Type) string {
	switch t {
	case Integer:
		return "an integer"
	case Complex:
		return "an object"
	case DateTime:
		return "a string with a date and time"
	case Binary:
		return "a string in base64"
	case Reference:
		return "a string with a URI"
	default:
		return "a " + t.String()
	}
}

func parseBool(text string) (value, ok bool) {
	switch {
	case strings.EqualFold(text, "true"):
		return true, true
	case strings.EqualFold(text, "false"):
		return false, true
	}
	return false, false
}

// canonicalBase64 reads both alphabets, with or without padding (RFC 7643 §2.3.6), and
// writes the standard one with padding. What is written so already is not copied.
func canonicalBase64(s string) (encoded string, ok bool) {
	digits := strings.TrimRight(s, "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(digits, "-_") {
		encoding = base64.RawURLEncoding
	}
	data, err := encoding.DecodeString(digits)
	if err != nil {
		return "", false
	}
	if encoded = base64.StdEncoding.EncodeToString(data); encoded == s {
		return s, true
	}
	return encoded, true
}
