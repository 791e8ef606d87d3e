// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/binary"
	"math"
	"strings"
)

// maxSortKey bounds what texts are sorted by. Two that begin with the same so many
// bytes are in the order of what is sorted by next.
const maxSortKey = 512

// What a sort key begins with: resources without a value come behind those with one.
const (
	keyPresent = "\x01"
	keyAbsent  = "\x02"
)

// Key returns what a resource is sorted by, as bytes that are in the same ascending order
// as the resources are: of at most 513 bytes, "" for a nil Sort. Resources without a value
// come last when ascending and first when descending. A list can be taken up again behind
// the key of a resource, whatever became of the resource.
func (s *Sort) Key(p Packed) string {
	switch {
	case s == nil:
		return ""
	case s.container != nil:
		return s.key(p.only(s.container))
	}
	return s.key(p.only(s.attr))
}

func (s *Sort) key(o *Object) string {
	switch v := s.value(o).(type) {
	case string:
		return keyPresent + s.textKey(v)
	case bool:
		if v {
			return keyPresent + "\x01"
		}
		return keyPresent + "\x00"
	case int64:
		return orderedKey(orderedInt(v))
	case float64:
		return orderedKey(floatBits(v))
	}
	return keyAbsent
}

// CompareKeys is negative when a resource with the key x comes before one with y.
func (s *Sort) CompareKeys(x, y string) int {
	order := strings.Compare(x, y)
	if s != nil && s.descending {
		return -order
	}
	return order
}

func (s *Sort) textKey(text string) string {
	a := s.last()
	if a.Type == DateTime {
		if t, ok := parseInstant(text); ok {
			b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), orderedInt(t.seconds))
			return string(binary.BigEndian.AppendUint64(b, orderedInt(t.nanoseconds)))
		}
	}
	text = a.Fold(text)
	return text[:min(len(text), maxSortKey)]
}

func orderedKey(bits uint64) string {
	return keyPresent + string(binary.BigEndian.AppendUint64(nil, bits))
}

// orderedInt gives a number in bits whose order, without a sign, is that of the numbers.
func orderedInt(n int64) uint64 { return uint64(n) ^ 1<<63 } //nolint:gosec // the bits are what is wanted

// floatBits gives the bits of a number in an order that is that of the numbers.
func floatBits(f float64) uint64 {
	bits := math.Float64bits(f + 0) // -0 becomes 0
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}
