// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"

	"scim-operator.io/internal/scim"
)

// Serve answers requests on l, over HTTP/1.1 and HTTP/2 without TLS, until ctx ends,
// and then leaves in an orderly way: for a while every answer asks its client to close
// the connection; then no connection is accepted any more, and those requests that are
// under way are finished. The error is nil unless serving failed or requests had to be
// cut off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	httpServer := s.httpServer()
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(&wireListener{Listener: l, server: s}) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return s.shutdown(ctx, httpServer, failed)
}

func (s *Server) shutdown(ctx context.Context, httpServer *http.Server, failed <-chan error) error {
	s.draining.Store(true)
	delay := time.NewTimer(s.limits.ShutdownDelay)
	defer delay.Stop()
	select {
	case err := <-failed:
		return err
	case <-delay.C:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.ShutdownTimeout)
	defer cancel()
	err := shutdownAll(ctx, httpServer)
	if err != nil {
		err = errors.Join(err, httpServer.Close())
	}
	return err
}

// shutdownAgain is the time after which connections are asked once more to end.
const shutdownAgain = 500 * time.Millisecond

// shutdownAll shuts down every connection. One call of Shutdown sends GOAWAY on the HTTP/2
// connections of that moment alone: one whose preface arrives later would stay until ctx
// ends (golang/go#81153). So Shutdown is called again, which does nothing for a connection
// that was asked to end before.
func shutdownAll(ctx context.Context, httpServer *http.Server) error {
	for {
		round, cancel := context.WithTimeout(ctx, shutdownAgain)
		err := httpServer.Shutdown(round)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

func (s *Server) httpServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:                      s,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: s.limits.Concurrent},
		MaxHeaderBytes:               s.limits.maxHeaderBytes(),
		ReadHeaderTimeout:            s.limits.ReadHeaderTimeout,
		ReadTimeout:                  s.limits.ReadTimeout,
		WriteTimeout:                 s.limits.WriteTimeout,
		IdleTimeout:                  s.limits.IdleTimeout,
		DisableGeneralOptionsHandler: true,
		ConnContext:                  withConnection,
		ConnState:                    turned,
		ErrorLog:                     errorLog(s.log.WithName("http")),
	}
}

// errorLog takes what net/http has to say about connections.
func errorLog(l logr.Logger) *log.Logger {
	return log.New(logWriter{l}, "", 0)
}

type logWriter struct{ logr.Logger }

// Write implements io.Writer.
func (w logWriter) Write(p []byte) (int, error) {
	w.V(1).Info("connection", "message", scim.RedactQuoted(string(p), nil)) // it may quote what a client sent
	return len(p), nil
}
