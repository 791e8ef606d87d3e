// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// askWithoutRoom sends requests without a token over HTTP/2 and gives their answers no room.
// It counts those that the server has ended.
func askWithoutRoom(t *testing.T, address string, requests int, ended *atomic.Int64) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	frames := http2.NewFramer(c, c)
	sent := []error{frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}), frames.WriteSettingsAck()}
	for i := range uint32(requests) {
		var fields bytes.Buffer
		encoder := hpack.NewEncoder(&fields)
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", basePath + "/Users"}, {"x-long", strings.Repeat("x", 8<<10)}} {
			sent = append(sent, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1], Sensitive: true}))
		}
		sent = append(sent, frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: fields.Bytes(), EndStream: true, EndHeaders: true}))
	}
	if err := errors.Join(sent...); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			frame, err := frames.ReadFrame()
			if err != nil {
				return
			}
			if _, ok := frame.(*http2.RSTStreamFrame); ok {
				ended.Add(1)
			}
		}
	}()
}

// Clients without a token that take no answers hold few requests in memory, however many
// streams their connections have, and none for long. They keep nobody out.
func TestAnswersThatNobodyTakesAreBounded(t *testing.T) {
	const connections, streams = 6, 200
	e := serve(t, withLimits(func(l *Limits) { l.WriteTimeout = 10 * time.Minute }))
	var ended atomic.Int64
	for range connections {
		askWithoutRoom(t, e.address, streams, &ended)
	}
	e.eventually("all requests but a few are cut off", func() bool { return ended.Load() >= connections*streams-strangersAtOnce })
	if a := e.do(http.MethodGet, "/Users", ""); a.status != http.StatusOK {
		t.Errorf("a client with a token: %d %s", a.status, a.body)
	}
	e.eventually("the last requests have ended", func() bool { return ended.Load() == connections*streams })
	wantError(t, e.do(http.MethodGet, "/Users", "", "Authorization", "Bearer wrong"), http.StatusUnauthorized, "")
}
