// SPDX-License-Identifier: Apache-2.0

package scim

import "hash/maphash"

// linearUpTo is how many values are compared one by one, without hashing them.
const linearUpTo = 16

// valueSet gathers the values of an attribute, each once, in time that grows with
// their number. Those that an operation did not touch are known to differ from one
// another.
type valueSet struct {
	list    List
	touched []int          // places in list that put has filled
	places  map[uint64]int // in list, by hash; made when the list grows long
	hashed  int            // values of list that are in places
}

// newValueSet makes a set of the values of a list, which it does not change.
func newValueSet(list List) *valueSet {
	return &valueSet{list: list[:len(list):len(list)]}
}

// keep adds a value that the operation did not touch, unless one that it did has
// become the same.
func (s *valueSet) keep(v Value) {
	if len(s.touched) > 0 && s.isTouched(s.find(v)) {
		return
	}
	s.list = append(s.list, v)
}

// put gives the place of the value in the list.
func (s *valueSet) put(v Value) int {
	if i := s.find(v); i >= 0 {
		return i
	}
	s.list = append(s.list, v)
	s.touched = append(s.touched, len(s.list)-1)
	return len(s.list) - 1
}

func (s *valueSet) contains(v Value) bool { return s.find(v) >= 0 }

// isTouched looks in touched, which is ascending.
func (s *valueSet) isTouched(place int) bool {
	low, high := 0, len(s.touched)
	for low < high {
		middle := (low + high) / 2
		if s.touched[middle] < place {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low < len(s.touched) && s.touched[low] == place
}

// find gives the first place of a value, or -1.
func (s *valueSet) find(v Value) int {
	if len(s.list) <= linearUpTo {
		for i, other := range s.list {
			if equalValues(other, v) {
				return i
			}
		}
		return -1
	}
	s.hash()
	place, _ := s.probe(v)
	return place
}

func (s *valueSet) hash() {
	if s.places == nil {
		s.places = make(map[uint64]int, 2*len(s.list))
	}
	for ; s.hashed < len(s.list); s.hashed++ {
		if place, free := s.probe(s.list[s.hashed]); place < 0 {
			s.places[free] = s.hashed
		}
	}
}

// probe finds a value, or the hash under which it is to be entered: another value
// of the same hash moves it to the next.
func (s *valueSet) probe(v Value) (place int, hash uint64) {
	for hash = hashValue(v); ; hash++ {
		place, taken := s.places[hash]
		if !taken {
			return -1, hash
		}
		if equalValues(s.list[place], v) {
			return place, hash
		}
	}
}

// hashSeed differs from process to process, so that no client can choose values
// that collide.
var hashSeed = maphash.MakeSeed()

// hashValue gives equal values (equalValues) equal hashes.
func hashValue(v Value) uint64 {
	const spread = 0x9e3779b97f4a7c15 // odd, so that multiplying loses nothing
	switch v := v.(type) {
	case string:
		return maphash.String(hashSeed, v)
	case *Object:
		h := uint64(v.Len()) //nolint:gosec // a hash may take any bits
		for a, child := range v.Fields() {
			h = (h^uint64(a.index))*spread ^ hashValue(child) //nolint:gosec // a hash may take any bits
		}
		return h
	case List:
		h := ^uint64(len(v))
		for _, element := range v {
			h = h*spread ^ hashValue(element)
		}
		return h
	default:
		return maphash.Comparable(hashSeed, v)
	}
}
