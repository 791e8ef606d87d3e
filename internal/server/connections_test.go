// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// placed is a connection of a table test.
type placed struct {
	net.Conn
	from   string
	place  *connection
	closed bool
}

func (p *placed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(p.from), 1))
}

func (p *placed) Close() error { p.closed = true; return nil }

func (p *placed) serves(authenticated bool) {
	p.place.turn(http.StateActive)
	p.place.begin()
	if authenticated {
		p.place.authenticate()
	}
}

func (p *placed) rests() {
	p.place.end()
	p.place.turn(http.StateIdle)
}

func TestPlacesOfConnections(t *testing.T) {
	const (
		idp, ingress    = "198.51.100.7", "10.0.0.1"
		others          = "203.0.113."
		most, ofOne     = 4, 2
		opened, refused = true, false
	)
	for _, row := range []struct {
		name   string
		before func(open func(from string) *placed) (evicted *placed) // what is to go, if anything
		from   string
		want   bool
	}{
		{"one of few", func(open func(string) *placed) *placed { open(idp); return nil }, idp, opened},
		{"a stranger goes, the longest idle first", func(open func(string) *placed) *placed {
			first := open(others + "1")
			for i := range most - 1 {
				open(others + strconv.Itoa(2+i))
			}
			return first
		}, idp, opened},
		{"a stranger goes before a client", func(open func(string) *placed) *placed {
			client := open(idp)
			client.serves(true)
			client.rests()
			stranger := open(others + "1")
			stranger.serves(false)
			stranger.rests()
			for i := range most - 2 {
				open(others + strconv.Itoa(2+i))
			}
			return stranger
		}, idp, opened},
		{"a client that is idle goes before a request is refused", func(open func(string) *placed) *placed {
			var first *placed
			for i := range most {
				c := open(others + strconv.Itoa(1+i))
				c.serves(true)
				if i == 1 {
					c.rests()
					first = c
				}
			}
			return first
		}, idp, opened},
		{"a client whose next request arrives stays", func(open func(string) *placed) *placed {
			for i := range most {
				c := open(others + strconv.Itoa(1+i))
				c.serves(true)
				c.rests()
				c.place.turn(http.StateActive)
			}
			return nil
		}, idp, refused},
		{"a stranger that sends half a request goes", func(open func(string) *placed) *placed {
			half := open(others + "1")
			half.place.turn(http.StateActive)
			for i := range most - 1 {
				open(others + strconv.Itoa(2+i)).serves(true)
			}
			return half
		}, idp, opened},
		{"a stranger whose body has not come goes once it is answered", func(open func(string) *placed) *placed {
			answered := open(others + "1")
			answered.serves(false)
			answered.place.end()
			for i := range most - 1 {
				open(others + strconv.Itoa(2+i)).serves(true)
			}
			return answered
		}, idp, opened},
		{"all serve requests", func(open func(string) *placed) *placed {
			for i := range most {
				open(others + strconv.Itoa(1+i)).serves(false)
			}
			return nil
		}, idp, refused},
		{"a source goes beyond its own bound", func(open func(string) *placed) *placed {
			first := open(others + "1")
			open(others + "1")
			return first
		}, others + "1", opened},
		{"a source whose connections serve requests", func(open func(string) *placed) *placed {
			open(idp)
			for range ofOne {
				open(others + "1").serves(true)
			}
			return nil
		}, others + "1", refused},
		{"addresses of one IPv6 host", func(open func(string) *placed) *placed {
			first := open("2001:db8::1")
			open("2001:db8::2")
			return first
		}, "2001:db8::3", opened},
		{"a trusted proxy may have all", func(open func(string) *placed) *placed {
			for range most - 1 {
				open(ingress).serves(true)
			}
			return nil
		}, ingress, opened},
		{"an HTTP/2 client whose stream was given up is idle once it is served", func(open func(string) *placed) *placed {
			client := open(others + "1")
			client.serves(true)
			client.place.turn(http.StateIdle)
			client.place.end()
			for i := range most - 1 {
				open(others + strconv.Itoa(2+i)).serves(true)
			}
			return client
		}, idp, opened},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := newMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			places := newConnections(Limits{Connections: most, SourceConnections: ofOne},
				func(a netip.Addr) bool { return a.String() == ingress }, m)
			var all []*placed
			open := func(from string) *placed {
				p := &placed{from: from}
				p.place = places.enter(p)
				all = append(all, p)
				return p
			}
			evicted := row.before(open)
			p := open(row.from)
			if got := p.place != nil; got != row.want {
				t.Errorf("it has a place: %v, want %v", got, row.want)
			}
			for i, p := range all {
				if p.closed != (p == evicted) {
					t.Errorf("connection %d of %s is closed: %v", i, p.from, p.closed)
				}
				if p.place != nil {
					p.place.leave()
					p.place.leave()
				}
			}
			if places.open != 0 || len(places.sources) != 0 || places.idle.longest() != nil {
				t.Errorf("%d are open, of %d sources, after all have gone", places.open, len(places.sources))
			}
		})
	}
}

