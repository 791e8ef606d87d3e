// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"scim-operator.io/internal/scim"
)

// handler answers one request, or gives the error to answer with.
type handler func(*Server, *exchange) error

// route is what can be done at one kind of path.
type route struct {
	pattern string // for logs and metrics: never an id
	allow   string
	methods map[string]handler
	any     handler // for every method, instead of methods
	// typ is nil where the path is not about one resource type.
	typ *resourceType
}

// resourceType is a type served, with what every request about it needs.
type resourceType struct {
	*scim.ResourceType
	groups, version *scim.Attribute // a user's computed groups, and what depends on them; nil for other types

	collection, resource, search *route
}

// router finds the route of a path below the base URL's. Empty segments do not count:
// a slash too many, within the path or at its end, is a common slip in base URLs. The
// names of endpoints are in any case; ids are not.
type router struct {
	origin string // scheme, host and port of the base URL
	prefix []string
	names  map[string]string        // of one-segment paths and endpoints, by what they are in lower case
	fixed  map[string]*route        // paths of one segment
	byID   map[string]*route        // the first of two segments, for discovery documents
	types  map[string]*resourceType // by the segment of their endpoint
	root   *route
	me     *route
	none   *route
}

const (
	searchSegment = ".search"
	meSegment     = "Me"
)

func newRouter(base *url.URL, types []*resourceType, me bool) *router {
	discovery := func(pattern string, list handler) *route {
		return newRoute(pattern, nil, map[string]handler{http.MethodGet: list})
	}
	r := &router{
		origin: originOf(base),
		prefix: segments(nil, base.Path),
		names:  map[string]string{"me": meSegment},
		types:  make(map[string]*resourceType, len(types)),
		root:   newRoute("/", nil, map[string]handler{http.MethodGet: (*Server).listAll}),
		me:     &route{pattern: "/Me", any: notImplemented("/Me")},
		none:   &route{pattern: "other", any: func(*Server, *exchange) error { return errNoRoute() }},
		fixed: map[string]*route{
			"ServiceProviderConfig": discovery("/ServiceProviderConfig", (*Server).serviceProviderConfig),
			"ResourceTypes":         discovery("/ResourceTypes", (*Server).listResourceTypes),
			"Schemas":               discovery("/Schemas", (*Server).listSchemas),
			"Bulk":                  newRoute("/Bulk", nil, map[string]handler{http.MethodPost: (*Server).bulk}),
			searchSegment: newRoute("/.search", nil,
				map[string]handler{http.MethodPost: (*Server).searchAll}),
		},
		byID: map[string]*route{
			"ResourceTypes": discovery("/ResourceTypes/{id}", (*Server).getResourceType),
			"Schemas":       discovery("/Schemas/{id}", (*Server).getSchema),
		},
	}
	for name := range r.fixed {
		r.names[strings.ToLower(name)] = name
	}
	for _, t := range types {
		r.addType(t)
		if me && t.groups != nil {
			r.me = newMeRoute(t)
		}
	}
	return r
}

func (r *router) addType(t *resourceType) {
	t.collection = newRoute(t.Endpoint, t, map[string]handler{
		http.MethodGet:  (*Server).list,
		http.MethodPost: (*Server).create,
	})
	t.resource = newRoute(t.Endpoint+"/{id}", t, map[string]handler{
		http.MethodGet:    (*Server).get,
		http.MethodPut:    (*Server).replace,
		http.MethodPatch:  (*Server).patch,
		http.MethodDelete: (*Server).delete,
	})
	t.search = newRoute(t.Endpoint+"/"+searchSegment, t, map[string]handler{http.MethodPost: (*Server).search})
	name := strings.TrimPrefix(t.Endpoint, "/")
	r.types[name], r.names[strings.ToLower(name)] = t, name
}

