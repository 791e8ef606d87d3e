// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

func TestPanicBecomesAnAnswer(t *testing.T) {
	e := serve(t)
	e.store.before = func(context.Context, string) error { panic("a secret value") }
	connection := e.dial()
	reader := bufio.NewReader(connection)
	for range 2 { // the second request shows that the connection is kept
		if _, err := fmt.Fprintf(connection, "GET %s/Users HTTP/1.1\r\nHost: a\r\n%s\r\n", basePath, authorized); err != nil {
			t.Fatal(err)
		}
		wantError(t, e.read(reader, http.MethodGet), http.StatusInternalServerError, "")
	}
	e.eventually("both panics are counted", func() bool { return e.counter("scim_http_panics_total") == 2 })
	logged := e.logs.String()
	if !strings.Contains(logged, `"stack":"goroutine`) {
		t.Errorf("no stack in the log: %s", logged)
	}
	if strings.Contains(logged, "secret value") {
		t.Error("the log has the value of the panic")
	}
}

// A panic after the answer has begun must not look like the end of the answer.
func TestPanicInTheMiddleOfAnAnswerCutsIt(t *testing.T) {
	e := serve(t)
	group := e.largeGroup(20_000)
	e.store.reader = func(list scim.MemberList) scim.MemberReader { return panickingMembers{list} }
	request, err := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+"/Groups/"+group, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+string(testToken))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(new(any)); err == nil {
		t.Error("the answer looks complete")
	}
}

type panickingMembers struct{ scim.MemberList }

func (p panickingMembers) All() iter.Seq[scim.Member] {
	return func(yield func(scim.Member) bool) {
		for i, m := range p.MemberList {
			if i == len(p.MemberList)-1 {
				panic("in the middle")
			}
			if !yield(m) {
				return
			}
		}
	}
}

func (e *endpoint) largeGroup(members int) (id string) {
	e.t.Helper()
	list := make([]scim.Member, members)
	for i := range list {
		list[i].Value = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	}
	group := e.store.types.Group()
	parsed, err := group.Parse([]byte(`{"displayName":"Everybody"}`))
	if err != nil {
		e.t.Fatal(err)
	}
	parsed.Members = list
	r, err := e.store.Create(context.Background(), group, parsed)
	if err != nil {
		e.t.Fatal(err)
	}
	return r.ID
}

func TestLargeGroupIsStreamed(t *testing.T) {
	e := serve(t)
	const members = 100_000
	group := e.largeGroup(members)
	for _, path := range []string{"/Groups/" + group, "/Groups?count=1"} {
		a := e.do("GET", path, "")
		body := a.json(t)
		if resources, ok := body["Resources"].([]any); ok {
			body = resources[0].(map[string]any)
		}
		if got := len(body["members"].([]any)); got != members {
			t.Errorf("%s: %d members, want %d", path, got, members)
		}
		if got := a.header.Get("Content-Length"); got != "" {
			t.Errorf("%s: the answer was gathered before it was sent: Content-Length %s", path, got)
		}
	}
	a := e.do("GET", "/Groups/"+group+"?excludedAttributes=members", "")
	if len(a.body) > 1000 {
		t.Errorf("%d bytes without members", len(a.body))
	}
	if a := e.do("HEAD", "/Groups/"+group, ""); a.status != http.StatusOK || len(a.body) != 0 {
		t.Errorf("HEAD: status %d, %d bytes", a.status, len(a.body))
	}
}

func TestHead(t *testing.T) {
	e := serve(t)
	id := e.do("POST", "/Users", `{"userName":"x"}`).json(t)["id"].(string)
	get, head := e.do("GET", "/Users/"+id, ""), e.do("HEAD", "/Users/"+id, "")
	if head.status != http.StatusOK || len(head.body) != 0 {
		t.Errorf("status %d, body %q", head.status, head.body)
	}
	for _, name := range []string{"Content-Length", "Content-Type", "Etag"} {
		if get.header.Get(name) != head.header.Get(name) || head.header.Get(name) == "" {
			t.Errorf("%s: GET %q, HEAD %q", name, get.header.Get(name), head.header.Get(name))
		}
	}
	if missing := e.do("HEAD", "/Users/none", ""); missing.status != http.StatusNotFound || len(missing.body) != 0 {
		t.Errorf("status %d, body %q", missing.status, missing.body)
	}
}

func TestRequestID(t *testing.T) {
	e := serve(t)
	for _, row := range []struct {
		given string
		kept  bool
	}{
		{"abc-DEF_1.2", true},
		{strings.Repeat("x", 64), true},
		{strings.Repeat("x", 65), false},
		{`x","admin":"yes`, false},
		{"", false},
		{"a b", false},
	} {
		a := e.do("GET", "/Users/none", "", "X-Request-Id", row.given)
		wantError(t, a, http.StatusNotFound, "")
		got := a.header.Get("X-Request-Id")
		if (got == row.given) != row.kept {
			t.Errorf("%q was answered with %q", row.given, got)
		}
		e.waitForLog(`"requestID":"` + got + `"`)
	}
}

