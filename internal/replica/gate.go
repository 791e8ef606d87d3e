// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// What may be under way at once on the port for peers. A peer asks on one line, and
// connsToPeer questions beside.
const (
	maxRequestsOfOne    = 32
	maxRequestsOfOthers = 64
	maxConnsOfOne       = 64
	maxConnsOfOthers    = 256
)

// gate bounds how much is under way at once: from one address, and from all addresses
// together that are no peer's. So strangers cannot keep peers out, however many they are;
// they only keep out each other.
type gate struct {
	ofOne, ofOthers int
	isPeer          func(netip.Addr) bool

	mu     sync.Mutex
	held   map[netip.Addr]int
	others int
}

// enter lets in what comes from an address, or not. What was let in has to leave.
func (g *gate) enter(address string) (leave func(), ok bool) {
	from := addressOf(address)
	peer := g.isPeer(from)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[from] >= g.ofOne || !peer && g.others >= g.ofOthers {
		return nil, false
	}
	if g.held == nil {
		g.held = make(map[netip.Addr]int)
	}
	g.held[from]++
	if !peer {
		g.others++
	}
	return sync.OnceFunc(func() { g.leave(from, peer) }), true
}

func (g *gate) leave(from netip.Addr, peer bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[from]--; g.held[from] == 0 {
		delete(g.held, from)
	}
	if !peer {
		g.others--
	}
}

// addressOf gives the host of host:port, the zero Addr when it is no IP address.
func addressOf(hostPort string) netip.Addr {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	address, _ := netip.ParseAddr(host)
	return address.Unmap().WithZone("")
}

// isPeer says whether an address is that of an entered replica.
func (r *Replica) isPeer(from netip.Addr) bool {
	for _, p := range r.roster.view().peers {
		if from.IsValid() && addressOf(p.Address) == from {
			return true
		}
	}
	return false
}

// bounded answers 503 at once where too much is under way. A question has no body.
func (g *gate) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ContentLength != 0 {
			w.Header().Set("Connection", "close")
			http.Error(w, "a question has no body", http.StatusRequestEntityTooLarge)
			return
		}
		leave, ok := g.enter(req.RemoteAddr)
		if !ok {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many questions at once", http.StatusServiceUnavailable)
			return
		}
		defer leave()
		next.ServeHTTP(w, req)
	})
}

// listener closes connections where too many are open.
func (g *gate) listener(l net.Listener) net.Listener { return &gatedListener{Listener: l, gate: g} }

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave, ok := l.gate.enter(conn.RemoteAddr().String()); ok {
			return &gatedConn{Conn: conn, leave: leave}, nil
		}
		_ = conn.Close()
	}
}

type gatedConn struct {
	net.Conn
	leave func()
}

func (c *gatedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
