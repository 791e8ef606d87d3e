// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"net/http"
	"time"
)

// Limits bound what clients may cost. A field left zero has its default.
type Limits struct {
	BodyBytes   int64 // one request body; 16 MiB. Beyond it: 413
	URLBytes    int   // path and query; 16 KiB. Beyond it: 414
	HeaderBytes int   // names and values of all headers; 32 KiB. Beyond it: 431
	Concurrent  int   // authenticated requests served at once; 256. Beyond it: 503

	Connections       int // open at once; 2048. Beyond it: an idle one is closed, or the new one
	SourceConnections int // of them, those of one source that is no trusted proxy; 1024. Beyond it: likewise

	BulkOperations int   // operations of one Bulk request; 1000. Beyond it: 413
	BulkBytes      int64 // its body; 16 MiB. Beyond it: 413

	RequestsPerSecond int // of one token, and so many at once; 1000. Beyond it: 429

	RequestTimeout    time.Duration // until the answer is known, store included; 30 s. Then: 503
	ReadHeaderTimeout time.Duration // until the headers have arrived; 10 s. Then the connection is closed
	ReadTimeout       time.Duration // until the body has arrived; 30 s. Then: 408
	WriteTimeout      time.Duration // until the answer has left; 90 s. Then the connection is closed
	IdleTimeout       time.Duration // a connection without a request; 620 s

	ShutdownDelay   time.Duration // answers ask clients to leave, before the listener closes; 2 s
	ShutdownTimeout time.Duration // for requests under way when the listener closes; 35 s

	DefaultPageSize int // resources in a list that names no count; 100
	MaxPageSize     int // resources in a list at most; 1000

	CursorTimeout time.Duration // from one page of a walk to the next; 1 h
}

// DefaultLimits are the bounds in force where nothing else is said. The idle timeout is
// longer than that of the usual load balancers (up to 600 s), so that it is they who
// close connections and no request meets a connection that is being closed.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes:         16 << 20,
		URLBytes:          16 << 10,
		HeaderBytes:       32 << 10,
		Concurrent:        256,
		Connections:       2048,
		SourceConnections: 1024,
		BulkOperations:    1000,
		BulkBytes:         16 << 20,
		RequestsPerSecond: 1000,
		RequestTimeout:    30 * time.Second,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       620 * time.Second,
		ShutdownDelay:     2 * time.Second,
		ShutdownTimeout:   35 * time.Second,
		DefaultPageSize:   100,
		MaxPageSize:       1000,
		CursorTimeout:     time.Hour,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	orDefault(&l.BodyBytes, d.BodyBytes)
	orDefault(&l.URLBytes, d.URLBytes)
	orDefault(&l.HeaderBytes, d.HeaderBytes)
	orDefault(&l.Concurrent, d.Concurrent)
	orDefault(&l.Connections, d.Connections)
	orDefault(&l.SourceConnections, d.SourceConnections)
	orDefault(&l.BulkOperations, d.BulkOperations)
	orDefault(&l.BulkBytes, d.BulkBytes)
	orDefault(&l.RequestsPerSecond, d.RequestsPerSecond)
	orDefault(&l.RequestTimeout, d.RequestTimeout)
	orDefault(&l.ReadHeaderTimeout, d.ReadHeaderTimeout)
	orDefault(&l.ReadTimeout, d.ReadTimeout)
	orDefault(&l.WriteTimeout, d.WriteTimeout)
	orDefault(&l.IdleTimeout, d.IdleTimeout)
	orDefault(&l.ShutdownDelay, d.ShutdownDelay)
	orDefault(&l.ShutdownTimeout, d.ShutdownTimeout)
	orDefault(&l.DefaultPageSize, d.DefaultPageSize)
	orDefault(&l.MaxPageSize, d.MaxPageSize)
	orDefault(&l.CursorTimeout, d.CursorTimeout)
	return l
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (l Limits) check() error {
	switch {
	case l.BodyBytes < 0 || l.URLBytes < 0 || l.HeaderBytes < 0 || l.Concurrent < 0 || l.BulkOperations < 0 ||
		l.BulkBytes < 0 || l.RequestsPerSecond < 0 || l.Connections < 0 || l.SourceConnections < 0:
		return errors.New("a bound on requests is negative")
	case l.DefaultPageSize < 0 || l.MaxPageSize < l.DefaultPageSize:
		return errors.New("the default page size is negative or above the maximum")
	}
	for _, d := range []time.Duration{l.RequestTimeout, l.ReadHeaderTimeout, l.ReadTimeout, l.WriteTimeout,
		l.IdleTimeout, l.ShutdownDelay, l.ShutdownTimeout, l.CursorTimeout} {
		if d < 0 {
			return errors.New("a timeout is negative")
		}
	}
	return nil
}

// maxHeaderBytes is where net/http itself gives up. It is well above what is allowed,
// so that all but the grossest requests are answered by admits.
func (l Limits) maxHeaderBytes() int { return 4 * (l.URLBytes + l.HeaderBytes) }

// admits checks what is known of a request before anything is done for it.
func (l Limits) admits(r *http.Request) error {
	if len(r.RequestURI) > l.URLBytes {
		return errURLTooLong(l.URLBytes)
	}
	// As HTTP/2 counts a header list, but for its 32 bytes an entry: name, value, ": ", CRLF.
	const overhead = 4
	size := len(r.Host) + len("Host") + overhead
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + overhead
		}
	}
	if size > l.HeaderBytes {
		return errHeadersTooLarge(l.HeaderBytes)
	}
	return nil
}
