// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"iter"

	"scim-operator.io/internal/scim"
)

// Query selects and pages resources of one type.
type Query struct {
	Type       *scim.ResourceType
	Filter     *scim.Filter // nil matches all
	Sort       *scim.Sort   // nil sorts by creation
	StartIndex int          // of the first resource wanted, from 1; below 1 means 1
	After      *Position    // the first resource wanted is the one behind it; instead of StartIndex
	Count      int          // of resources wanted; 0 or less asks for the total alone
	NoGroups   bool         // the response contains neither a user's groups nor its version
	NoMembers  bool         // the response does not contain a group's members
}

// Page is the answer to a Query.
type Page struct {
	Total     int // resources that match, on all pages
	Before    int // of them, those in front of this page
	Resources []*Resource
	Last      *Position // of the last resource of the page; nil when it is empty
	// Revision is that of the newest change that the page may show. Whichever replica reads a
	// page after a change, its revision is no smaller than the change's.
	Revision uint64
}

// More says whether resources follow those of the page.
func (p *Page) More() bool { return p.Before+len(p.Resources) < p.Total }

// Position is a place in a list: behind the resource that it was taken from, whatever
// became of that resource. As the order of a list without Sort never changes, a walk
// from position to position comes by every resource that exists all the time exactly
// once, whatever is created and deleted meanwhile. With Sort that holds for resources
// whose sort keys do not change.
type Position struct {
	Key     string // scim.Sort.Key of the resource
	Created int64  // seconds since 1970
	ID      string
}

// Compare is negative when p comes before q in a list of this order, nil for that of
// creation.
func (p *Position) Compare(order *scim.Sort, q *Position) int {
	if c := order.CompareKeys(p.Key, q.Key); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(p.Created, q.Created), cmp.Compare(p.ID, q.ID))
}

// Get reads one resource; 404 when it does not exist over SCIM.
func (s *Store) Get(ctx context.Context, rt *scim.ResourceType, id string) (*Resource, error) {
	k, err := s.named(rt, id)
	if err != nil {
		return nil, err
	}
	if err := s.freshOne(ctx, k, id); err != nil {
		return nil, err
	}
	view := s.index.view()
	e, ok := view.shelf(s, k).live.find(id)
	if !ok {
		return nil, scim.ErrNotFound(rt.Name, id)
	}
	return s.resource(view, k, e), nil
}

// Known gives what the index has of a resource at this moment, which may not be the
// newest; nil when it has nothing. A user comes without groups.
func (s *Store) Known(rt *scim.ResourceType, id string) *Resource {
	k, err := s.named(rt, id)
	if err != nil {
		return nil
	}
	view := s.index.view()
	e, ok := view.shelf(s, k).live.find(id)
	if !ok {
		return nil
	}
	r := &Resource{}
	s.describeTo(r, view, k, e, true)
	return r
}

// freshOne makes the index show one resource, and what shows with it, as fresh does.
func (s *Store) freshOne(ctx context.Context, k *kind, id string) error {
	if s.eventual() {
		return s.serving()
	}
	user := ""
	if k == s.users {
		user = id
	}
	behind, err := s.behind(ctx, user, k.shows...)
	if err != nil {
		return err
	}
	var others []*kind
	for _, other := range behind {
		if other != k {
			others = append(others, other)
			continue
		}
		s.renewLater(k)
		e, err := s.live(ctx, k, id)
		if err != nil {
			return err
		}
		if e == nil || !e.live() {
			return nil // nothing shows
		}
		if err := s.freshManager(ctx, e); err != nil {
			return err
		}
	}
	return s.refresh(ctx, others...)
}

// freshManager makes the index show whether the manager of a user exists.
func (s *Store) freshManager(ctx context.Context, user *entry) error {
	if _, err := s.named(s.users.rt, user.manager); err != nil {
		return nil //nolint:nilerr // nobody has such an id
	}
	_, err := s.live(ctx, s.users, user.manager)
	return err
}

