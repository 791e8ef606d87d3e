// SPDX-License-Identifier: Apache-2.0

package server

import (
	"slices"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// section is the part of an answer that is about one type.
type section struct {
	query      store.Query
	projection *scim.Projection
	page       *store.Page // once it has been read
}

// scope names the list that a query is about: cursors of one do not open another's.
func (x *exchange) scope() string {
	if x.route.typ == nil {
		return "/"
	}
	return x.route.typ.Endpoint
}

// pageByIndex reads the page that begins at startIndex (RFC 7644 §3.4.2.4). Who asks for
// the pages of a query one after the other walks from place to place, as by cursor: what
// is deleted in front of a page does not move it. What the list then says of its total is
// the total of that walk, so that its end is where startIndex comes to the total.
func (s *Server) pageByIndex(x *exchange, p parameters, sections []section) (listHead, error) {
	mark, walking := bookmark{}, false
	before := func(a, b place) bool { return isBefore(sections, a, b) }
	if p.startIndex > 1 && p.count > 0 {
		mark, walking = s.recall(x, x.bookmarkKeyOf(p, p.startIndex), before)
	}
	var page pageRead
	var err error
	if walking && !mark.end {
		page, err = s.pageFrom(x, p, sections, mark.at)
		page.head.total += p.startIndex - 1 - page.before
	} else {
		page, err = s.pageAt(x, p, sections)
		mark.begun = page.revision
	}
	page.head.startIndex = p.startIndex
	if err == nil && page.head.count > 0 {
		s.remember(x, p, page, mark.begun, before)
	}
	return page.head, err
}

// remember keeps what follows a page: the place at which the next one begins, or that there
// is none.
func (s *Server) remember(x *exchange, p parameters, page pageRead, begun uint64, before func(a, b place) bool) {
	next := bookmark{begun: begun, set: s.now(), tokenID: x.tokenID, end: page.next == nil}
	if !next.end {
		next.at = *page.next
	}
	s.bookmarks.set(x.bookmarkKeyOf(p, p.startIndex+page.head.count), next, before)
}

// pageByCursor reads the page that a cursor leads to (RFC 9865 §2).
func (s *Server) pageByCursor(x *exchange, p parameters, sections []section) (head listHead, err error) {
	var at place
	if p.cursor != "" {
		if at, err = s.openCursor(p, x.scope()); err != nil {
			return head, err
		}
	}
	page, err := s.pageFrom(x, p, sections, at)
	if err == nil && page.next != nil {
		page.head.nextCursor, err = s.sealCursor(x.tokenID, p, x.scope(), *page.next)
	}
	return page.head, err
}

// pageRead is what the sections of a page hold together.
type pageRead struct {
	head   listHead
	before int // resources in front of the page, over all types
	// revision grows with every change of what the sections may show.
	revision uint64
	next     *place // where the next page begins; nil when this is the last
}

// pageAt reads the page that begins with the resource that startIndex counts to.
func (s *Server) pageAt(x *exchange, p parameters, sections []section) (page pageRead, err error) {
	for i := range sections {
		q := &sections[i].query
		q.StartIndex, q.Count = max(1, p.startIndex-page.head.total), p.count-page.head.count
		if err := s.read(x, &sections[i], &page, true); err != nil {
			return page, err
		}
	}
	return page, nil
}

// pageFrom reads the page that begins at a place.
func (s *Server) pageFrom(x *exchange, p parameters, sections []section, at place) (page pageRead, err error) {
	begun := at.typeName == ""
	for i := range sections {
		q := &sections[i].query
		if q.Type.Name == at.typeName {
			q.After, begun = at.position, true
		}
		if begun {
			q.Count = p.count - page.head.count
		}
		if err := s.read(x, &sections[i], &page, begun); err != nil {
			return page, err
		}
	}
	if !begun { // the type is no longer served
		return page, errInvalidCursor()
	}
	return page, nil
}

// read reads one section. Those before the page has begun are counted only.
func (s *Server) read(x *exchange, one *section, page *pageRead, begun bool) error {
	read, err := s.store.List(x.ctx, one.query)
	if err != nil {
		return err
	}
	one.page = read
	page.revision += read.Revision
	page.head.total += read.Total
	switch {
	case !begun:
		page.before += read.Total
	case page.head.count == 0 && page.next == nil:
		page.before += read.Before
	}
	page.head.count += len(read.Resources)
	if begun && page.next == nil && read.More() {
		page.next = &place{typeName: one.query.Type.Name, position: read.Last}
	}
	return nil
}

// isBefore says whether a comes before b on a walk through the sections.
func isBefore(sections []section, a, b place) bool {
	if a.typeName != b.typeName {
		first := slices.IndexFunc(sections, func(one section) bool {
			return one.query.Type.Name == a.typeName || one.query.Type.Name == b.typeName
		})
		return first >= 0 && sections[first].query.Type.Name == a.typeName
	}
	if a.position == nil || b.position == nil {
		return a.position == nil && b.position != nil
	}
	for i := range sections {
		if sections[i].query.Type.Name == a.typeName {
			return a.position.Compare(sections[i].query.Sort, b.position) < 0
		}
	}
	return false
}
