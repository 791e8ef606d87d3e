// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"scim-operator.io/internal/scim"
)

const (
	mediaType       = "application/scim+json"
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 64
)

// Header values shared by all answers, so that setting them allocates nothing. Answers
// hold personal data, which no cache on the way is to keep.
var (
	contentTypeHeader = []string{mediaType}
	cacheHeader       = []string{"no-store"}
	nosniffHeader     = []string{"nosniff"}
	closeHeader       = []string{"close"}
)

// exchange is one request and what became of it.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context // the request's, with its deadline
	start  time.Time

	// Parts of what follows, here so that a request allocates little.
	bounded requestContext
	values  [4][1]string // of headers
	body    answerBody

	connection *connection // nil where the server does not see to connections
	requestID  string
	route      *route
	id         string // the last segment of the path, where it is an id
	resourceID string // of the resource that the answer is about, for the log
	permanent  string // location of the user that /Me stands for
	tokenID    string
	change     *change // what is to be changed, for the audit log; nil when nothing is
	// unauthenticated says that the credentials were refused.
	unauthenticated bool
	room            int64 // that the body takes of what there is for large ones

	status    int // 0 until the header has been sent
	scimType  string
	attribute string // that an error is about
	bytes     int64
	cause     error // what the client is not told
	aborted   bool  // the answer was begun and cannot be finished

	operations, failed int // of a Bulk request: those carried out or refused, and the latter
}

func (s *Server) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{server: s, w: w, r: r, ctx: r.Context(), start: time.Now(), requestID: requestID(r), connection: connectionOf(r)}
	x.connection.begin()
	x.route, x.id = s.router.find(r.URL.Path)
	h := w.Header()
	x.values[0][0] = x.requestID
	h[requestIDHeader] = x.values[0][:]
	h["Cache-Control"] = cacheHeader
	h["X-Content-Type-Options"] = nosniffHeader
	if s.draining.Load() {
		h["Connection"] = closeHeader
	}
	s.metrics.inFlight.Inc()
	return x
}

// requestID is the client's own where it cannot upset a log, and otherwise a new one.
func requestID(r *http.Request) string {
	if given := r.Header.Get(requestIDHeader); isRequestID(given) {
		return given
	}
	return newRequestID()
}

func newRequestID() string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // it never fails
	var text [2 * len(random)]byte
	hex.Encode(text[:], random[:])
	return string(text[:])
}

func isRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// sendStatus sends an answer without a body.
func (x *exchange) sendStatus(status int) {
	x.status = status
	x.w.WriteHeader(status)
}

// send sends an answer with a body.
func (x *exchange) send(status int, body []byte) {
	h := x.w.Header()
	h["Content-Type"] = contentTypeHeader
	x.values[1][0] = strconv.Itoa(len(body))
	h["Content-Length"] = x.values[1][:]
	x.sendStatus(status)
	x.write(body)
}

func (x *exchange) write(body []byte) {
	if x.r.Method == http.MethodHead || x.aborted {
		return
	}
	n, err := x.w.Write(body) //nolint:gosec // JSON, and said to be, which no browser takes for a page
	x.bytes += int64(n)
	if err != nil {
		x.cause, x.aborted = err, true
	}
}

// refuse answers with a SCIM error. When the answer has begun it is too late for that:
// the connection is cut, so that the client does not take half an answer for a whole.
func (x *exchange) refuse(err error) {
	refusal := asRefusal(err)
	x.cause, x.scimType = refusal.cause, refusal.scim.ScimType
	if refusal.scim.Path != "" {
		x.attribute = x.server.loggedAttribute(x.resourceType(), refusal.scim.Path)
	}
	if x.change != nil {
		x.change.refusal = refusal.scim
	}
	if x.status != 0 {
		x.aborted = true
		return
	}
	if refusal.scim.Status == statusClientGone {
		x.status, x.aborted = statusClientGone, true
		return
	}
	h := x.w.Header()
	h.Del("Etag")
	h.Del("Location")
	if x.permanent != "" {
		h["Location"] = []string{x.permanent}
	}
	for name, values := range refusal.header {
		h[name] = values
	}
	if refusal.close {
		h["Connection"] = closeHeader
	}
	x.send(refusal.scim.Status, errorBody(refusal, x.requestID))
}

// resourceType is that of the request's path, nil where it is not about one.
func (x *exchange) resourceType() *scim.ResourceType {
	if x.route.typ == nil {
		return nil
	}
	return x.route.typ.ResourceType
}

// errorBody puts the request ID into the detail, because that is all that most identity
// providers show to their administrators.
func errorBody(r *refusal, requestID string) []byte {
	e := *r.scim
	e.Detail += " (request " + requestID + ")"
	return e.AppendJSON(make([]byte, 0, 256))
}

// finish ends an exchange: it turns a panic into an answer, counts and logs.
func (x *exchange) finish() {
	defer x.connection.end()
	if v := recover(); v != nil {
		x.panicked(v)
	}
	x.server.metrics.observe(x)
	x.server.access.write(x)
	x.server.audit.request(x)
	if x.change != nil {
		x.server.note(x.change)
	}
	if x.aborted {
		panic(http.ErrAbortHandler) // how net/http is told to cut the connection
	}
}

func (x *exchange) panicked(v any) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		x.aborted = true
		return
	}
	x.notePanic(v)
	x.refuse(errPanic())
}

func (x *exchange) notePanic(v any) {
	x.server.metrics.panics.Inc()
	x.server.log.Error(nil, "panic", "requestID", x.requestID, "route", x.route.pattern,
		"method", x.r.Method, "panic", panicText(v), "stack", string(debug.Stack()))
}

// contained does a part of a request. A panic is the failure of that part, so that the
// other parts are answered for as they went.
func (x *exchange) contained(part func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			x.notePanic(v)
			err = errPanic()
		}
	}()
	return part()
}