// concerned are the kinds that show in the answer to a query or decide about it.
func (s *Store) concerned(k *kind, q *Query) []*kind {
	var alone bool
	switch k {
	case s.users:
		alone = q.NoGroups && (q.Filter == nil || !namesGroups(q.Filter)) && (q.Sort == nil || !s.sortsByGroups(q.Sort))
	case s.groups:
		alone = q.NoMembers && (q.Filter == nil || !q.Filter.WantsMembers())
	}
	if alone || q.Count <= 0 && q.Filter == nil {
		return []*kind{k}
	}
	return k.shows
}

func (v *snapshot) shelf(s *Store, k *kind) *shelfView {
	switch k {
	case s.users:
		return &v.users
	case s.groups:
		return &v.groups
	default:
		return &v.declared[k.ordinal]
	}
}

// List reads one page of the resources that match.
func (s *Store) List(ctx context.Context, q Query) (*Page, error) {
	k, err := s.kindOf(q.Type)
	if err != nil {
		return nil, err
	}
	if err := s.freshFor(ctx, k, &q); err != nil {
		return nil, err
	}
	l := s.newListing(ctx, k, &q)
	revision := k.shelf.newest.Load()
	entries, total, err := l.page()
	if err != nil {
		return nil, err
	}
	page := &Page{Total: total, Before: min(l.first, total), Resources: make([]*Resource, len(entries)), Revision: revision}
	if len(entries) > 0 {
		page.Last = l.position(entries[len(entries)-1])
	}
	resources := make([]Resource, len(entries))
	for i, e := range entries {
		s.describeTo(&resources[i], l.view, k, e, q.NoGroups)
		page.Resources[i] = &resources[i]
	}
	return page, nil
}

func (s *Store) freshFor(ctx context.Context, k *kind, q *Query) error {
	if s.eventual() {
		return s.serving()
	}
	return s.fresh(ctx, s.concerned(k, q)...)
}

// listing answers one query on one snapshot.
type listing struct {
	store *Store
	kind  *kind
	query *Query
	view  *snapshot
	table *table

	// What comes from other resources is computed only where filter or order look at it.
	filterGroups, sortGroups bool
	first                    int // place of the page's first match, from 0; where a position decides, once it is found
	count                    int // of matches on the page at most
	parts                    int // of the filter
	scan                     *scan
}

func (s *Store) newListing(ctx context.Context, k *kind, q *Query) *listing {
	view := s.index.view()
	l := &listing{store: s, kind: k, query: q, view: view, table: &view.shelf(s, k).live,
		scan: newScan(ctx, &s.scans)}
	if q.Filter != nil {
		l.parts = q.Filter.Parts()
	}
	if q.After == nil {
		l.first = min(max(q.StartIndex, 1)-1, l.table.len())
	}
	l.count = min(max(q.Count, 0), l.table.len()) // so that no sum overflows
	if k == s.users {
		l.filterGroups = q.Filter != nil && (namesGroups(q.Filter) || namesReference(q.Filter))
		l.sortGroups = q.Sort != nil && s.sortsByGroups(q.Sort)
	}
	return l
}

// page gives the entries of the page and how many match on all pages.
func (l *listing) page() ([]*entry, int, error) {
	if l.query.Filter == nil && l.query.Sort == nil {
		return l.unfiltered(), l.table.len(), nil
	}
	defer l.scan.end()
	candidates, indexed := l.candidates()
	if !indexed {
		candidates = l.ahead()
	}
	if !indexed && l.query.Sort == nil {
		return l.inOrder(candidates)
	}
	return l.sorted(candidates)
}

// inOrder takes the page out of candidates that come in the order of the page.
func (l *listing) inOrder(candidates iter.Seq[*entry]) (found []*entry, total int, err error) {
	for e := range candidates {
		if !l.scan.spend(l.cost(e)) {
			break
		}
		if !l.matches(e) {
			continue
		}
		if l.reaches(e, total) {
			found = append(found, e)
		}
		total++
	}
	return found, total, l.scan.err
}