// newRoute adds what every route allows: HEAD as GET, and OPTIONS.
func newRoute(pattern string, typ *resourceType, methods map[string]handler) *route {
	if get, ok := methods[http.MethodGet]; ok {
		methods[http.MethodHead] = get
	}
	methods[http.MethodOptions] = (*Server).options
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		if methods[method] != nil {
			allowed = append(allowed, method)
		}
	}
	return &route{pattern: pattern, typ: typ, methods: methods, allow: strings.Join(allowed, ", ")}
}

func notImplemented(what string) handler {
	return func(*Server, *exchange) error { return errNotImplemented(what) }
}

// find gives the route of a path and the id in it; it always gives a route.
func (r *router) find(path string) (found *route, id string) {
	var few [8]string
	rest, ok := r.below(segments(few[:0], path))
	if !ok {
		return r.none, ""
	}
	if len(rest) > 0 {
		rest[0] = r.spelled(rest[0])
	}
	switch {
	case len(rest) == 0:
		return r.root, ""
	case rest[0] == meSegment && (len(rest) == 1 || r.me.any != nil):
		return r.me, ""
	case len(rest) == 1:
		return r.collection(rest[0]), ""
	case len(rest) == 2:
		return r.member(rest[0], rest[1])
	default:
		return r.none, ""
	}
}

// spelled returns the name of an endpoint as it is served, given it in any case.
func (r *router) spelled(name string) string {
	if r.types[name] != nil || r.fixed[name] != nil {
		return name
	}
	if served, ok := r.names[strings.ToLower(name)]; ok {
		return served
	}
	return name
}

func (r *router) below(path []string) (rest []string, ok bool) {
	if len(path) < len(r.prefix) {
		return nil, false
	}
	for i, segment := range r.prefix {
		if path[i] != segment {
			return nil, false
		}
	}
	return path[len(r.prefix):], true
}

func (r *router) collection(name string) *route {
	if t := r.types[name]; t != nil {
		return t.collection
	}
	if fixed := r.fixed[name]; fixed != nil {
		return fixed
	}
	return r.none
}

func (r *router) member(name, id string) (*route, string) {
	t := r.types[name]
	switch {
	case t != nil && id == searchSegment:
		return t.search, ""
	case t != nil:
		return t.resource, id
	case r.byID[name] != nil:
		return r.byID[name], id
	default:
		return r.none, ""
	}
}

// segments appends the segments of a path.
func segments(out []string, path string) []string {
	for len(path) > 0 {
		segment, rest, _ := strings.Cut(path, "/")
		if segment != "" {
			out = append(out, segment)
		}
		path = rest
	}
	return out
}

// ofOperation returns the segments of the path of a Bulk operation below the base URL. The
// path may begin with the base URL's, or be an absolute URL of this server.
func (r *router) ofOperation(path string) ([]string, error) {
	if strings.ContainsAny(path, "?#") {
		return nil, errBulkPath("an operation has no query")
	}
	absolute := strings.Contains(path, "://")
	if absolute {
		u, err := url.Parse(path)
		if err != nil || u.User != nil || originOf(u) != r.origin {
			return nil, errBulkPath("it is not a URL of this server")
		}
		path = u.Path
	} else {
		var err error
		if path, err = url.PathUnescape(path); err != nil {
			return nil, errBulkPath("it is not well-formed")
		}
	}
	parts := segments(nil, path)
	if rest, ok := r.belowInAnyCase(parts); ok && (absolute || len(rest) > 0 && r.types[r.spelled(rest[0])] != nil) {
		parts = rest
	} else if absolute {
		return nil, errBulkPath("it is not a URL below the base URL")
	}
	if len(parts) > 0 {
		parts[0] = r.spelled(parts[0])
	}
	return parts, nil
}

func (r *router) belowInAnyCase(path []string) (rest []string, ok bool) {
	if len(path) < len(r.prefix) || !slices.EqualFunc(path[:len(r.prefix)], r.prefix, strings.EqualFold) {
		return nil, false
	}
	return path[len(r.prefix):], true
}

// originOf returns the scheme, the host and the port of a URL, each in one spelling.
func originOf(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	switch {
	case port != "":
	case scheme == "https":
		port = "443"
	case scheme == "http":
		port = "80"
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
