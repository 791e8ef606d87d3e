// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"
	"strings"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// get reads one resource (RFC 7644 §3.4.1), or says that it is still what the client
// has (RFC 7232 §4.1).
func (s *Server) get(x *exchange) error {
	projection, err := x.projection()
	if err != nil {
		return err
	}
	resource, err := s.store.Get(x.ctx, x.route.typ.ResourceType, x.id)
	if err != nil {
		return err
	}
	ifMatch, ifNoneMatch := x.conditions()
	if !store.NewMatch(ifMatch, "").Holds(resource.Version) {
		return scim.ErrInvalidVersion()
	}
	if store.NewMatch("", ifNoneMatch).NotModified(resource.Version) {
		x.describe(resource)
		x.sendStatus(http.StatusNotModified)
		return nil
	}
	x.sendResource(http.StatusOK, resource, projection)
	return nil
}

// create makes a resource (RFC 7644 §3.3).
func (s *Server) create(x *exchange) error {
	projection, body, err := x.content()
	if err != nil {
		return err
	}
	parsed, err := x.route.typ.ParseNew(body)
	if err != nil {
		return err
	}
	return x.sendCreated(projection, parsed)
}

// sendCreated makes a resource of the route's type and answers with it.
func (x *exchange) sendCreated(projection *scim.Projection, parsed *scim.Parsed) error {
	rt := x.route.typ.ResourceType
	resource, err := x.server.createParsed(x.ctx, rt, parsed, x.change)
	if err != nil {
		return err
	}
	x.sendResource(http.StatusCreated, resource, projection)
	return nil
}

func (s *Server) createResource(ctx context.Context, rt *scim.ResourceType, body []byte, c *change) (*store.Resource, error) {
	parsed, err := rt.ParseNew(body)
	if err != nil {
		return nil, err
	}
	return s.createParsed(ctx, rt, parsed, c)
}

func (s *Server) createParsed(ctx context.Context, rt *scim.ResourceType, parsed *scim.Parsed, c *change) (*store.Resource, error) {
	c.userName = s.userName.of(rt, parsed.Object)
	s.noteIgnored(c, parsed.Ignored)
	resource, err := s.store.Create(ctx, rt, parsed)
	if err == nil {
		c.created(resource, parsed)
	}
	return resource, s.acknowledge(err)
}

func (s *Server) location(rt *scim.ResourceType, id string) string {
	return s.baseURL + rt.Endpoint + "/" + id
}

// replace is PUT (RFC 7644 §3.5.1): what the body does not name is removed, a group's
// members included.
func (s *Server) replace(x *exchange) error {
	projection, body, err := x.content()
	if err != nil {
		return err
	}
	resource, err := s.replaceResource(x.ctx, x.route.typ.ResourceType, x.id, x.match(), body, x.change)
	if err != nil {
		return err
	}
	x.sendResource(http.StatusOK, resource, projection)
	return nil
}

func (s *Server) replaceResource(ctx context.Context, rt *scim.ResourceType, id string, m store.Match, body []byte, c *change) (*store.Resource, error) {
	desired, err := rt.Parse(body)
	if err != nil {
		return nil, err
	}
	s.noteIgnored(c, desired.Ignored)
	mutate := func(current *scim.Object, members *scim.Members) (*scim.Object, bool, error) {
		result, changed, err := rt.Replace(current, desired.Object)
		if err == nil && members != nil && members.Set(desired.Members) {
			changed = true
		}
		return result, changed, err
	}
	return s.update(ctx, rt, id, m, mutate, c)
}

// patch changes a resource (RFC 7644 §3.5.2). The answer for a group is 204 unless the
// client asks for attributes: nobody who adds one member wants 100,000 back.
func (s *Server) patch(x *exchange) error {
	projection, body, err := x.content()
	if err != nil {
		return err
	}
	rt := x.route.typ.ResourceType
	resource, err := s.patchResource(x.ctx, rt, x.id, x.match(), body, x.change)
	if err != nil {
		return err
	}
	if rt.Members() != nil && projection == nil {
		x.resourceID = resource.ID
		x.setVersion(resource)
		x.sendStatus(http.StatusNoContent)
		return nil
	}
	x.sendResource(http.StatusOK, resource, projection)
	return nil
}

func (s *Server) patchResource(ctx context.Context, rt *scim.ResourceType, id string, m store.Match, body []byte, c *change) (*store.Resource, error) {
	patch, err := rt.ParsePatch(body, s.patchOptions...)
	if err != nil {
		return nil, err
	}
	s.noteIgnored(c, patch.Ignored())
	return s.update(ctx, rt, id, m, patch.Apply, c)
}

// update changes a resource and notes what has changed.
func (s *Server) update(ctx context.Context, rt *scim.ResourceType, id string, m store.Match, mutate store.Mutate, c *change) (*store.Resource, error) {
	var attributes []string
	resource, changed, err := s.store.Update(ctx, rt, id, m, noting(mutate, &attributes))
	if err == nil {
		c.updated(resource, changed, attributes)
	}
	return resource, s.acknowledge(err)
}

// delete removes a resource (RFC 7644 §3.6).
func (s *Server) delete(x *exchange) error {
	if err := s.deleteResource(x.ctx, x.route.typ.ResourceType, x.id, x.match(), x.change); err != nil {
		return err
	}
	x.sendStatus(http.StatusNoContent)
	return nil
}

func (s *Server) deleteResource(ctx context.Context, rt *scim.ResourceType, id string, m store.Match, c *change) error {
	before := s.store.Known(rt, id)
	err := s.store.Delete(ctx, rt, id, m)
	if err == nil {
		c.deleted(before)
	}
	return s.acknowledge(err)
}

// acknowledge lets a write be answered with success while the other servers know this
// one. They do not ask one that was taken from their list what it has written, and would
// go on answering as if nothing had been.
func (s *Server) acknowledge(err error) error {
	if err != nil {
		return err
	}
	if err := s.state.Serving(); err != nil {
		return errUnacknowledged(err)
	}
	return nil
}

// content reads what a write says: which attributes the answer is to have, and the body.
func (x *exchange) content() (*scim.Projection, []byte, error) {
	projection, err := x.projection()
	if err != nil {
		return nil, nil, err
	}
	body, err := x.readBody()
	return projection, body, err
}

// projection reads which attributes the answer is to have; nil is the default.
func (x *exchange) projection() (*scim.Projection, error) {
	if x.r.URL.RawQuery == "" {
		return nil, nil
	}
	p, err := x.server.limits.parseParameters(x.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	return x.route.typ.ParseProjection(p.attributes, p.excluded)
}

// conditions gives the headers If-Match and If-None-Match, each joined as RFC 7230
// §3.2.2 allows.
func (x *exchange) conditions() (ifMatch, ifNoneMatch string) {
	return strings.Join(x.r.Header["If-Match"], ","), strings.Join(x.r.Header["If-None-Match"], ",")
}

func (x *exchange) match() store.Match { return store.NewMatch(x.conditions()) }
