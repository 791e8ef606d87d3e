// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// logAccess writes one line per request. What it says never holds personal data or a
// secret: the route and not the path, an id only when it is one that the server made,
// and nothing of the query, the headers or the body.
func (s *Server) logAccess(x *exchange) {
	if !s.access.Enabled() {
		return
	}
	fields := make([]any, 0, 32)
	fields = append(fields,
		"requestID", x.requestID,
		"method", methodLabel(x.r.Method),
		"route", x.route.pattern,
		"status", x.status,
		"durationMs", float64(time.Since(x.start).Microseconds())/1000,
		"bytes", x.bytes,
		"remote", remoteHost(x.r.RemoteAddr),
		"protocol", x.r.Proto,
	)
	if x.tokenID != "" {
		fields = append(fields, "tokenID", x.tokenID)
	}
	if id := x.loggedID(); id != "" {
		fields = append(fields, "id", id)
	}
	if x.operations > 0 {
		fields = append(fields, "operations", x.operations, "failed", x.failed)
	}
	if x.scimType != "" {
		fields = append(fields, "scimType", x.scimType)
	}
	if x.attribute != "" {
		fields = append(fields, "attribute", x.attribute)
	}
	if x.cause != nil {
		fields = append(fields, "cause", causeText(x.cause, x.madeUpID()))
	}
	if x.aborted {
		fields = append(fields, "aborted", true)
	}
	s.access.Info("request", fields...)
}

// loggedAttribute is the attribute that an error is about. The path of an error may be
// what the client wrote, filters and their values included; then it is not logged.
func loggedAttribute(path string) string {
	for i := range len(path) {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '.', c == ':', c == '-', c == '_', c == '$':
		default:
			return ""
		}
	}
	return path
}

// loggedID is the id of the resource that the request was about. An id that a client
// made up may be anything, a name included.
func (x *exchange) loggedID() string {
	if x.resourceID != "" {
		return x.resourceID
	}
	if isUUID(x.id) {
		return x.id
	}
	return ""
}

// causeText says why a request failed. An error of a call to the API server names what
// was called, by a URL that ends in an id or by a quoted name: neither is said, as a
// client may have made it up.
func causeText(cause error, madeUp string) string {
	text := cause.Error()
	for err := cause; ; {
		var call *url.Error
		if !errors.As(err, &call) {
			break
		}
		text = strings.ReplaceAll(text, call.Error(), call.Op+": "+call.Err.Error())
		text = strings.ReplaceAll(text, call.URL, "API server")
		err = call.Err
	}
	if madeUp != "" {
		text = strings.ReplaceAll(text, strconv.Quote(madeUp), `"…"`)
	}
	return text
}

// madeUpID is the id that the client asked for, where it may not be logged.
func (x *exchange) madeUpID() string {
	if x.loggedID() != "" {
		return ""
	}
	return x.id
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}

func remoteHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// methodLabel bounds what a client can put into logs and metrics.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	default:
		return "OTHER"
	}
}

// panicText says what a panic was about in words that hold no value of a request: an
// error of the runtime, or the type of what was thrown.
func panicText(v any) string {
	if err, ok := v.(interface {
		error
		RuntimeError()
	}); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}
