// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"scim-operator.io/internal/scim/scimtest"
)

// shaky is a connection to the API server on which watches fail as they are told to. It
// counts the requests for everything there is of a kind.
type shaky struct {
	http.RoundTripper
	mu         sync.Mutex
	everything int
	refusals   []refusal // of the next watches
	open       map[*shakyBody]struct{}
}

// refusal is what happens to a request for a watch.
type refusal struct {
	code int // of the answer, 0 for none
	err  error
}

func (s *shaky) RoundTrip(req *http.Request) (*http.Response, error) {
	query := req.URL.Query()
	watching := query.Get("watch") == "true" || query.Get("watch") == "1"
	if query.Get("timeoutSeconds") == fmt.Sprint(bookmarkWatch) {
		return s.RoundTripper.RoundTrip(req)
	}
	if refused := s.judge(req, watching, query.Get("sendInitialEvents") == "true"); refused != nil {
		if refused.err != nil {
			return nil, refused.err
		}
		return &http.Response{
			StatusCode: refused.code, Status: http.StatusText(refused.code), Request: req, ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader("not now")),
		}, nil
	}
	resp, err := s.RoundTripper.RoundTrip(req)
	if err == nil && watching {
		body := &shakyBody{ReadCloser: resp.Body, shaky: s, failed: make(chan struct{}), read: make(chan struct{}, 1)}
		resp.Body = body
		s.mu.Lock()
		s.open[body] = struct{}{}
		s.mu.Unlock()
	}
	return resp, err
}

func (s *shaky) judge(req *http.Request, watching, initial bool) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists := req.Method == http.MethodGet && !watching && req.URL.Query().Has("fieldSelector") &&
		!strings.HasPrefix(req.URL.Query().Get("fieldSelector"), "metadata.name=")
	if lists || initial {
		s.everything++
	}
	if !watching || len(s.refusals) == 0 {
		return nil
	}
	next := s.refusals[0]
	s.refusals = s.refusals[1:]
	return &next
}

// shake ends every open watch in a way, and refuses the next ones.
func (s *shaky) shake(text string, end error, refusals ...refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = append(s.refusals, refusals...)
	for body := range s.open {
		body.fail(text, end)
	}
	clear(s.open)
}

func (s *shaky) watches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *shaky) listed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.everything
}

// shakyBody is the body of a watch, which can be made to end.
type shakyBody struct {
	io.ReadCloser
	shaky  *shaky
	once   sync.Once
	failed chan struct{}
	last   io.Reader
	read   chan struct{}
}

func (b *shakyBody) fail(text string, end error) {
	b.once.Do(func() {
		b.last = io.MultiReader(bytes.NewBufferString(text), errorReader{end})
		close(b.failed)
		_ = b.ReadCloser.Close() // so that a read under way ends
	})
}

func (b *shakyBody) Read(p []byte) (int, error) {
	select {
	case <-b.failed:
		return b.last.Read(p)
	default:
	}
	n, err := b.ReadCloser.Read(p)
	select {
	case <-b.failed:
		if n == 0 {
			return b.last.Read(p)
		}
		return n, nil
	default:
		return n, err
	}
}

type errorReader struct{ error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.error }

// statusEvent is how the API server tells in a watch that it fails.
func statusEvent(code int, reason string) string {
	return fmt.Sprintf(`{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":%q,"code":%d}}`+"\n", reason, code)
}