func TestStoreErrors(t *testing.T) {
	for _, row := range []struct {
		name       string
		err        error
		status     int
		scimType   string
		retryAfter string
	}{
		{"a SCIM error", scim.ErrUniqueness("User", "userName"), 409, "uniqueness", ""},
		{"one that is wrapped", fmt.Errorf("while writing: %w", scim.ErrInvalidSyntax("x")), 400, "invalidSyntax", ""},
		{"unavailable for 1.5 s", &store.Unavailable{RetryAfter: 1500 * time.Millisecond}, 503, "", "2"},
		{"unavailable for unknown time", fmt.Errorf("x: %w", &store.Unavailable{}), 503, "", "1"},
		{"a deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "", "1"},
		{"anything else", errors.New("postgres://user:secret@host"), 500, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := serve(t)
			e.store.before = func(context.Context, string) error { return row.err }
			a := e.do("POST", "/Users", `{"userName":"x"}`)
			wantError(t, a, row.status, row.scimType)
			if got := a.header.Get("Retry-After"); got != row.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, row.retryAfter)
			}
			if strings.Contains(string(a.body), "secret") {
				t.Errorf("the client is told the cause: %s", a.body)
			}
		})
	}
}

// TestWritesAreNotAcknowledgedOutOfService takes the server out of service while the
// store works on a request.
func TestWritesAreNotAcknowledgedOutOfService(t *testing.T) {
	for _, row := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/Users", `{"userName":"another"}`, 503},
		{"PUT", "/Users/{id}", `{"userName":"renamed"}`, 503},
		{"PATCH", "/Users/{id}", `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`, 503},
		{"DELETE", "/Users/{id}", "", 503},
		{"GET", "/Users/{id}", "", 200},
	} {
		t.Run(row.method, func(t *testing.T) {
			e := serve(t)
			id := e.do("POST", "/Users", `{"userName":"x"}`).json(t)["id"].(string)
			e.store.before = func(context.Context, string) error {
				gone := errors.New("the entry was removed")
				e.state.failure.Store(&gone)
				return nil
			}
			a := e.do(row.method, strings.ReplaceAll(row.path, "{id}", id), row.body)
			if a.status != row.status {
				t.Fatalf("status %d, want %d: %s", a.status, row.status, a.body)
			}
			if row.status == http.StatusServiceUnavailable {
				wantError(t, a, row.status, "")
				if a.header.Get("Retry-After") == "" || a.header.Get("Etag") != "" || a.header.Get("Location") != "" {
					t.Errorf("the headers are %v", a.header)
				}
			}
		})
	}
}

func TestMembersThatNobodyWantsAreNotLoaded(t *testing.T) {
	e := serve(t)
	group := e.largeGroup(10)
	loaded := 0
	e.store.reader = func(list scim.MemberList) scim.MemberReader { return countedMembers{list, &loaded} }
	e.do("GET", "/Groups/"+group+"?excludedAttributes=members", "")
	e.do("GET", "/Groups?excludedAttributes=members&filter=displayName+eq+%22x%22", "")
	e.do("GET", "/Groups?attributes=displayName", "")
	e.do("PATCH", "/Groups/"+group, `{"Operations":[{"op":"replace","path":"displayName","value":"y"}]}`)
	if loaded != 0 {
		t.Errorf("members were loaded %d times", loaded)
	}
	if e.do("GET", "/Groups/"+group, ""); loaded == 0 {
		t.Error("members that are wanted were not loaded")
	}
	// A user's version tells of its groups.
	for query, without := range map[string]bool{
		"excludedAttributes=groups,meta": true, "attributes=userName": true,
		"": false, "excludedAttributes=groups": false, "attributes=meta.version": false,
	} {
		e.do("GET", "/Users?"+query, "")
		if got := e.store.lists[len(e.store.lists)-1].NoGroups; got != without {
			t.Errorf("groups are left out with %q: %v", query, got)
		}
	}
}

// countedMembers counts how often somebody begins to read members.
type countedMembers struct {
	scim.MemberList
	reads *int
}

func (c countedMembers) Len() int {
	*c.reads++
	return c.MemberList.Len()
}

func TestAccessLogHoldsNoPersonalData(t *testing.T) {
	e := serve(t)
	id := e.do("POST", "/Users", `{"userName":"bjensen@example.com","password":"t1meMa$heen"}`).json(t)["id"].(string)
	e.do("GET", "/Users?filter=userName+eq+%22bjensen@example.com%22", "")
	e.do("GET", "/Users/bjensen@example.com", "")
	e.do("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"emails[value eq \"bjensen@example.com\"].nosuch","value":"x"}]}`)
	e.do("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":"bjensen@example.com"}]}`)
	e.do("POST", "/Users", `{"userName":"BJensen@example.com"}`)
	e.waitForLog(`"status":409`)
	logged := e.logs.String()
	for _, secret := range []string{"bjensen", "BJensen", "t1me", string(testToken[10:])} {
		if strings.Contains(logged, secret) {
			t.Errorf("%q is in the log:\n%s", secret, logged)
		}
	}
	for _, wanted := range []string{`"route":"/Users/{id}"`, `"method":"PATCH"`, `"id":"` + id + `"`, `"status":201`,
		`"scimType":"uniqueness"`, `"tokenID":"`, `"durationMs":`, `"bytes":`, `"remote":"127.0.0.1"`, `"attribute":"userName"`} {
		if !strings.Contains(logged, wanted) {
			t.Errorf("%s is not in the log:\n%s", wanted, logged)
		}
	}
}

