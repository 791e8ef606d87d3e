// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"slices"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// list answers a query over one resource type (RFC 7644 §3.4.2).
func (s *Server) list(x *exchange) error {
	p, err := s.limits.parseParameters(x.r.URL.RawQuery)
	if err != nil {
		return err
	}
	return s.query(x, p, []*resourceType{x.route.typ})
}

// search is list with the parameters in the body (RFC 7644 §3.4.3).
func (s *Server) search(x *exchange) error {
	p, err := x.searchParameters()
	if err != nil {
		return err
	}
	return s.query(x, p, []*resourceType{x.route.typ})
}

// listAll answers a query over every type, at the root (RFC 7644 §3.4.2.1).
func (s *Server) listAll(x *exchange) error {
	p, err := s.limits.parseParameters(x.r.URL.RawQuery)
	if err != nil {
		return err
	}
	return s.query(x, p, s.types)
}

// searchAll is listAll with the parameters in the body.
func (s *Server) searchAll(x *exchange) error {
	p, err := x.searchParameters()
	if err != nil {
		return err
	}
	return s.query(x, p, s.types)
}

// query answers with one page. Over several types the resources come type by type,
// each type in the order asked for.
func (s *Server) query(x *exchange, p parameters, types []*resourceType) error {
	sections, err := compile(p, types)
	if err != nil {
		return err
	}
	read := s.pageByIndex
	if p.byCursor {
		read = s.pageByCursor
	}
	head, err := read(x, p, sections)
	if err != nil {
		return err
	}
	b := x.newBody(http.StatusOK)
	b.listHeader(head)
	first := true
	for _, section := range sections {
		for _, resource := range section.page.Resources {
			b.separator(first)
			first = false
			b.resource(resource, section.projection)
			if b.spill(); b.done() {
				return nil
			}
		}
	}
	b.listEnd()
	b.end()
	return nil
}

// compile makes a query for each type. In a query over several types, what only another
// type has is without a value: nobody is found by it, and all of a type are last when
// sorted by it. What no type has is refused.
func compile(p parameters, types []*resourceType) ([]section, error) {
	var among []*scim.ResourceType
	if len(types) > 1 {
		for _, t := range types {
			among = append(among, t.ResourceType)
		}
	}
	sections := make([]section, 0, len(types))
	var refused, unsorted error
	sorted := false
	for _, t := range types {
		one, err := compileFor(p, t, among)
		if err != nil {
			refused = err
			continue
		}
		if one.query.Sort, err = t.ParseSort(p.sortBy, p.sortOrder); err != nil {
			unsorted = err
		} else {
			sorted = true
		}
		sections = append(sections, one)
	}
	switch {
	case len(sections) == 0:
		return nil, refused
	case !sorted:
		return nil, unsorted
	}
	return possible(sections), nil
}

// possible leaves out the types of which nobody can match, as long as one is left.
func possible(sections []section) []section {
	if len(sections) == 1 {
		return sections
	}
	found := slices.DeleteFunc(slices.Clone(sections), func(one section) bool {
		return one.query.Filter != nil && one.query.Filter.Never()
	})
	if len(found) == 0 {
		return sections[:1]
	}
	return found
}

func compileFor(p parameters, t *resourceType, among []*scim.ResourceType) (section, error) {
	one := section{query: store.Query{Type: t.ResourceType}}
	var err error
	if one.projection, err = t.ParseProjection(p.attributes, p.excluded); err != nil {
		return one, err
	}
	if p.filter != "" {
		if one.query.Filter, err = t.ParseFilterAmong(among, p.filter); err != nil {
			return one, err
		}
	}
	one.query.NoGroups = t.groups != nil && !one.projection.Wants(t.groups) && !one.projection.Wants(t.version)
	one.query.NoMembers = t.Members() != nil && !one.projection.WantsMembers()
	return one, nil
}
