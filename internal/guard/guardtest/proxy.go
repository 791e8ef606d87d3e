// SPDX-License-Identifier: Apache-2.0

// Package guardtest has what tests of egress need: an HTTP proxy, a private CA and a DNS
// server, all of them real and on loopback.
package guardtest

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy that opens tunnels to the targets that it has routes for.
type Proxy struct {
	*httptest.Server
	// Authorization is the value of Proxy-Authorization that it asks for, "" for none.
	Authorization string
	// Answer makes it answer every request with this status, unless 0.
	Answer int

	routes  map[string]string
	mu      sync.Mutex
	targets []string
}

// NewProxy starts a proxy that ends with the test. Its routes lead from a target, as
// host:port, to where a connection is really made. With a CA it speaks TLS.
func NewProxy(t testing.TB, routes map[string]string, ca *CA) *Proxy {
	t.Helper()
	p := &Proxy{routes: routes}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	if ca == nil {
		p.Start()
	} else {
		p.TLS = ca.Config(t, "127.0.0.1")
		p.StartTLS()
	}
	t.Cleanup(p.Close)
	return p
}

// Targets are what it was asked for, in the order of the requests.
func (p *Proxy) Targets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.targets)
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.targets = append(p.targets, r.RequestURI)
	p.mu.Unlock()
	route, known := p.routes[r.RequestURI]
	switch {
	case r.Method != http.MethodConnect || r.Host != r.RequestURI:
		w.WriteHeader(http.StatusBadRequest)
		return
	case r.Header.Get("Proxy-Authorization") != p.Authorization:
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	case p.Answer != 0:
		w.WriteHeader(p.Answer)
		return
	case !known:
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	upstream, err := new(net.Dialer).DialContext(r.Context(), "tcp", route)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = upstream.Close() }()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		both.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		})
	}
	pipe(upstream, client)
	pipe(client, upstream)
	both.Wait()
}
