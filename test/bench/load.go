// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clients is how many clients a load has, each on a connection that it keeps.
const clients = 16

// patience bounds one request of a load.
const patience = 2 * time.Minute

// load is requests to one address from several clients. net/http's client would take as
// much of the machine as the servers measured with it, and so hide their differences: this
// one writes prepared bytes and reads an answer to its end.
type load struct {
	addresses []string // host:port; clients take them in turn
	clients   int
	status    int // of every answer
	// request appends the n-th request.
	request func(b []byte, n int) []byte
	// answer, when it is there, sees the body of the n-th answer.
	answer func(n int, body []byte) error
}

// rate is the requests a second that were answered in a time.
func (l *load) rate(ctx context.Context, d time.Duration) (float64, error) {
	deadline := time.Now().Add(d)
	n, elapsed, err := l.run(ctx, func(int) bool { return time.Now().Before(deadline) })
	return float64(n) / elapsed.Seconds(), err
}

// rateOf is the requests a second of a number of requests, numbered from first.
func (l *load) rateOf(ctx context.Context, first, count int) (float64, error) {
	all := *l
	all.request = func(b []byte, n int) []byte { return l.request(b, first+n) }
	n, elapsed, err := all.run(ctx, func(n int) bool { return n < count })
	return float64(n) / elapsed.Seconds(), err
}

// run sends requests for as long as more says so of the next one's number.
func (l *load) run(ctx context.Context, more func(n int) bool) (answered int, elapsed time.Duration, err error) {
	var next, done atomic.Int64
	var failed atomic.Pointer[error]
	connections := make([]*connection, or(l.clients, clients))
	for i := range connections {
		connections[i] = &connection{address: l.addresses[i%len(l.addresses)]}
		defer connections[i].close()
		if err := connections[i].open(); err != nil {
			return 0, 1, err
		}
	}
	var running sync.WaitGroup
	start := time.Now()
	for _, c := range connections {
		running.Go(func() {
			var request []byte
			for failed.Load() == nil && ctx.Err() == nil {
				n := int(next.Add(1) - 1)
				if !more(n) {
					return
				}
				request = l.request(request[:0], n)
				if err := l.exchange(c, request, n); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				done.Add(1)
			}
		})
	}
	running.Wait()
	elapsed = time.Since(start)
	if e := failed.Load(); e != nil {
		return 0, elapsed, *e
	}
	return int(done.Load()), elapsed, ctx.Err()
}

func (l *load) exchange(c *connection, request []byte, n int) error {
	status, body, err := c.roundTrip(request, l.answer != nil)
	switch {
	case err != nil:
		return fmt.Errorf("request %d to %s: %w", n, c.address, err)
	case status != l.status:
		return fmt.Errorf("request %d to %s: status %d instead of %d", n, c.address, status, l.status)
	case l.answer != nil:
		return l.answer(n, body)
	}
	return nil
}

// connection is one kept connection to a server.
type connection struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
	body    []byte
}

func (c *connection) open() error {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(context.Background(), "tcp", c.address)
	if err != nil {
		return err
	}
	c.conn = conn
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(nil, 64<<10)
	}
	c.reader.Reset(conn)
	return nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn = nil
}

// roundTrip sends a request and reads the answer, whose body is kept when it is wanted.
func (c *connection) roundTrip(request []byte, keep bool) (status int, body []byte, err error) {
	if c.conn == nil {
		if err := c.open(); err != nil {
			return 0, nil, err
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	h, err := c.readHeader()
	if err != nil {
		return 0, nil, err
	}
	c.body = c.body[:0]
	if h.chunked {
		err = c.readChunks(keep)
	} else {
		err = c.read(h.length, keep)
	}
	if h.closes {
		c.close()
	}
	return h.status, c.body, err
}

type answerHeader struct {
	status, length  int
	chunked, closes bool
}

var (
	lengthField   = []byte("content-length:")
	encodingField = []byte("transfer-encoding:")
	closeField    = []byte("connection: close")
)

func (c *connection) readHeader() (h answerHeader, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return h, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return h, errors.New("this is no answer of HTTP")
	}
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return h, err
	}
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return h, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
			return h, nil
		case hasPrefixFold(line, lengthField):
			if h.length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthField):]))); err != nil {
				return h, err
			}
		case hasPrefixFold(line, encodingField):
			h.chunked = true
		case hasPrefixFold(line, closeField):
			h.closes = true
		}
	}
}

func hasPrefixFold(line, prefix []byte) bool {
	return len(line) >= len(prefix) && line[0]|0x20 == prefix[0] && bytes.EqualFold(line[:len(prefix)], prefix)
}

func (c *connection) readChunks(keep bool) error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if err := c.read(int(size), keep); err != nil {
			return err
		}
		if _, err := c.reader.Discard(len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}

func (c *connection) read(n int, keep bool) error {
	if !keep {
		_, err := c.reader.Discard(n)
		return err
	}
	start := len(c.body)
	c.body = append(c.body, make([]byte, n)...)
	_, err := io.ReadFull(c.reader, c.body[start:])
	return err
}

// appendRequest appends a request of HTTP/1.1 with the path of these parts.
func appendRequest(b []byte, method, token string, body []byte, path ...string) []byte {
	b = append(append(b, method...), ' ')
	for _, part := range path {
		b = append(b, part...)
	}
	b = append(b, " HTTP/1.1\r\nHost: scim.example.com\r\nAuthorization: Bearer "...)
	b = append(append(b, token...), "\r\nAccept: application/scim+json\r\n"...)
	if body != nil {
		b = append(b, "Content-Type: application/scim+json\r\nContent-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...)
}

// once sends one request and gives the header and the body of the answer; the error names
// every status that is none of success.
func once(address, method, path, token, body string) (http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: status %d: %.300s", method, path, response.StatusCode, answer)
	}
	return response.Header, answer, err
}