const (
	idleClientsVariable = "SCIM_TEST_IDLE_CLIENTS" // address, number of the process
	idleProcesses       = 2
	idleSources         = 10
	idleOfASource       = 1000
)

// TestMain makes the test binary a process with idle connections when it is asked to.
func TestMain(m *testing.M) {
	if given := os.Getenv(idleClientsVariable); given != "" {
		var address string
		var process int
		if _, err := fmt.Sscan(given, &address, &process); err != nil {
			panic(err)
		}
		holdIdleConnections(address, process)
		return
	}
	os.Exit(m.Run())
}

// holdIdleConnections opens connections of many sources and keeps them until standard input ends.
// One in three has sent nothing, one half a request, one a request without a token.
func holdIdleConnections(address string, process int) {
	var held []net.Conn
	for source := range idleSources {
		dialer := net.Dialer{Timeout: patience,
			LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(process+1), byte(source+1))}}
		for i := range idleOfASource {
			c, err := dialer.Dial("tcp", address)
			if err != nil {
				fmt.Println(err)
				return
			}
			request := []string{"", "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\n", "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\n\r\n"}[i%3]
			_, _ = io.WriteString(c, request) // it may have been closed meanwhile
			held = append(held, c)
		}
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(held)
}

// 20,000 connections on which nobody is authenticated take a bounded part of the memory, and
// keep neither a new connection of a client out nor one that it has already.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.ReadHeaderTimeout = 10 * time.Minute }))
	request := []byte("GET /scim/v2/Schemas HTTP/1.1\r\nHost: a\r\n" + authorized + "\r\n")
	known := e.dial()
	if err := known.SetDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(known)
	onKnown := func() {
		t.Helper()
		if _, err := known.Write(request); err != nil {
			t.Fatal(err)
		}
		if a := e.read(answers, http.MethodGet); a.status != http.StatusOK {
			t.Fatalf("on a connection that was there before: %d %s", a.status, a.body)
		}
	}
	onKnown()
	before := memoryInUse()
	for process := range idleProcesses {
		idle := exec.CommandContext(t.Context(), os.Args[0])
		idle.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", idleClientsVariable, e.address, process))
		stdin, err := idle.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := idle.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := idle.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = stdin.Close(); _ = idle.Wait() })
		if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
			t.Fatalf("the idle connections: %q, %v", line, err)
		}
	}
	for range 20 {
		if a := e.raw(request, http.MethodGet); a.status != http.StatusOK {
			t.Fatalf("on a new connection: %d %s", a.status, a.body)
		}
	}
	onKnown()
	open, grown := e.counter("scim_http_connections"), memoryInUse()-before
	t.Logf("%.0f connections are open, %.0f were evicted, %.0f refused; %d KiB for each of those that are open", open,
		e.counter("scim_http_connections_evicted_total"), e.counter("scim_http_connections_refused_total"), grown>>10/int64(open))
	if open > float64(e.limits.Connections) {
		t.Errorf("%.0f connections are open, want %d at most", open, e.limits.Connections)
	}
	const ofOne = 64 << 10 // bytes: buffers, a goroutine, and what is not collected yet
	if grown > int64(open)*ofOne {
		t.Errorf("%d connections take %d bytes, want %d for each at most", int(open), grown, ofOne)
	}
}

// memoryInUse is that of the heap and the stacks after a collection.
func memoryInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// A client's connection over HTTP/2 stays as well.
func TestIdleConnectionsKeepNoHTTP2ClientOut(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.Connections = 3 }))
	dialed := 0
	client := countedHTTP2Client(func(c net.Conn) net.Conn { dialed++; return c })
	defer client.CloseIdleConnections()
	get := func() {
		t.Helper()
		request, _ := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+"/Schemas", nil)
		request.Header.Set("Authorization", "Bearer "+string(testToken))
		if a := e.send(client, request); a.status != http.StatusOK || !bytes.Contains(a.body, []byte("Resources")) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	get()
	for range 10 {
		e.dial()
	}
	e.eventually("strangers have made room", func() bool { return e.counter("scim_http_connections_evicted_total") >= 8 })
	get()
	if dialed != 1 {
		t.Errorf("the client has had %d connections, want one", dialed)
	}
}

func countedHTTP2Client(dialed func(net.Conn) net.Conn) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.Dial = func(network, address string) (net.Conn, error) { //nolint:staticcheck // the context does not matter
		c, err := net.Dial(network, address)
		if err != nil {
			return nil, err
		}
		return dialed(c), nil
	}
	return &http.Client{Transport: transport}
}
