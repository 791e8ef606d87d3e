// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/transcript"
)

const (
	baseURL   = "https://scim.example.com/scim/v2"
	basePath  = "/scim/v2"
	testToken = token.Plaintext("scimop_test-token-of-the-server-package")
	// patience bounds every wait for something that is certain to happen.
	patience = 20 * time.Second
)

// endpoint is a running server.
type endpoint struct {
	*Server
	t        *testing.T
	address  string
	store    *memoryStore
	state    *fakeState
	registry *prometheus.Registry
	logs     *logBuffer
	audited  *logBuffer
	names    UserNames // in the audit log
	stop     context.CancelFunc
	stopped  chan error
}

// fixedKey is the key of all cursors.
type fixedKey [32]byte

func (k fixedKey) SealingKey(string) ([32]byte, bool) { return k, true }
func (k fixedKey) OpeningKeys() [][32]byte            { return [][32]byte{k} }

type fakeState struct {
	paused  atomic.Bool
	failure atomic.Pointer[error]
}

func (f *fakeState) Paused() bool { return f.paused.Load() }

func (f *fakeState) Serving() error {
	if failure := f.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// fakeSettings are of the audit log of an endpoint.
type fakeSettings struct{ *endpoint }

func (f fakeSettings) Provider() string     { return "acme" }
func (f fakeSettings) UserNames() UserNames { return f.names }
func (f fakeSettings) NameKey() (string, [32]byte, bool) {
	return "0123456789ab", [32]byte{1}, true
}

type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBuffer) add(prefix, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, prefix+" "+line)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// serve starts a server on a port of its own. It is stopped when the test ends.
func serve(t *testing.T, change ...func(*Config)) *endpoint {
	t.Helper()
	e := newEndpoint(t, change...)
	e.start()
	return e
}

func (e *endpoint) start() {
	t := e.t
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	e.stop, e.stopped = cancel, make(chan error, 1)
	go func() { e.stopped <- e.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-e.stopped:
			if err != nil {
				t.Errorf("the server stopped with %v", err)
			}
		case <-time.After(patience):
			t.Error("the server did not stop")
		}
	})
}

func newEndpoint(t testing.TB, change ...func(*Config)) *endpoint {
	t.Helper()
	e := &endpoint{state: &fakeState{}, logs: &logBuffer{}, audited: &logBuffer{}, registry: prometheus.NewRegistry()}
	e.t, _ = t.(*testing.T)
	verifier := new(token.Verifier)
	verifier.Set([]token.Digest{token.NewDigest(testToken, time.Now())})
	e.store = newMemoryStore(baseURL)
	limits := DefaultLimits()
	limits.ShutdownDelay = time.Millisecond
	config := Config{
		BaseURL: baseURL, Types: scim.Core(), Store: e.store, Tokens: verifier, State: e.state, Cursors: fixedKey{1},
		Limits: limits, Metrics: e.registry, Log: funcr.NewJSON(func(line string) { e.logs.add("", line) }, funcr.Options{}),
	}
	config.Audit = Audit{
		Log:       funcr.NewJSON(func(line string) { e.audited.add("", line) }, funcr.Options{}),
		Namespace: "tenant", Endpoint: "okta", Settings: fakeSettings{e},
	}
	for _, c := range change {
		c(&config)
	}
	e.store.baseURL = config.BaseURL
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	e.Server = server
	return e
}

func withLimits(change func(*Limits)) func(*Config) {
	return func(c *Config) { change(&c.Limits) }
}

// answer is a response, read in full.
type answer struct {
	status int
	header http.Header
	body   []byte
	closed bool
}

func (a *answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("the body is not a JSON object: %v: %s", err, a.body)
	}
	return v
}

// do sends a request with the token. Headers are pairs of name and value.
func (e *endpoint) do(method, path, body string, headers ...string) *answer {
	e.t.Helper()
	request, err := http.NewRequest(method, "http://"+e.address+basePath+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+string(testToken))
	if body != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return e.send(http.DefaultClient, request)
}

func (e *endpoint) send(client *http.Client, request *http.Request) *answer {
	e.t.Helper()
	response, err := client.Do(request)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return readAnswer(e.t, response)
}

func readAnswer(t *testing.T, response *http.Response) *answer {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	return &answer{status: response.StatusCode, header: response.Header, body: body, closed: response.Close}
}

// raw sends bytes as they are on a connection of their own and reads one answer.
func (e *endpoint) raw(request []byte, method string) *answer {
	e.t.Helper()
	connection := e.dial()
	if _, err := connection.Write(request); err != nil {
		e.t.Fatal(err)
	}
	return e.read(bufio.NewReader(connection), method)
}

func (e *endpoint) dial() net.Conn {
	e.t.Helper()
	connection, err := net.Dial("tcp", e.address)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		e.t.Fatal(err)
	}
	return connection
}

func (e *endpoint) read(from *bufio.Reader, method string) *answer {
	e.t.Helper()
	response, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		e.t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = response.Body.Close() }()
	return readAnswer(e.t, response)
}

// wantError checks that an answer is a SCIM error of the status, in every respect.
func wantError(t *testing.T, a *answer, status int, scimType string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, problem := range transcript.ErrorProblems(a.status, a.header, a.body) {
		t.Error(problem)
	}
	if got, _ := a.json(t)["scimType"].(string); got != scimType {
		t.Errorf("scimType %q, want %q", got, scimType)
	}
	if bytes.Contains(a.body, []byte(testToken[:10])) {
		t.Error("the body contains a token")
	}
}
