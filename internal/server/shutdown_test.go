// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// While the server leaves, whatever has been sent is answered, over either protocol.
func TestShutdownFailsNoRequest(t *testing.T) {
	for name, client := range map[string]*http.Client{
		"HTTP/1.1": {Transport: &http.Transport{}},
		"HTTP/2":   http2Client(),
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t)
			defer client.CloseIdleConnections()
			const requests = 8
			entered, leave := make(chan struct{}, requests), make(chan struct{})
			e.store.before = func(context.Context, string) error {
				entered <- struct{}{}
				<-leave
				return nil
			}
			type outcome struct {
				status int
				err    error
			}
			outcomes := make(chan outcome, requests)
			for i := range requests {
				go func() {
					request, _ := http.NewRequest(http.MethodPost, "http://"+e.address+basePath+"/Users",
						strings.NewReader(fmt.Sprintf(`{"userName":"user%d"}`, i)))
					request.Header.Set("Authorization", "Bearer "+string(testToken))
					response, err := client.Do(request)
					if err != nil {
						outcomes <- outcome{err: err}
						return
					}
					_ = response.Body.Close()
					outcomes <- outcome{status: response.StatusCode}
				}()
			}
			for range requests {
				<-entered
			}
			e.stop()
			e.eventually("nobody is let in any more", func() bool {
				connection, err := net.Dial("tcp", e.address)
				if err == nil {
					_ = connection.Close()
				}
				return err != nil
			})
			close(leave)
			for range requests {
				if o := <-outcomes; o.err != nil || o.status != http.StatusCreated {
					t.Errorf("a request under way: status %d, error %v", o.status, o.err)
				}
			}
			err := <-e.stopped
			e.stopped <- err
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
			if n := strings.Count(e.audited.String(), `"outcome":"success"`); n != requests {
				t.Errorf("the audit log has %d of %d changes", n, requests)
			}
		})
	}
}

// A connection that becomes one of HTTP/2 when the listener is closed already is told to
// end as the others are, and does not keep the server from leaving.
func TestShutdownEndsLateHTTP2Connections(t *testing.T) {
	e := serve(t)
	connection := e.dial()
	e.eventually("the connection is accepted", func() bool {
		e.connections.mu.Lock()
		defer e.connections.mu.Unlock()
		return e.connections.open == 1
	})
	e.stop()
	e.eventually("nobody is let in any more", func() bool {
		another, err := net.Dial("tcp", e.address)
		if err == nil {
			_ = another.Close()
		}
		return err != nil
	})
	emptySettings := string([]byte{0, 0, 0, 0x4, 0, 0, 0, 0, 0})
	if _, err := io.WriteString(connection, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+emptySettings); err != nil {
		t.Fatal(err)
	}
	told := false
	for reader := bufio.NewReader(connection); ; {
		var header [9]byte // RFC 9113, section 4.1: length, type, flags, stream
		if _, err := io.ReadFull(reader, header[:]); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the connection ended with %v", err)
			}
			break
		}
		const goAway = 0x7
		told = told || header[3] == goAway
		if _, err := reader.Discard(int(header[0])<<16 | int(header[1])<<8 | int(header[2])); err != nil {
			t.Fatal(err)
		}
	}
	if !told {
		t.Error("the connection ended without GOAWAY")
	}
}

// Before the listener closes, every answer asks the client to close its connection.
func TestDrainingAsksClientsToLeave(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.ShutdownDelay = patience }))
	connection := e.dial()
	reader := bufio.NewReader(connection)
	get := func() *answer {
		if _, err := fmt.Fprintf(connection, "GET %s/Users HTTP/1.1\r\nHost: a\r\n%s\r\n", basePath, authorized); err != nil {
			t.Fatal(err)
		}
		return e.read(reader, http.MethodGet)
	}
	if a := get(); a.closed || a.status != http.StatusOK {
		t.Fatalf("status %d, closed %v", a.status, a.closed)
	}
	e.draining.Store(true)
	if a := get(); !a.closed || a.status != http.StatusOK {
		t.Errorf("while draining: status %d, closed %v", a.status, a.closed)
	}
	e.limits.ShutdownDelay = time.Millisecond
}

// Clients that never pause, on connections that they keep, see no failure: each is asked
// to leave before the server does.
func TestShutdownUnderLoad(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.ShutdownDelay = 3 * time.Second }))
	var clients sync.WaitGroup
	var answered, asked atomic.Int64
	for range 8 {
		connection := e.dial()
		clients.Go(func() {
			reader := bufio.NewReader(connection)
			for {
				if _, err := fmt.Fprintf(connection, "GET %s/Users HTTP/1.1\r\nHost: a\r\n%s\r\n", basePath, authorized); err != nil {
					t.Errorf("a request could not be sent: %v", err)
					return
				}
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Errorf("a request was not answered: %v", err)
					return
				}
				a := readAnswer(t, response)
				_ = response.Body.Close()
				answered.Add(1)
				if a.status != http.StatusOK {
					t.Errorf("status %d", a.status)
				}
				if a.closed {
					asked.Add(1)
					return
				}
			}
		})
	}
	e.eventually("the clients are at work", func() bool { return answered.Load() > 100 })
	e.stop()
	clients.Wait()
	if asked.Load() != 8 {
		t.Errorf("%d of 8 clients were asked to leave", asked.Load())
	}
}