// sorted takes the page out of candidates in any order. It holds as many matches as come
// up to the end of the page or, where the page begins behind a position, as are on it.
func (l *listing) sorted(candidates iter.Seq[*entry]) ([]*entry, int, error) {
	kept := top{order: l.query.Sort, most: l.first + l.count}
	if l.count == 0 {
		kept.most = 0
	}
	total, before := 0, 0
	for e := range candidates {
		if !l.scan.spend(l.cost(e)) {
			break
		}
		if !l.matches(e) {
			continue
		}
		total++
		m := sortable{entry: e}
		if l.query.Sort != nil && (kept.most > 0 || l.query.After != nil) {
			m.key = l.key(e)
		}
		if l.query.After != nil && !l.isBehind(&m) {
			before++
			continue
		}
		kept.add(m)
	}
	if l.scan.err != nil {
		return nil, 0, l.scan.err
	}
	if l.query.After != nil {
		l.first = before
		return kept.entries(0), total, nil
	}
	return kept.entries(l.first), total, nil
}

// cost is what it takes to compare an entry with the filter, beside its members.
func (l *listing) cost(e *entry) int { return 1 + l.parts*e.packed.Size()/unitBytes }

// reaches says whether a match is on the page. Matches come in the order of creation;
// before is the number of those that came.
func (l *listing) reaches(e *entry, before int) bool {
	if l.query.After != nil && l.orderOfCreation(e) < 0 {
		l.first = before + 1
	}
	return before >= l.first && before < l.first+l.count
}

// isBehind says whether a match is behind the position that the query names.
func (l *listing) isBehind(m *sortable) bool {
	at := Position{Key: m.key, Created: m.entry.created, ID: m.entry.id}
	return at.Compare(l.query.Sort, l.query.After) > 0
}

// orderOfCreation is negative for what is not behind the position that the query names,
// without regard to the order it asks for.
func (l *listing) orderOfCreation(e *entry) int {
	after := l.query.After
	if cmp.Or(cmp.Compare(e.created, after.Created), cmp.Compare(e.id, after.ID)) > 0 {
		return 1
	}
	return -1
}

func (l *listing) position(e *entry) *Position {
	p := &Position{Created: e.created, ID: e.id}
	if l.query.Sort != nil {
		p.Key = l.key(e)
	}
	return p
}

func (l *listing) unfiltered() []*entry {
	if l.query.After != nil {
		l.first = l.table.byCreation.rank(l.orderOfCreation)
	}
	entries := make([]*entry, 0, min(l.count, l.table.len()-l.first))
	if cap(entries) == 0 {
		return entries
	}
	for e := range l.table.byCreation.page(l.first) {
		if entries = append(entries, e); len(entries) == cap(entries) {
			break
		}
	}
	return entries
}

func (l *listing) matches(e *entry) bool {
	if l.query.Filter == nil {
		return true
	}
	if l.kind == l.store.groups {
		return l.query.Filter.Match(e.packed, l.members(e))
	}
	if l.filterGroups {
		return l.query.Filter.Match(l.withGroups(e), nil)
	}
	return l.query.Filter.Match(e.packed, nil)
}

// members gives those of a group to a filter that looks at them.
func (l *listing) members(group *entry) scim.MemberReader {
	if !l.query.Filter.WantsMembers() {
		return nil
	}
	return groupMembers{store: l.store, view: l.view, group: group, scan: l.scan, looks: 1 + l.parts/partsPerLook}
}

// withGroups gives a user with its groups, and takes down what that costs.
func (l *listing) withGroups(user *entry) scim.Packed {
	p := l.store.withGroups(l.view, user)
	l.scan.look(1 + (p.Size()-user.packed.Size())/groupBytes)
	return p
}

// key is what an entry is sorted by.
func (l *listing) key(e *entry) string {
	if l.sortGroups {
		return l.query.Sort.Key(l.withGroups(e))
	}
	return l.query.Sort.Key(e.packed)
}
