// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// freeBody is the size of a body up to which only the number of requests at once counts.
const freeBody = 64 << 10

// bodiesAtOnce is how many of the largest bodies there is room for at once, or of smaller ones
// as many as fill it. Reading a body takes some six times its size of memory.
const bodiesAtOnce = 2

// smallBody is read into a buffer of this size when its length is not known.
const smallBody = 4 << 10

// byteOrderMark leads the UTF-8 texts of PowerShell and .NET. RFC 8259 §8.1 lets a reader
// pass over it.
var byteOrderMark = []byte("\ufeff")

// readBody returns the whole body of a request, which is a bounded number of bytes of
// JSON, without a byte order mark.
func (x *exchange) readBody() ([]byte, error) { return x.readBodyUpTo(x.server.limits.BodyBytes) }

func (x *exchange) readBodyUpTo(limit int64) ([]byte, error) {
	if !isJSON(x.r.Header) {
		return nil, errMediaType()
	}
	if x.r.ContentLength > limit {
		return nil, errBodyTooLarge(limit)
	}
	if !x.takeRoom(limit) {
		return nil, errBodiesTooLarge()
	}
	var buf bytes.Buffer
	buf.Grow(int(max(smallBody, x.r.ContentLength+bytes.MinRead)))
	_, err := io.Copy(&buf, http.MaxBytesReader(x.w, x.r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return bytes.TrimPrefix(buf.Bytes(), byteOrderMark), nil
	case errors.As(err, &tooLarge):
		return nil, errBodyTooLarge(limit)
	default:
		return nil, errBodyUnread(err)
	}
}

// takeRoom takes the room of a body that is larger than freeBody, until the request is over;
// one of unknown length may become as large as its limit. It reports whether there is any.
func (x *exchange) takeRoom(limit int64) bool {
	size := x.r.ContentLength
	if size < 0 {
		size = limit
	}
	if size <= freeBody {
		return true
	}
	if !x.server.bodies.TryAcquire(size) {
		x.server.metrics.bodiesRefused.Inc()
		return false
	}
	x.room += size
	return true
}

// isJSON accepts both media types of RFC 7644 §3.1 with any parameters, and a request
// that names none.
func isJSON(h http.Header) bool {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	given := h.Get("Content-Type")
	switch strings.TrimSpace(given) {
	case "", mediaType, "application/json":
		return true
	}
	// Parameters that cannot be read change nothing about the type.
	parsed, _, err := mime.ParseMediaType(given)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	return parsed == mediaType || parsed == "application/json"
}
