// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strconv"
	"sync"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

const (
	// streamAfter is how much of an answer is gathered before it is sent on. An answer
	// that stays below has a Content-Length; a larger one, such as a group with its
	// 100,000 members, is never in memory as a whole.
	streamAfter = 256 << 10
	// keepBuffer is the largest buffer kept for the next answer.
	keepBuffer = streamAfter + streamAfter/4
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// answerBody gathers the body of a successful answer and sends it in pieces when it
// grows large.
type answerBody struct {
	x      *exchange
	status int
	pooled *[]byte
	buf    []byte
}

func (x *exchange) newBody(status int) *answerBody {
	pooled := buffers.Get().(*[]byte)
	x.body = answerBody{x: x, status: status, pooled: pooled, buf: (*pooled)[:0]}
	return &x.body
}

// spill sends what has been gathered when that is much.
func (b *answerBody) spill() {
	if len(b.buf) < streamAfter {
		return
	}
	if b.x.status == 0 {
		b.x.w.Header()["Content-Type"] = contentTypeHeader
		b.x.sendStatus(b.status)
	}
	b.x.write(b.buf)
	b.buf = b.buf[:0]
}

// done says that nobody will see the rest: the client has left, or asked for HEAD.
func (b *answerBody) done() bool {
	return b.x.aborted || (b.x.status != 0 && b.x.r.Method == http.MethodHead)
}

// end sends the rest.
func (b *answerBody) end() {
	if b.x.status == 0 {
		b.x.send(b.status, b.buf)
	} else {
		b.x.write(b.buf)
	}
	if cap(b.buf) <= keepBuffer {
		*b.pooled = b.buf[:0]
		buffers.Put(b.pooled)
	}
}

func (b *answerBody) text(s string)     { b.buf = append(b.buf, s...) }
func (b *answerBody) integer(n int)     { b.buf = strconv.AppendInt(b.buf, int64(n), 10) }
func (b *answerBody) document(d []byte) { b.buf = append(b.buf, d...) }
func (b *answerBody) separator(first bool) {
	if !first {
		b.buf = append(b.buf, ',')
	}
}

// resource appends a resource. A group's members follow its other attributes, one by
// one.
func (b *answerBody) resource(r *store.Resource, p *scim.Projection) {
	if r.Type.Members() == nil || !p.WantsMembers() {
		b.buf = r.AppendJSON(b.buf, p)
		return
	}
	members := r.Members()
	if members.Len() == 0 {
		b.buf = r.AppendJSON(b.buf, p)
		return
	}
	b.buf = r.AppendOpenJSON(b.buf, p)
	b.text(`,"members":[`)
	first := true
	for m := range members.All() {
		b.separator(first)
		first = false
		b.buf = scim.AppendMember(b.buf, m, p)
		if b.spill(); b.done() {
			return
		}
	}
	b.text(`]}`)
}

// sendResource answers with one resource and its version. Location is beside
// Content-Location, as in the examples of RFC 7644: client libraries read it.
func (x *exchange) sendResource(status int, r *store.Resource, p *scim.Projection) {
	x.describe(r)
	x.w.Header()["Location"] = x.values[3][:]
	b := x.newBody(status)
	b.resource(r, p)
	b.end()
}

// describe sets the headers that go with a resource (RFC 7643 §3.1).
func (x *exchange) describe(r *store.Resource) {
	x.resourceID = r.ID
	x.setVersion(r)
	x.values[3][0] = x.server.location(r.Type, r.ID)
	x.w.Header()["Content-Location"] = x.values[3][:]
}

func (x *exchange) setVersion(r *store.Resource) {
	x.values[2][0] = r.Version
	x.w.Header()["Etag"] = x.values[2][:]
}

// listHead is what a ListResponse says of itself.
type listHead struct {
	total      int
	startIndex int // 0 for a page by cursor, which has none
	count      int
	nextCursor string // "" on the last page, and on pages by index
}

// listHeader begins a ListResponse (RFC 7644 §3.4.2, RFC 9865 §2).
func (b *answerBody) listHeader(h listHead) {
	b.text(`{"schemas":["` + scim.ListResponseSchema + `"],"totalResults":`)
	b.integer(h.total)
	if h.startIndex > 0 {
		b.text(`,"startIndex":`)
		b.integer(h.startIndex)
	}
	b.text(`,"itemsPerPage":`)
	b.integer(h.count)
	if h.nextCursor != "" {
		b.text(`,"nextCursor":"` + h.nextCursor + `"`)
	}
	b.text(`,"Resources":[`)
}

func (b *answerBody) listEnd() { b.text(`]}`) }
