// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func loadOf(t *testing.T, handler http.HandlerFunc) *load {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return &load{
		addresses: []string{s.Listener.Addr().String()}, status: http.StatusOK,
		request: func(b []byte, n int) []byte {
			return appendRequest(b, http.MethodPost, "token", fmt.Appendf(nil, "body %d", n), "/a", "/b")
		},
	}
}

// What the client sends arrives, and it reads answers of every length to their end.
func TestLoad(t *testing.T) {
	large := strings.Repeat("x", 100_000)
	for name, answer := range map[string]func(w http.ResponseWriter){
		"without a body":               func(http.ResponseWriter) {},
		"with a length":                func(w http.ResponseWriter) { _, _ = w.Write([]byte("short")) },
		"in chunks":                    func(w http.ResponseWriter) { _, _ = w.Write([]byte(large)); _, _ = w.Write([]byte(large)) },
		"and closes the connection":    func(w http.ResponseWriter) { w.Header().Set("Connection", "close"); _, _ = w.Write([]byte("short")) },
		"with a header of many values": func(w http.ResponseWriter) { w.Header()["X-A"] = []string{"1", "2"}; _, _ = w.Write([]byte("short")) },
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			l := loadOf(t, func(w http.ResponseWriter, r *http.Request) {
				var body bytes.Buffer
				_, _ = body.ReadFrom(r.Body)
				if r.URL.Path != "/a/b" || r.Header.Get("Authorization") != "Bearer token" || !strings.HasPrefix(body.String(), "body ") {
					w.WriteHeader(http.StatusBadRequest)
				}
				requests.Add(1)
				answer(w)
			})
			const count = 200
			if rate, err := l.rateOf(context.Background(), 0, count); err != nil || rate <= 0 {
				t.Fatal(rate, err)
			}
			if requests.Load() != count {
				t.Errorf("%d requests arrived", requests.Load())
			}
		})
	}
}

func TestLoadKeepsBodies(t *testing.T) {
	l := loadOf(t, func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		_, _ = w.Write(bytes.Repeat(body.Bytes(), 1000))
	})
	l.answer = func(n int, body []byte) error {
		if !bytes.Equal(body, bytes.Repeat(fmt.Appendf(nil, "body %d", n), 1000)) {
			return fmt.Errorf("the answer to request %d has %d bytes", n, len(body))
		}
		return nil
	}
	if _, _, err := l.run(context.Background(), func(n int) bool { return n < 100 }); err != nil {
		t.Fatal(err)
	}
}

func TestLoadFails(t *testing.T) {
	l := loadOf(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	if _, err := l.rateOf(context.Background(), 0, 10); err == nil || !strings.Contains(err.Error(), "status 418 instead of 200") {
		t.Errorf("error: %v", err)
	}
}
