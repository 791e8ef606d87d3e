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

// smallBody is read into a buffer of this size when its length is not known.
const smallBody = 4 << 10

// byteOrderMark leads the UTF-8 texts of PowerShell and .NET. RFC 8259 §8.1 lets a reader
// pass over it.
var byteOrderMark = []byte("\ufeff")

// readBody returns the whole body of a request, which is a bounded number of bytes of
// JSON, without a byte order mark.
func (x *exchange) readBody() ([]byte, error) {
	if !isJSON(x.r.Header) {
		return nil, errMediaType()
	}
	limit := x.server.limits.BodyBytes
	if x.r.ContentLength > limit {
		return nil, errBodyTooLarge(limit)
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
