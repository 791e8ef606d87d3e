// SPDX-License-Identifier: Apache-2.0

package scim

import "strings"

// Sort orders resources (RFC 7644 §3.4.2.3).
type Sort struct {
	target
	descending bool
}

// ParseSort reads `sortBy` and `sortOrder`. An empty sortBy gives nil. Errors are
// invalidPath for an attribute that there is not or that has no order, and
// invalidValue for a sortOrder other than ascending and descending.
func (rt *ResourceType) ParseSort(sortBy, sortOrder string) (*Sort, error) {
	sortBy = strings.TrimSpace(sortBy)
	s := &Sort{}
	switch {
	case strings.EqualFold(sortOrder, "descending"):
		s.descending = true
	case sortOrder != "" && !strings.EqualFold(sortOrder, "ascending"):
		return nil, ErrInvalidValue("sortOrder", "it must be ascending or descending")
	case sortBy == "":
		return nil, nil
	}
	if sortBy == "" {
		return nil, nil
	}
	t, problem := rt.resolve(sortBy)
	if problem != "" {
		return nil, ErrInvalidPath("sortBy", problem)
	}
	if t.attr != nil && t.sub == nil && t.attr.Type == Complex {
		t.sub = t.attr.value
	}
	if problem := unsortable(t); problem != "" {
		return nil, ErrInvalidPath("sortBy", problem)
	}
	s.target = t
	return s, nil
}

func unsortable(t target) string {
	a := t.last()
	switch {
	case t.attr == nil:
		return "a schema is not an attribute"
	case a.Type == Complex:
		return a.path + " is complex: sort by one of its sub-attributes"
	case t.attr.role == roleMembers || t.attr.role == roleSchemas:
		return "resources are not sorted by " + t.attr.path
	case a.Type == Binary || a.Mutability == WriteOnly || a.Returned == ReturnedNever:
		return "resources cannot be sorted by " + a.path
	}
	return ""
}

// By reports whether resources are sorted by an attribute, or by one of its sub-attributes.
func (s *Sort) By(a *Attribute) bool { return s != nil && s.container == nil && s.attr == a }

// value returns what a resource is sorted by, nil when it has none. A multi-valued attribute
// counts with its primary value, or its first.
func (s *Sort) value(o *Object) Value {
	if s.container != nil {
		o = o.Object(s.container)
	}
	v := o.Get(s.attr)
	if list, ok := v.(List); ok {
		v = preferred(s.attr, list)
	}
	if s.sub == nil {
		return v
	}
	o, _ = v.(*Object)
	v = o.Get(s.sub)
	if list, ok := v.(List); ok {
		return preferred(s.sub, list)
	}
	return v
}

func preferred(a *Attribute, list List) Value {
	for _, v := range list {
		if o, ok := v.(*Object); ok && a.primary != nil && o.Get(a.primary) == true {
			return v
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func compareStrings(a, b string) int { return strings.Compare(a, b) }
