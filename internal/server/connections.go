// SPDX-License-Identifier: Apache-2.0

package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connections bounds the connections that are open: in total, and of one source unless that
// is a trusted proxy. Where another one does not fit, one that serves no request makes room
// for it: first one on which no request has been authenticated, then one of a client that
// was, the longest idle first. So connections that nobody has authenticated on cannot keep a
// client out, however many they are.
type connections struct {
	most, ofOne int
	trusted     func(netip.Addr) bool
	metrics     *metrics

	mu      sync.Mutex
	open    int
	idle    idleConnections                   // of all sources
	sources map[netip.Addr]*sourceConnections // that have connections
}

// sourceConnections are those of one source.
type sourceConnections struct {
	open int
	idle idleConnections
}

// idleConnections are connections that may be closed to make room, the longest idle first:
// those of strangers, and those on which a request has been authenticated.
type idleConnections [2]list.List

// connection is the place of an open connection.
type connection struct {
	owner  *connections
	net    net.Conn
	from   netip.Addr
	source *sourceConnections // nil for a trusted proxy

	// The lock of the owner guards the rest.
	left          bool
	serving       int  // requests
	idle          bool // net/http waits for the next request
	authenticated bool // a request on it was
	inAll, inOwn  *list.Element
}

func newConnections(l Limits, trusted func(netip.Addr) bool, m *metrics) *connections {
	return &connections{most: l.Connections, ofOne: l.SourceConnections, trusted: trusted, metrics: m,
		sources: make(map[netip.Addr]*sourceConnections)}
}

// enter gives a connection a place, if need be that of an idle one, which it closes. It
// returns nil where there is none.
func (s *connections) enter(c net.Conn) *connection {
	address := addressOf(c.RemoteAddr().String())
	entered := &connection{owner: s, net: c, from: source(address)}
	s.mu.Lock()
	evicted, ok := s.makeRoom(entered, s.trusted(address))
	if ok {
		s.open++
		entered.rest()
	}
	s.mu.Unlock()
	if evicted != nil {
		s.metrics.evicted.Inc()
		_ = evicted.net.Close()
	}
	if !ok {
		s.metrics.refusedConnections.Inc()
		return nil
	}
	s.metrics.connections.Inc()
	return entered
}

// makeRoom takes the place of an idle connection where there is no other, of the same source
// where that has too many.
func (s *connections) makeRoom(c *connection, trusted bool) (evicted *connection, ok bool) {
	if !trusted {
		if c.source = s.sources[c.from]; c.source == nil {
			c.source = &sourceConnections{}
			s.sources[c.from] = c.source
		}
		if c.source.open >= s.ofOne {
			if evicted = c.source.idle.longest(); evicted == nil {
				return nil, false
			}
		}
	}
	if evicted == nil && s.open >= s.most {
		if evicted = s.idle.longest(); evicted == nil {
			s.forget(c)
			return nil, false
		}
	}
	if evicted != nil {
		evicted.leaveLocked()
	}
	if c.source != nil {
		c.source.open++
		s.sources[c.from] = c.source // the evicted connection may have been its last
	}
	return evicted, true
}

// forget removes a source without connections.
func (s *connections) forget(c *connection) {
	if c.source != nil && c.source.open == 0 {
		delete(s.sources, c.from)
	}
}

func (i *idleConnections) longest() *connection {
	for class := range i {
		if front := i[class].Front(); front != nil {
			return front.Value.(*connection)
		}
	}
	return nil
}

func (c *connection) class() int {
	if c.authenticated {
		return 1
	}
	return 0
}

// rest puts the connection among those that may be closed to make room.
func (c *connection) rest() {
	if c.inAll != nil || c.left {
		return
	}
	c.inAll = c.owner.idle[c.class()].PushBack(c)
	if c.source != nil {
		c.inOwn = c.source.idle[c.class()].PushBack(c)
	}
}

// busy takes it out from among them.
func (c *connection) busy() {
	if c.inAll == nil {
		return
	}
	c.owner.idle[c.class()].Remove(c.inAll)
	if c.inOwn != nil {
		c.source.idle[c.class()].Remove(c.inOwn)
	}
	c.inAll, c.inOwn = nil, nil
}

// begin takes down that a request is being served. A nil connection has no place.
func (c *connection) begin() {
	if c == nil {
		return
	}
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	c.serving++
	c.busy()
}

// end takes down that a request has been served. A connection whose client nobody has
// authenticated may then be closed at once, whatever still comes or goes on it; another one
// when it is idle.
func (c *connection) end() {
	if c == nil {
		return
	}
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	c.serving--
	c.restIfIdle()
}

func (c *connection) restIfIdle() {
	if c.serving == 0 && (c.idle || !c.authenticated) {
		c.rest()
	}
}

// authenticate takes down that a request on it has been authenticated.
func (c *connection) authenticate() {
	if c == nil {
		return
	}
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	c.authenticated = true // no request is served on those that rest, so that it is in no list
}

// turn takes down what net/http tells of the connection.
func (c *connection) turn(state http.ConnState) {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	switch state {
	case http.StateIdle:
		c.idle = true
		c.restIfIdle()
	case http.StateActive:
		if c.idle = false; c.authenticated {
			c.busy() // a request is arriving
		}
	default:
	}
}

// leave gives the place back. It may be called more than once.
func (c *connection) leave() {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	c.leaveLocked()
}

func (c *connection) leaveLocked() {
	if c.left {
		return
	}
	c.busy()
	c.left = true
	c.owner.open--
	if c.source != nil {
		c.source.open--
		c.owner.forget(c)
	}
	c.owner.metrics.connections.Dec()
}

type connectionKey struct{}

// withConnection is http.Server.ConnContext.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if placed, ok := c.(*wireConn); ok {
		return context.WithValue(ctx, connectionKey{}, placed.place)
	}
	return ctx
}

// connectionOf returns the connection that a request came on, nil when the server does not
// see to it.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// turned is http.Server.ConnState.
func turned(c net.Conn, state http.ConnState) {
	if placed, ok := c.(*wireConn); ok {
		placed.place.turn(state)
	}
}
