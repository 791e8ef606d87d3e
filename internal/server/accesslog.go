// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"scim-operator.io/internal/scim"
)

// accessLog writes one line per request. Where the log is zap's, as in production, it
// does so without the allocations of an interface for each value: that is half of what
// answering a read from memory costs.
type accessLog struct{ fieldLog }

func newAccessLog(log logr.Logger) accessLog { return accessLog{newFieldLog(log)} }

// fieldLog takes fields of zap's, whichever log it writes to.
type fieldLog struct {
	log logr.Logger
	zap *zap.Logger // of log; nil when that is another one
}

func newFieldLog(log logr.Logger) fieldLog {
	f := fieldLog{log: log}
	if sink, ok := log.GetSink().(zapr.Underlier); ok {
		f.zap = sink.GetUnderlying()
	}
	return f
}

func (f *fieldLog) info(message string, fields []zap.Field) {
	if f.zap != nil {
		f.zap.Info(message, fields...)
	} else {
		f.log.Info(message, keysAndValues(fields)...)
	}
}

// fieldLists are used again.
var fieldLists = sync.Pool{New: func() any { l := make([]zap.Field, 0, 16); return &l }}

func (a *accessLog) write(x *exchange) {
	if !a.log.Enabled() {
		return
	}
	list := fieldLists.Get().(*[]zap.Field)
	fields := x.logFields((*list)[:0])
	a.info("request", fields)
	clear(fields)
	*list = fields[:0]
	fieldLists.Put(list)
}

// logFields is what the line of a request says. It never holds personal data or a
// secret: the route and not the path, an id only when it is that of a resource, and
// nothing of the query, the headers or the body.
func (x *exchange) logFields(fields []zap.Field) []zap.Field {
	fields = append(fields,
		zap.String("requestID", x.requestID),
		zap.String("method", methodLabel(x.r.Method)),
		zap.String("route", x.route.pattern),
		zap.Int("status", x.status),
		zap.Float64("durationMs", float64(time.Since(x.start).Microseconds())/1000),
		zap.Int64("bytes", x.bytes),
		zap.String("remote", remoteHost(x.r.RemoteAddr)),
		zap.String("protocol", x.r.Proto),
	)
	fields = withText(fields, "tokenID", x.tokenID)
	fields = withText(fields, "id", x.loggedID())
	if x.operations > 0 {
		fields = append(fields, zap.Int("operations", x.operations), zap.Int("failed", x.failed))
	}
	fields = withText(fields, "scimType", x.scimType)
	fields = withText(fields, "attribute", x.attribute)
	if x.cause != nil {
		fields = append(fields, zap.String("cause", causeText(x.cause, x.madeUpID())))
	}
	if x.aborted {
		fields = append(fields, zap.Bool("aborted", true))
	}
	return fields
}

func withText(fields []zap.Field, key, text string) []zap.Field {
	if text == "" {
		return fields
	}
	return append(fields, zap.String(key, text))
}

// keysAndValues are fields for another log than zap's.
func keysAndValues(fields []zap.Field) []any {
	values := zapcore.NewMapObjectEncoder()
	list := make([]any, 0, 2*len(fields))
	for _, f := range fields {
		f.AddTo(values)
		list = append(list, f.Key, values.Fields[f.Key])
	}
	return list
}

// loggedParameters are the paths of errors that are not about an attribute.
var loggedParameters = map[string]bool{"sortBy": true, "sortOrder": true, "attributes": true, "excludedAttributes": true,
	"failOnErrors": true, "bulkId": true, "value": true}

// loggedAttribute is the attribute that an error about a resource of a type is about, nil
// for one of several types. The path of an error may be what the client wrote, filters and
// their values included: what is logged is the schema's own name, or none.
func (s *Server) loggedAttribute(rt *scim.ResourceType, path string) string {
	if loggedParameters[path] {
		return path
	}
	if rt != nil {
		return rt.AttributeAt(path)
	}
	for _, t := range s.types {
		if attribute := t.AttributeAt(path); attribute != "" {
			return attribute
		}
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
	// An error of the API server quotes names and values: ids that servers make are kept.
	return scim.RedactQuoted(text, func(quoted string) bool { return quoted != madeUp && isUUID(quoted) })
}

// madeUpID is the id that the client asked for, where it may not be logged.
func (x *exchange) madeUpID() string {
	if x.loggedID() != "" {
		return ""
	}
	return x.id
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
