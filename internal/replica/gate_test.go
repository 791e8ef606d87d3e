// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"scim-operator.io/internal/store"
)

func alone(peers ...peer) *Replica {
	r := &Replica{}
	r.roster.init()
	r.roster.set(&view{known: true, exists: true, peers: peers})
	return r
}

// Strangers ask as much as they are let, and hold on to it; a peer is answered.
func TestStrangersDoNotKeepPeersOut(t *testing.T) {
	r := alone(peer{Name: "b", Address: "10.0.0.2:8082", Incarnation: "1"}, peer{Name: "c", Address: "[fd00::3]:8082", Incarnation: "1"})
	hold, under := make(chan struct{}), make(chan struct{}, 1000)
	handler := r.Handler(Answers{Revisions: func(uint64) store.Revisions {
		under <- struct{}{}
		<-hold
		return store.Revisions{}
	}})
	var asking sync.WaitGroup
	ask := func(from string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, revisionsPath, http.NoBody)
		req.RemoteAddr = from
		handler.ServeHTTP(answer, req)
		return answer
	}
	let := func(from string) {
		asking.Go(func() {
			if answer := ask(from); answer.Code != http.StatusOK {
				t.Errorf("%s is answered %d", from, answer.Code)
			}
		})
		<-under
	}
	refused := func(from string) {
		t.Helper()
		if answer := ask(from); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
			t.Errorf("%s is answered %d, want 503", from, answer.Code)
		}
	}
	for range maxRequestsOfOne {
		let("10.9.9.9:1234")
	}
	refused("10.9.9.9:1235")
	refused("[::ffff:10.9.9.9]:1236")
	for i := range maxRequestsOfOthers - maxRequestsOfOne {
		let(fmt.Sprintf("10.8.8.%d:1234", i))
	}
	refused("10.7.7.7:1234")
	for range maxRequestsOfOne {
		let("10.0.0.2:1234")
		let("[fd00::3]:1234")
	}
	refused("10.0.0.2:1234") // a peer that has gone mad
	close(hold)
	asking.Wait()
	if answer := ask("10.7.7.7:1234"); answer.Code != http.StatusOK {
		t.Errorf("afterwards a stranger is answered %d", answer.Code)
	}
}

func TestAQuestionHasNoBody(t *testing.T) {
	handler := alone().Handler(Answers{Revisions: func(uint64) store.Revisions { return store.Revisions{} }})
	for _, body := range []io.Reader{strings.NewReader("x"), io.MultiReader(strings.NewReader("x"))} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, revisionsPath, body))
		if answer.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d, want 413", answer.Code)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{ofOne: 2, ofOthers: 8, isPeer: func(netip.Addr) bool { return false }}
	server := &httptest.Server{Listener: g.listener(listener), Config: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })}}
	server.Start()
	defer server.Close()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	served := func(conn net.Conn) error {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 1024))
		return err
	}
	one, two := dial(), dial()
	if err := errors.Join(served(one), served(two)); err != nil {
		t.Fatal(err)
	}
	if err := served(dial()); err == nil {
		t.Error("a third connection is served")
	}
	_ = one.Close()
	eventually(t, "there is room again", func() bool { return served(dial()) == nil })
}
