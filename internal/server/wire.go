// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"net"
	"net/http"
	"strconv"

	"scim-operator.io/internal/scim"
)

// A request so malformed or so large that net/http cannot read it never reaches a
// handler: net/http writes an answer in plain text on the connection and closes it. The
// connections of this listener put a SCIM error in its place.

// wireListener wraps the connections it accepts, which have a place among those that are open.
type wireListener struct {
	net.Listener
	server *Server
}

// Accept implements net.Listener.
func (l *wireListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if place := l.server.connections.enter(c); place != nil {
			return &wireConn{Conn: c, server: l.server, place: place}, nil
		}
		_ = c.Close()
	}
}

type wireConn struct {
	net.Conn
	server *Server
	place  *connection
}

// Close implements net.Conn.
func (c *wireConn) Close() error {
	c.place.leave()
	return c.Conn.Close()
}

// CloseWrite lets net/http end its side first, so that a client still sending can read
// why it was refused.
func (c *wireConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// Write implements net.Conn.
func (c *wireConn) Write(p []byte) (int, error) {
	status, ok := ownAnswer(p)
	if !ok {
		return c.Conn.Write(p)
	}
	requestID := newRequestID()
	c.server.metrics.malformed.WithLabelValues(strconv.Itoa(status)).Inc()
	c.server.access.log.Info("malformed request", "requestID", requestID, "status", status,
		"remote", remoteHost(c.RemoteAddr().String()))
	if _, err := c.Conn.Write(wireError(status, requestID)); err != nil {
		return 0, err
	}
	return len(p), nil
}

var (
	answerStart = []byte("HTTP/1.1 ")
	// The header with which net/http begins every answer of its own but one. No answer of
	// a handler has it: those say what they are, and when.
	ownHeader = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
	// The exception is the answer to an Expect header that is not 100-continue.
	expectationFailed = []byte("417 Expectation Failed\r\n")
)

// ownAnswer says whether p is an answer that net/http made up itself.
func ownAnswer(p []byte) (status int, ok bool) {
	rest, found := bytes.CutPrefix(p, answerStart)
	end := bytes.IndexByte(rest, '\r')
	if !found || end < len("400") {
		return 0, false
	}
	if !bytes.HasPrefix(rest[end:], ownHeader) && !bytes.HasPrefix(rest, expectationFailed) {
		return 0, false
	}
	status, err := strconv.Atoi(string(rest[:len("400")]))
	return status, err == nil && status >= http.StatusBadRequest
}

func wireError(status int, requestID string) []byte {
	body := errorBody(&refusal{scim: scim.NewError(status, "", wireDetail(status))}, requestID)
	out := make([]byte, 0, 512)
	out = append(out, answerStart...)
	out = append(out, strconv.Itoa(status)+" "+http.StatusText(status)+"\r\n"...)
	out = append(out, "Content-Type: "+mediaType+"\r\nContent-Length: "+strconv.Itoa(len(body))+
		"\r\n"+requestIDHeader+": "+requestID+"\r\nConnection: close\r\n\r\n"...)
	return append(out, body...)
}

func wireDetail(status int) string {
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		return "the request line and headers are too large"
	case http.StatusNotImplemented:
		return "the transfer encoding is not supported"
	case http.StatusExpectationFailed:
		return "the only expectation supported is 100-continue"
	case http.StatusHTTPVersionNotSupported:
		return "the version of HTTP is not supported"
	default:
		return "this is not a well-formed HTTP request"
	}
}
