// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// Store is what the server needs of package store; *store.Store is one. Errors are
// *scim.Error, for the client, or *store.Unavailable.
type Store interface {
	Create(ctx context.Context, rt *scim.ResourceType, p *scim.Parsed) (*store.Resource, error)
	Get(ctx context.Context, rt *scim.ResourceType, id string) (*store.Resource, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
	Update(ctx context.Context, rt *scim.ResourceType, id string, m store.Match, mutate store.Mutate) (*store.Resource, bool, error)
	Delete(ctx context.Context, rt *scim.ResourceType, id string, m store.Match) error
	// Known is what is known of a resource at once, perhaps not the newest; nil for nothing.
	Known(rt *scim.ResourceType, id string) *store.Resource
	// Unfinished returns the number of writes that go on after their clients have gone away.
	Unfinished() int
}

var _ Store = (*store.Store)(nil)

// State says whether requests are to be answered at all. Both refuse with 503 and
// Retry-After, which identity providers take as "later" and not as "no".
type State interface {
	// Serving is nil when requests can be answered, and otherwise says for the log why
	// not: tokens not known, other replicas not told.
	Serving() error
	// Paused says that the administrator has paused provisioning.
	Paused() bool
}

// Config is what a Server needs. Everything but AccessTokens, Issuer, Peers, Me, MeOfTokens,
// Proxies, Limits, Audit, Notes and Log is required.
type Config struct {
	BaseURL      string         // of the SCIM service; its path is served, and begins meta.location
	Types        *scim.Registry // the resource types served
	Store        Store
	Tokens       TokenVerifier
	AccessTokens AccessTokens // nil for none
	Issuer       string       // of access tokens, for /ServiceProviderConfig; "" for none
	State        State
	Cursors      CursorKeys
	Peers        Peers          // nil for none
	Me           *Subject       // whom tokens authenticate that name no user; nil for nobody
	MeOfTokens   *TokenSubjects // whom access tokens name; nil when that does not count
	Proxies      []netip.Prefix // who may say where a request comes from
	Limits       Limits
	Audit        Audit
	Notes        Notes // nil for none
	Metrics      prometheus.Registerer
	Log          logr.Logger

	IgnoreUnknownAttributes bool // in a PATCH; otherwise the answer is 400
}

// Server is an http.Handler that serves one SCIM endpoint. Serve it with Serve, which
// also sees to the connections.
type Server struct {
	baseURL      string
	router       *router
	types        []*resourceType
	discovery    *discovery
	store        Store
	tokens       TokenVerifier
	accessTokens AccessTokens
	state        State
	cursors      CursorKeys
	peers        Peers
	me           *me // nil when /Me is nobody
	proxies      []netip.Prefix
	failures     *failures
	rates        *rates
	bodies       *semaphore.Weighted // bytes of large bodies being served
	strangers    *semaphore.Weighted // refusals of nobody who was let in that have not left yet
	bookmarks    bookmarks
	limits       Limits
	metrics      *metrics
	connections  *connections
	log          logr.Logger
	access       accessLog
	audit        auditLog
	notes        Notes
	patchOptions []scim.PatchOption
	userName     userAttribute

	now      func() time.Time // tests move it
	serving  atomic.Int64
	draining atomic.Bool
}

// check gives the base URL, or says what is wrong with the configuration.
func (c *Config) check() (*url.URL, error) {
	base, err := url.Parse(c.BaseURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("base URL: %w", err)
	case (base.Scheme != "https" && base.Scheme != "http") || base.Host == "":
		return nil, errors.New("base URL: it does not look like https://host/path")
	case base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return nil, errors.New("base URL: it has a query, a fragment or user information")
	case c.Types == nil || c.Store == nil || c.Tokens == nil || c.State == nil || c.Cursors == nil || c.Metrics == nil:
		return nil, errors.New("types, store, tokens, state, keys of cursors and metrics are required")
	}
	return base, nil
}

func (c *Config) patchOptions() []scim.PatchOption {
	if c.IgnoreUnknownAttributes {
		return []scim.PatchOption{scim.IgnoreUnknown()}
	}
	return nil
}

// New makes a Server, or says what is wrong with the configuration.
func New(c Config) (*Server, error) {
	base, err := c.check()
	if err != nil {
		return nil, err
	}
	limits := c.Limits.withDefaults()
	if err := limits.check(); err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, err
	}
	baseURL := strings.TrimRight(c.BaseURL, "/")
	types := resourceTypes(c.Types)
	me, err := newMe(c.Types.User(), c.Me, c.MeOfTokens)
	if err != nil {
		return nil, err
	}
	s := &Server{
		baseURL:      baseURL,
		router:       newRouter(base, types, me != nil),
		types:        types,
		discovery:    newDiscovery(c.Types, baseURL, limits, c.Issuer),
		store:        &measuredStore{next: c.Store, metrics: m},
		tokens:       c.Tokens,
		accessTokens: c.AccessTokens,
		state:        c.State,
		cursors:      c.Cursors,
		peers:        c.Peers,
		me:           me,
		proxies:      c.Proxies,
		failures:     newFailures(),
		rates:        newRates(limits.RequestsPerSecond),
		bodies:       semaphore.NewWeighted(bodiesAtOnce * max(limits.BodyBytes, limits.BulkBytes)),
		strangers:    semaphore.NewWeighted(strangersAtOnce),
		now:          time.Now,
		limits:       limits,
		metrics:      m,
		log:          c.Log,
		access:       newAccessLog(c.Log.WithName("access")),
		audit:        newAuditLog(c.Audit),
		notes:        c.Notes,
		patchOptions: c.patchOptions(),
		userName:     userAttribute{c.Types.User(), c.Types.User().Attribute("userName")},
	}
	s.connections = newConnections(limits, s.trusted, m)
	return s, nil
}

