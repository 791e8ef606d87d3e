// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// memoryStore is a Store in memory that keeps the contract of package store, so that
// what is tested here is the server.
type memoryStore struct {
	mu      sync.Mutex
	baseURL string
	types   *scim.Registry
	records []*record
	clock   time.Time
	before  func(ctx context.Context, operation string) error // a fault or a delay to inject
	lists   []store.Query                                     // the queries it was asked
	reader  func(scim.MemberList) scim.MemberReader           // gives members instead of the list itself

	unfinished atomic.Int64
}

type record struct {
	rt         *scim.ResourceType
	id         string
	object     *scim.Object
	members    []scim.Member
	deleted    bool
	refused    bool // a refusal is noted on it
	generation int
	created    time.Time
	modified   time.Time
}

func newMemoryStore(baseURL string) *memoryStore {
	return &memoryStore{
		baseURL: baseURL,
		types:   scim.Core(),
		clock:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func (m *memoryStore) enter(ctx context.Context, operation string) error {
	if m.before != nil {
		return m.before(ctx, operation)
	}
	return nil
}

func (m *memoryStore) now() time.Time {
	m.clock = m.clock.Add(time.Second)
	return m.clock
}

func (m *memoryStore) Create(ctx context.Context, rt *scim.ResourceType, p *scim.Parsed) (*store.Resource, error) {
	if err := m.enter(ctx, "create"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.returning(rt, p.Object)
	if a, holder := m.taken(rt, p.Object, r); a != nil {
		return nil, uniqueness(rt, a, holder)
	}
	now, existing, returned := m.now(), r != nil && !r.deleted, r != nil
	if r == nil {
		r = &record{rt: rt, id: uuid.NewString(), created: now}
		m.records = append(m.records, r)
	}
	r.object, r.members, r.deleted, r.modified = p.Object, p.Members, false, now
	r.generation++
	created := m.resource(r)
	created.Existing, created.Returned = existing, returned
	return created, nil
}

func (m *memoryStore) Get(ctx context.Context, rt *scim.ResourceType, id string) (*store.Resource, error) {
	if err := m.enter(ctx, "get"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(rt, id)
	if err != nil {
		return nil, err
	}
	return m.resource(r), nil
}

// Unfinished is what a test sets: here everything ends with its request.
func (m *memoryStore) Unfinished() int { return int(m.unfinished.Load()) }

func (m *memoryStore) Known(rt *scim.ResourceType, id string) *store.Resource {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, err := m.find(rt, id); err == nil {
		return m.resource(r)
	}
	return nil
}

func (m *memoryStore) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if err := m.enter(ctx, "list"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists = append(m.lists, q)
	var found []*store.Resource
	for _, r := range m.records {
		if r.rt != q.Type || r.deleted {
			continue
		}
		resource := m.resource(r)
		if q.Filter == nil || q.Filter.Match(q.Type.Pack(resource.Object()), resource.Members()) {
			found = append(found, resource)
		}
	}
	slices.SortStableFunc(found, func(a, b *store.Resource) int {
		return q.Sort.CompareKeys(q.Sort.Key(q.Type.Pack(a.Object())), q.Sort.Key(q.Type.Pack(b.Object())))
	})
	first := min(max(q.StartIndex, 1)-1, len(found))
	if q.After != nil {
		first = 0
		for first < len(found) && !m.behind(q, found[first]) {
			first++
		}
	}
	page := &store.Page{Total: len(found), Before: first}
	for _, r := range m.records {
		page.Revision += uint64(r.generation)
	}
	if page.Resources = found[first:min(len(found), first+max(q.Count, 0))]; len(page.Resources) > 0 {
		page.Last = m.position(q, page.Resources[len(page.Resources)-1])
	}
	return page, nil
}

func (m *memoryStore) position(q store.Query, r *store.Resource) *store.Position {
	at := slices.IndexFunc(m.records, func(other *record) bool { return other.id == r.ID })
	return &store.Position{Key: q.Sort.Key(q.Type.Pack(r.Object())), Created: int64(at), ID: r.ID}
}

func (m *memoryStore) behind(q store.Query, r *store.Resource) bool {
	p := m.position(q, r)
	if c := q.Sort.CompareKeys(p.Key, q.After.Key); c != 0 {
		return c > 0
	}
	return p.Created > q.After.Created
}

func (m *memoryStore) Update(ctx context.Context, rt *scim.ResourceType, id string, match store.Match, mutate store.Mutate) (*store.Resource, bool, error) {
	if err := m.enter(ctx, "update"); err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(rt, id)
	if err != nil {
		return nil, false, err
	}
	current := m.resource(r)
	if !match.Holds(current.Version) {
		return nil, false, scim.ErrInvalidVersion()
	}
	var members *scim.Members
	if rt.Members() != nil {
		members = scim.NewMembers(scim.MemberList(r.members))
	}
	object, changed, err := mutate(current.Object(), members)
	if err != nil || !changed {
		return current, false, err
	}
	if a, holder := m.taken(rt, object, r); a != nil {
		return nil, false, uniqueness(rt, a, holder)
	}
	r.object, r.modified = object, m.now()
	if members != nil {
		r.members = slices.Collect(members.All())
	}
	r.generation++
	return m.resource(r), true, nil
}

func (m *memoryStore) Delete(ctx context.Context, rt *scim.ResourceType, id string, match store.Match) error {
	if err := m.enter(ctx, "delete"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(rt, id)
	if err != nil {
		return err
	}
	if !match.Holds(m.version(r)) {
		return scim.ErrInvalidVersion()
	}
	r.deleted = true
	r.generation++
	return nil
}

func (m *memoryStore) find(rt *scim.ResourceType, id string) (*record, error) {
	for _, r := range m.records {
		if r.rt == rt && r.id == id && !r.deleted {
			return r, nil
		}
	}
	return nil, scim.ErrNotFound(rt.Name, id)
}

func uniqueness(rt *scim.ResourceType, a *scim.Attribute, holder string) error {
	err := scim.ErrUniqueness(rt.Name, a.Path())
	err.Holder = holder
	return err
}

func (m *memoryStore) setRefused(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		r.refused = r.refused || r.id == id
	}
}

// taken gives the unique attribute whose value another resource has, nil for none, and
// that resource's id.
func (m *memoryStore) taken(rt *scim.ResourceType, o *scim.Object, self *record) (*scim.Attribute, string) {
	for a := range rt.Attributes() {
		if a.Uniqueness == scim.UniquenessNone || a.Mutability == scim.ReadOnly || o.Text(a) == "" {
			continue
		}
		if i := slices.IndexFunc(m.records, func(r *record) bool {
			return r != self && r.rt == rt && !r.deleted && a.Fold(r.object.Text(a)) == a.Fold(o.Text(a))
		}); i >= 0 {
			return a, m.records[i].id
		}
	}
	return nil, ""
}

// returning finds the record of a deleted or deactivated user who comes back, which the
// externalId alone tells.
func (m *memoryStore) returning(rt *scim.ResourceType, o *scim.Object) *record {
	external, name, active := rt.Attribute("externalId"), rt.Attribute("userName"), rt.Attribute("active")
	if name == nil {
		return nil
	}
	for _, r := range m.records {
		if r.rt != rt {
			continue
		}
		if o.Text(external) == "" || r.object.Text(external) != o.Text(external) {
			continue
		}
		sameName := scim.FoldName(r.object.Text(name)) == scim.FoldName(o.Text(name))
		on, said := r.object.Bool(active)
		if r.deleted || sameName && said && !on {
			return r
		}
	}
	return nil
}

func (m *memoryStore) version(r *record) string {
	return store.VersionOf(int64(r.generation), m.groupsOf(r))
}

func (m *memoryStore) resource(r *record) *store.Resource {
	meta := scim.NewBuilder(5)
	meta.SetText(r.rt.Attribute("meta.resourceType"), r.rt.Name)
	meta.SetText(r.rt.Attribute("meta.created"), r.created.Format(time.RFC3339))
	meta.SetText(r.rt.Attribute("meta.lastModified"), r.modified.Format(time.RFC3339))
	meta.SetText(r.rt.Attribute("meta.location"), m.baseURL+r.rt.Endpoint+"/"+r.id)
	meta.SetText(r.rt.Attribute("meta.version"), m.version(r))
	object := r.object.With(r.rt.Attribute("id"), r.id).With(r.rt.Attribute("meta"), meta.Object())
	if groups := r.rt.Attribute("groups"); groups != nil {
		object = object.With(groups, m.groupsOf(r))
		object = m.withManager(r.rt, object)
	}
	var members scim.MemberReader
	if r.rt.Members() != nil {
		if members = m.memberList(r); m.reader != nil {
			members = m.reader(m.memberList(r))
		}
	}
	resource := store.NewResource(r.rt, m.version(r), object, members)
	resource.Generation, resource.Refused = int64(r.generation), r.refused
	return resource
}

// withManager fills in the reference to a user's manager who exists.
func (m *memoryStore) withManager(rt *scim.ResourceType, user *scim.Object) *scim.Object {
	container := rt.Attribute(scim.EnterpriseUserSchema)
	attribute := rt.Attribute(scim.EnterpriseUserSchema + ":manager")
	if container == nil || attribute == nil {
		return user
	}
	enterprise := user.Object(container)
	manager := enterprise.Object(attribute)
	id := manager.Text(rt.Attribute(scim.EnterpriseUserSchema + ":manager.value"))
	for _, other := range m.records {
		if other.rt == rt && other.id == id && !other.deleted {
			manager = manager.With(rt.Attribute(scim.EnterpriseUserSchema+":manager.$ref"), m.baseURL+rt.Endpoint+"/"+id)
			return user.With(container, enterprise.With(attribute, manager))
		}
	}
	return user
}

func (m *memoryStore) groupsOf(r *record) scim.List {
	var groups scim.List
	if r.rt.Attribute("groups") == nil {
		return nil
	}
	for _, g := range m.records {
		if g.deleted || !slices.ContainsFunc(g.members, func(member scim.Member) bool { return member.Value == r.id }) {
			continue
		}
		b := scim.NewBuilder(4)
		b.SetText(r.rt.Attribute("groups.value"), g.id)
		b.SetText(r.rt.Attribute("groups.$ref"), m.baseURL+g.rt.Endpoint+"/"+g.id)
		b.SetText(r.rt.Attribute("groups.display"), g.object.Text(g.rt.Attribute("displayName")))
		b.SetText(r.rt.Attribute("groups.type"), "direct")
		groups = append(groups, b.Object())
	}
	return groups
}

// memberList fills in what a store resolves.
func (m *memoryStore) memberList(r *record) scim.MemberList {
	list := slices.Clone(r.members)
	if len(list) > 1000 {
		return list
	}
	for i := range list {
		for _, other := range m.records {
			if other.id == list[i].Value && !other.deleted {
				list[i].Type = other.rt.Name
				list[i].Display = other.object.Text(other.rt.Attribute("displayName"))
				list[i].Ref = m.baseURL + other.rt.Endpoint + "/" + other.id
			}
		}
	}
	return list
}