// However a watch breaks, it goes on where it was: nothing is read twice, and nothing is
// missed.
func TestATransientErrorOfAWatchCostsNoList(t *testing.T) {
	faults := []struct {
		name     string
		text     string
		end      error
		refusals []refusal
	}{
		{"ended in order", "", io.EOF, nil},
		{"reset", "", syscall.ECONNRESET, nil},
		{"cut off", `{"type":"MODIF`, io.ErrUnexpectedEOF, nil},
		{"lost", "", errors.New("http2: client connection lost"), nil},
		{"500 in a watch", statusEvent(500, "InternalError"), io.EOF, nil},
		{"504 in a watch", statusEvent(504, "Timeout"), io.EOF, nil},
		{"429 in a watch", statusEvent(429, "TooManyRequests"), io.EOF, nil},
		{"refused", "", io.EOF, []refusal{{err: syscall.ECONNREFUSED}, {err: syscall.ECONNREFUSED}}},
		{"reset when opened", "", io.EOF, []refusal{{err: syscall.ECONNRESET}, {err: io.ErrUnexpectedEOF}}},
		{"503 when opened", "", io.EOF, []refusal{{code: 503}, {code: 500}, {code: 502}, {code: 504}}},
	}
	for name, short := range map[string]time.Duration{"short breaks": time.Hour, "long breaks": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			link := &shaky{open: map[*shakyBody]struct{}{}}
			config := rest.CopyConfig(environment)
			config.Wrap(func(next http.RoundTripper) http.RoundTripper { link.RoundTripper = next; return link })
			calls, err := newRESTClient(config, w.namespace, patience)
			if err != nil {
				t.Fatal(err)
			}
			elsewhere := w.replica()
			elsewhere.group(groupBody("Staff", numbered(0, 1500)...))
			elsewhere.user(userBody("first"))
			r := w.start(func(c *Config) { c.shortBreak, c.probeAfter, c.MaxStaleness = short, time.Hour, time.Hour }, func(client) client { return calls })
			eventually(t, "all watches are open", func() bool { return link.watches() == len(r.feeds) })
			before := link.listed()
			for round := range 2 {
				for i, fault := range faults {
					link.shake(fault.text, fault.end, fault.refusals...)
					user := fmt.Sprintf("user-%d-%d", round, i)
					elsewhere.user(userBody(user))
					eventually(t, fault.name+": the store goes on", func() bool {
						return len(r.find(r.users.rt, fmt.Sprintf("userName eq %q", user))) == 1 && link.watches() == len(r.feeds)
					})
				}
			}
			if lists := link.listed() - before; lists != 0 {
				t.Errorf("everything of a kind was read %d times because of %d errors", lists, 2*len(faults))
			}
		})
	}
}

// A watch that is open and brings nothing is noticed, and opened again.
func TestAWatchThatBringsNothingIsNoticed(t *testing.T) {
	w := newWorld(t)
	lag := &laggard{}
	r := w.start(func(c *Config) { c.probeAfter = 200 * time.Millisecond }, lag.wrap)
	elsewhere := w.replica()
	lag.gate.Lock()
	u := elsewhere.user(userBody("early"))
	eventually(t, "the store shows the user", func() bool {
		found, err := r.Get(t.Context(), r.users.rt, u.ID)
		return err == nil && found != nil
	})
	eventually(t, "the watch is opened again", func() bool { return lag.watches(usersResource) > 1 })
	lag.gate.Unlock()
	u = elsewhere.user(userBody("late"))
	eventually(t, "the watch brings the next user", func() bool {
		found, err := r.Get(t.Context(), r.users.rt, u.ID)
		return err == nil && found != nil
	})
}

// A network that swallows everything leaves the watch open. Reads end with the bound on
// staleness all the same.
func TestAStoreBehindANetworkThatSwallowsEverythingDoesNotAnswer(t *testing.T) {
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "0") // nothing else notices
	w := newWorld(t)
	l := newLink(t)
	config := l.config()
	config.Dial = l.dial
	calls, err := newRESTClient(config, w.namespace, patience)
	if err != nil {
		t.Fatal(err)
	}
	r := w.start(func(c *Config) { c.MaxStaleness = 12 * time.Second }, func(client) client { return calls })
	elsewhere := w.replica()
	u := elsewhere.user(userBody("wendy"))
	eventually(t, "the user is seen", func() bool {
		_, err := r.Get(t.Context(), r.users.rt, u.ID)
		return err == nil
	})
	l.setSwallowing(true)
	elsewhere.patch(elsewhere.users.rt, u.ID, `{"op":"replace","path":"title","value":"Changed meanwhile"}`)
	var got error
	eventually(t, "the store stops answering", func() bool {
		_, got = r.Get(t.Context(), r.users.rt, u.ID)
		return got != nil
	})
	requireUnavailable(t, got)
	if r.Ready() == nil {
		t.Error("the store is ready")
	}
	l.setSwallowing(false)
	eventually(t, "the store shows what was changed meanwhile", func() bool {
		found, err := r.Get(t.Context(), r.users.rt, u.ID)
		return err == nil && scimtest.Value(found.Object(), "title") == "Changed meanwhile" && r.Ready() == nil
	})
}

// At rest a store stays fresh by asking, whatever is written elsewhere in the cluster.
func TestAStoreAtRestStaysFresh(t *testing.T) {
	w, noise := newWorld(t), newWorld(t)
	r := w.start(func(c *Config) { c.MaxStaleness = 12 * time.Second }, nil)
	r.user(userBody("rita"))
	other := noise.replica()
	began := r.users.feed.freshAt.Load()
	for i := 0; ; i++ {
		other.user(userBody(fmt.Sprintf("noise%d", i)))
		if err := r.serving(); err != nil {
			t.Fatal(err)
		}
		if time.Duration(r.users.feed.freshAt.Load()-began) > r.timeouts.staleness {
			break
		}
	}
	if _, err := r.List(t.Context(), Query{Type: r.users.rt, Count: 1}); err != nil {
		t.Error(err)
	}
}
