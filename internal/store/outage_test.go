// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"scim-operator.io/internal/scim/scimtest"
)

// link is a connection to the API server that can be cut.
type link struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	open     map[net.Conn]struct{}
	// swallow is held while nothing comes through, although all connections stay open.
	swallow sync.RWMutex
}

// dial makes the connections of a client its own, which none shares that has other settings.
func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (l *link) setSwallowing(swallowing bool) {
	if swallowing {
		l.swallow.Lock()
	} else {
		l.swallow.Unlock()
	}
}

// swallowed are the bytes of a connection, which wait while nothing comes through.
type swallowed struct {
	net.Conn
	link *link
}

func (s swallowed) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.link.swallow.RLock()
	defer s.link.swallow.RUnlock()
	return n, err
}

func newLink(t *testing.T) *link {
	t.Helper()
	target, err := url.Parse(environment.Host)
	if err != nil {
		t.Fatal(err)
	}
	host := environment.Host
	if target.Host != "" {
		host = target.Host
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, target: host, open: map[net.Conn]struct{}{}}
	go l.serve()
	t.Cleanup(func() { _ = listener.Close(); l.setCut(true) })
	return l
}

func (l *link) config() *rest.Config {
	c := rest.CopyConfig(environment)
	c.Host = "https://" + l.listener.Addr().String()
	return c
}

func (l *link) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.target)
		if err != nil || !l.keep(client, server) {
			_ = client.Close()
			continue
		}
		go l.pipe(client, server)
		go l.pipe(server, client)
	}
}

func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		if l.cut {
			_ = c.Close()
		} else {
			l.open[c] = struct{}{}
		}
	}
	return !l.cut
}

func (l *link) pipe(to, from net.Conn) {
	_, _ = io.Copy(to, swallowed{from, l})
	_ = to.Close()
	_ = from.Close()
}

func (l *link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for c := range l.open {
			_ = c.Close()
		}
		clear(l.open)
	}
}

func TestAnOutageOfTheAPIServerIsSurvived(t *testing.T) {
	w := newWorld(t)
	l := newLink(t)
	calls, err := newRESTClient(l.config(), w.namespace, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	// Twice, as the bound on staleness is not for waiting on in a test.
	tolerant := w.start(func(c *Config) { c.MaxStaleness = time.Hour }, func(client) client { return calls })
	strict := w.start(func(c *Config) { c.MaxStaleness = 12 * time.Second }, func(client) client { return calls })
	elsewhere := w.replica()
	u := tolerant.user(userBody("wendy"))
	eventually(t, "the user is seen everywhere", func() bool {
		return len(strict.find(strict.users.rt, `userName eq "wendy"`)) == 1 && len(elsewhere.find(elsewhere.users.rt, `userName eq "wendy"`)) == 1
	})

	l.setCut(true)
	eventually(t, "the strict store stops answering", func() bool {
		_, err := strict.Get(t.Context(), strict.users.rt, u.ID)
		return err != nil
	})
	requireUnavailable(t, errorOf(strict.Get(t.Context(), strict.users.rt, u.ID)))
	if _, err := tolerant.Get(t.Context(), tolerant.users.rt, u.ID); err != nil {
		t.Errorf("within the bound, a read fails: %v", err)
	}
	requireUnavailable(t, tolerant.rename(u.ID, "lost"))
	elsewhere.patch(elsewhere.users.rt, u.ID, `{"op":"replace","path":"title","value":"Changed meanwhile"}`)
	gone := elsewhere.user(userBody("xavier"))
	elsewhere.delete(elsewhere.users.rt, gone.ID)

	l.setCut(false)
	for _, r := range []*replica{tolerant, strict} {
		eventually(t, "the store has caught up by itself", func() bool {
			read, err := r.Get(t.Context(), r.users.rt, u.ID)
			return err == nil && scimtest.Value(read.Object(), "title") == "Changed meanwhile" && r.Ready() == nil
		})
	}
	if err := tolerant.rename(u.ID, "found"); err != nil {
		t.Error(err)
	}
	w.requireUnique()
}
