// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Every read that waits for its peers waits for one question and its answer, of a few
// bytes each, and HTTP takes longer for its headers than for those. So the connection on
// which a peer asks for the newest revisions becomes a line (RFC 9110 §7.8): each eight
// bytes on it are the question once more, about the changes after the revision that they
// say, and each line of JSON is an answer.

// lineProtocol is what the connection is upgraded to.
const lineProtocol = "scim-revisions"

// line is the end of who asks.
type line struct {
	mu      sync.Mutex // one question at a time
	conn    net.Conn   // nil while there is none
	answers *bufio.Reader
}

// ask asks once. A line that was idle may have been cut meanwhile: then on a new one.
func (l *line) ask(ctx context.Context, address string, since uint64, answer *revisionsAnswer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.conn != nil
	err := l.askOnce(ctx, address, since, answer)
	if err != nil && kept && ctx.Err() == nil {
		err = l.askOnce(ctx, address, since, answer)
	}
	return err
}

func (l *line) askOnce(ctx context.Context, address string, since uint64, answer *revisionsAnswer) (err error) {
	defer func() {
		if err != nil {
			l.hangUp()
		}
	}()
	if l.conn == nil {
		if err := l.call(ctx, address); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline()
	if err := l.conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := l.conn.Write(binary.BigEndian.AppendUint64(nil, since)); err != nil {
		return err
	}
	text, err := l.answers.ReadSlice('\n') // no longer than its buffer
	if err != nil {
		return err
	}
	*answer = revisionsAnswer{}
	return json.Unmarshal(text, answer)
}

// call connects.
func (l *line) call(ctx context.Context, address string) (err error) {
	if l.conn, err = new(net.Dialer).DialContext(ctx, "tcp", address); err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	if err := l.conn.SetDeadline(deadline); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+revisionsPath, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", lineProtocol)
	if err := req.Write(l.conn); err != nil {
		return err
	}
	l.answers = bufio.NewReaderSize(io.LimitReader(l.conn, maxAnswer), maxAnswer)
	resp, err := http.ReadResponse(l.answers, req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the replica at %s answered %s", address, resp.Status)
	}
	l.answers.Reset(l.conn) // which said nothing more, as it was asked nothing
	return nil
}

func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.conn = nil
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hangUp()
}

// lines are those to the peers.
type lines struct {
	mu sync.Mutex
	to map[peer]*line
}

// find gives the line to a peer, and closes those to who is no peer any more.
func (l *lines) find(p peer, peers []peer) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.to[p]; found != nil {
		return found
	}
	kept := map[peer]*line{p: new(line)}
	for _, other := range peers {
		if found := l.to[other]; found != nil {
			kept[other] = found
		}
	}
	for other, found := range l.to {
		if kept[other] == nil {
			go found.close() // as somebody may be asking on it
		}
	}
	l.to = kept
	return kept[p]
}

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, found := range l.to {
		found.close()
	}
	l.to = nil
}

// switchboard is the end of who is asked.
type switchboard struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// serve answers on the connection of a request for as long as it is asked.
func (s *switchboard) serve(w http.ResponseWriter, answer func(since uint64) revisionsAnswer) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot be kept for questions", http.StatusHTTPVersionNotSupported)
		return
	}
	defer func() { _ = conn.Close() }()
	if !s.enter(conn) {
		return
	}
	defer s.leave(conn)
	var question [8]byte
	out := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + lineProtocol + "\r\n\r\n")
	for {
		if conn.SetWriteDeadline(time.Now().Add(answerTimeout)) != nil {
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
		if conn.SetReadDeadline(time.Now().Add(peerIdle)) != nil {
			return
		}
		if _, err := io.ReadFull(buffered, question[:]); err != nil {
			return
		}
		if out, err = json.Marshal(answer(binary.BigEndian.Uint64(question[:]))); err != nil {
			return
		}
		out = append(out, '\n')
	}
}

func (s *switchboard) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.open == nil {
		s.open = map[net.Conn]struct{}{}
	}
	s.open[conn] = struct{}{}
	return true
}

func (s *switchboard) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// listener ends with all that was accepted from it and became a line: net/http no longer
// knows of those.
func (s *switchboard) listener(l net.Listener) net.Listener { return &switchboardListener{l, s} }

type switchboardListener struct {
	net.Listener
	switchboard *switchboard
}

func (l *switchboardListener) Close() error {
	l.switchboard.close()
	return l.Listener.Close()
}

func (s *switchboard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
}