func resourceTypes(registry *scim.Registry) []*resourceType {
	all := registry.ResourceTypes()
	types := make([]*resourceType, 0, len(all))
	for _, rt := range all {
		t := &resourceType{ResourceType: rt}
		if rt == registry.User() {
			t.groups, t.version = rt.Attribute("groups"), rt.Attribute("meta.version")
		}
		types = append(types, t)
	}
	return types
}

// ServeHTTP answers one request. Whatever happens, the answer is a SCIM response and
// the access log has a line.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.newExchange(w, r)
	defer x.finish()
	switch err := s.answer(x); {
	case err == nil:
	case x.tokenID == "":
		x.refuseStranger(err)
	default:
		x.refuse(err)
	}
}

func (s *Server) answer(x *exchange) error {
	if err := s.limits.admits(x.r); err != nil {
		return err
	}
	if err := s.admit(x); err != nil {
		return err
	}
	// Only authenticated requests take a place, so that other callers cannot take all places.
	defer s.serving.Add(-1)
	// A write that goes on after its client has gone away keeps its place.
	if s.serving.Add(1)+int64(s.store.Unfinished()) > int64(s.limits.Concurrent) {
		return errBusy()
	}
	handle := x.route.any
	if handle == nil {
		handle = x.route.methods[x.r.Method]
	}
	if handle == nil {
		return errMethod(x.route.allow)
	}
	x.bounded = requestContext{Context: x.r.Context(), deadline: x.start.Add(s.limits.RequestTimeout)}
	defer x.bounded.release()
	defer func() { s.bodies.Release(x.room) }()
	x.ctx = &x.bounded
	return handle(s, x)
}

// admit lets in who has a token, while the endpoint takes requests. A server that does
// not know its tokens yet says "later" and not "no": a 401 makes identity providers
// give up.
func (s *Server) admit(x *exchange) error {
	if err := s.state.Serving(); err != nil {
		return errNotServing(err)
	}
	tokenID, err := s.authenticate(x.r)
	if err != nil {
		x.unauthenticated = true
		return err
	}
	x.tokenID = tokenID
	x.connection.authenticate()
	if isChange(x.r.Method, x.route) {
		x.change = &change{method: x.r.Method, id: x.id}
		if x.route.typ != nil {
			x.change.rt = x.route.typ.ResourceType
		}
	}
	if s.state.Paused() {
		return errPaused()
	}
	if wait := s.rates.take(tokenID, s.now()); wait > 0 {
		s.metrics.throttled.Inc()
		return errTooManyRequests(s.limits.RequestsPerSecond, wait)
	}
	return nil
}

func (s *Server) options(x *exchange) error {
	x.w.Header().Set("Allow", x.route.allow)
	x.sendStatus(http.StatusNoContent)
	return nil
}