// TestAccessLogLeavesOutWhatWasCalled has the store fail for ids that clients made up.
func TestAccessLogLeavesOutWhatWasCalled(t *testing.T) {
	refused := errors.New("dial tcp 10.96.0.1:443: connect: connection refused")
	for _, row := range []struct {
		name  string
		cause error
		want  string
	}{
		{"the API server cannot be reached",
			&url.Error{Op: "Get", URL: "https://10.96.0.1:443/apis/scimusers/bjensen@example.com", Err: refused},
			`"cause":"reading: Get: ` + refused.Error() + `"`},
		{"a call within a call",
			&url.Error{Op: "Get", URL: "https://proxy/bjensen", Err: &url.Error{Op: "Put", URL: "https://api/bjensen", Err: refused}},
			`"cause":"reading: Get: Put: ` + refused.Error() + `"`},
		{"the API server names what it refuses",
			errors.New(`scimusers "bjensen@example.com" is forbidden`),
			`"cause":"reading: scimusers \"…\" is forbidden"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := serve(t)
			e.store.before = func(context.Context, string) error { return fmt.Errorf("reading: %w", row.cause) }
			wantError(t, e.do("GET", "/Users/bjensen@example.com", ""), http.StatusInternalServerError, "")
			e.waitForLog(`"status":500`)
			if logged := e.logs.String(); !strings.Contains(logged, row.want) || strings.Contains(logged, "bjensen") {
				t.Errorf("want %s in the log:\n%s", row.want, logged)
			}
		})
	}
}

func TestRefusedDomainsAreCounted(t *testing.T) {
	e := serve(t)
	e.store.before = func(context.Context, string) error {
		return &store.DomainError{Answer: scim.ErrInvalidValue("userName", "not of acme.com")}
	}
	a := e.do("POST", "/Users", `{"userName":"ada@evil.com"}`)
	wantError(t, a, http.StatusBadRequest, scim.ScimTypeInvalidValue)
	if n := e.counter("scim_email_domains_refused_total"); n != 1 {
		t.Errorf("%v refusals are counted", n)
	}
}

func TestMetrics(t *testing.T) {
	e := serve(t)
	e.do("POST", "/Users", `{"userName":"x"}`)
	e.do("GET", "/Users/some-id-or-other", "")
	e.do("BREW", "/Nonsense/x/y/z", "")
	e.do("GET", "/Users", "", "Authorization", "Bearer wrong")
	e.eventually("four requests are counted", func() bool { return e.counter("scim_http_requests_total") == 4 })
	e.eventually("no request is under way", func() bool { return e.counter("scim_http_requests_in_flight") == 0 })
	for name, want := range map[string]float64{
		"scim_http_request_duration_seconds":      4,
		"scim_http_response_size_bytes":           4,
		"scim_http_authentication_failures_total": 1,
		"scim_store_operation_duration_seconds":   2,
		"scim_http_panics_total":                  0,
	} {
		if got := e.counter(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	families, err := e.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(families)
	if strings.Contains(text, "some-id") || strings.Contains(text, "BREW") || strings.Contains(text, "Nonsense") {
		t.Errorf("what a client sent is a label: %s", text)
	}
}

func TestBaseURLs(t *testing.T) {
	for _, row := range []struct{ base, path string }{
		{"https://scim.example.com", "/Users"},
		{"https://scim.example.com/", "/Users"},
		{"https://scim.example.com/a/b/c", "/a/b/c/Users"},
		{"http://okta-scim.acme.svc/scim/v2/", "/scim/v2/Users"},
	} {
		e := serve(t, func(c *Config) { c.BaseURL = row.base })
		body := `{"userName":"x"}`
		a := e.raw([]byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", row.path, authorized, len(body), body)), "POST")
		want := strings.TrimRight(row.base, "/") + "/Users/" + fmt.Sprint(a.json(t)["id"])
		if got := a.header.Get("Location"); a.status != http.StatusCreated || got != want {
			t.Errorf("%s: status %d, Location %q, want %q", row.base, a.status, got, want)
		}
	}
	for _, base := range []string{"", "scim.example.com", "ftp://x/y", "https://x/y?z", "https://u:p@x/y", "https://x/y#z", ":"} {
		if _, err := New(Config{BaseURL: base}); err == nil {
			t.Errorf("the base URL %q is accepted", base)
		}
	}
}
