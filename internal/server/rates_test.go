// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"scim-operator.io/internal/token"
)

const secondToken = token.Plaintext("scim_second0000000000000000000000000000000000000")

// A token that asks more often than it may is answered 429 until its time has come, and no
// other token is.
func TestRequestsPerSecondOfOneToken(t *testing.T) {
	e := newEndpoint(t, withLimits(func(l *Limits) { l.RequestsPerSecond = 2 }), func(c *Config) {
		verifier := new(token.Verifier)
		verifier.Set([]token.Digest{token.NewDigest(testToken, time.Now()), token.NewDigest(secondToken, time.Now())})
		c.Tokens = verifier
	})
	var passed time.Duration
	begin := time.Now()
	e.now = func() time.Time { return begin.Add(passed) }
	e.start()
	for range 2 {
		if a := e.do("GET", "/Users", ""); a.status != http.StatusOK {
			t.Fatalf("status %d", a.status)
		}
	}
	a := e.do("POST", "/Users", `{"userName":"ada"}`)
	wantError(t, a, http.StatusTooManyRequests, "")
	if got := a.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	if !strings.Contains(string(a.body), "2 requests a second") {
		t.Errorf("the error does not say how many requests there may be: %s", a.body)
	}
	if len(e.store.records) != 0 {
		t.Error("a request that was refused has changed something")
	}
	if n := e.counter("scim_http_requests_throttled_total"); n != 1 {
		t.Errorf("%v requests are counted as throttled", n)
	}
	if line := e.audited.String(); !strings.Contains(line, `"status":429`) {
		t.Errorf("the audit log has %q", line)
	}
	if a := e.do("GET", "/Users", "", "Authorization", "Bearer "+string(secondToken)); a.status != http.StatusOK {
		t.Errorf("the other token is answered %d", a.status)
	}
	if a := e.do("GET", "/Users", "", "Authorization", "Bearer wrong"); a.status != http.StatusUnauthorized {
		t.Errorf("a wrong token is answered %d", a.status)
	}
	passed = 500 * time.Millisecond
	if a := e.do("GET", "/Users", ""); a.status != http.StatusOK {
		t.Errorf("half a second later the answer is %d", a.status)
	}
	wantError(t, e.do("GET", "/Users", ""), http.StatusTooManyRequests, "")
}

// groupOf is the body of a group with so many members, as identity providers send them.
func groupOf(members int) string {
	var b strings.Builder
	b.WriteString(`{"displayName":"everybody","members":[`)
	for i := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"value":"2819c223-7f76-453a-919d-%012d","display":"Barbara Jane Jensen","type":"User"}`, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

func TestAGroupOfAHundredThousandMembersIsTaken(t *testing.T) {
	e := serve(t)
	id := e.do("POST", "/Groups", `{"displayName":"everybody"}`).json(t)["id"].(string)
	body := groupOf(100_000)
	if len(body) < 9<<20 {
		t.Fatalf("the body is only %d bytes", len(body))
	}
	a := e.do("PUT", "/Groups/"+id+"?excludedAttributes=members", body)
	if a.status != http.StatusOK {
		t.Fatalf("%d bytes are answered %d: %s", len(body), a.status, a.body)
	}
}

// Large bodies at once have a bound of their own, whatever the number of requests.
func TestRoomForLargeBodies(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.BodyBytes, l.BulkBytes = 1<<20, 1<<20 }))
	entered, leave := make(chan struct{}), make(chan struct{})
	e.store.before = func(_ context.Context, operation string) error {
		if operation == "create" {
			entered <- struct{}{}
			<-leave
		}
		return nil
	}
	large := func(name string) string { return `{"displayName":"` + name + `"` + strings.Repeat(" ", 900<<10) + `}` }
	done := make(chan int, bodiesAtOnce)
	for i := range bodiesAtOnce {
		go func() { done <- e.do("POST", "/Groups", large(fmt.Sprint(i))).status }()
		<-entered
	}
	a := e.do("POST", "/Groups", large("one more"))
	wantError(t, a, http.StatusServiceUnavailable, "")
	if got := a.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	if n := e.counter("scim_http_bodies_refused_total"); n != 1 {
		t.Errorf("%v bodies are counted as refused", n)
	}
	go func() { done <- e.do("POST", "/Groups", `{"displayName":"small"}`).status }()
	<-entered // a small one needs no room
	close(leave)
	for range bodiesAtOnce + 1 {
		if status := <-done; status != http.StatusCreated {
			t.Errorf("a request that had room is answered %d", status)
		}
	}
	e.store.before = nil
	e.eventually("there is room again", func() bool { return e.do("POST", "/Groups", large("at last")).status == http.StatusCreated })
}

func TestServiceProviderConfigHasTheLimitsInForce(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) {
		l.BulkOperations, l.BulkBytes, l.MaxPageSize, l.DefaultPageSize = 7, 70_000, 77, 7
	}))
	config := e.do("GET", "/ServiceProviderConfig", "").json(t)
	bulk, filter, pagination := config["bulk"].(map[string]any), config["filter"].(map[string]any), config["pagination"].(map[string]any)
	if bulk["maxOperations"] != 7.0 || bulk["maxPayloadSize"] != 70_000.0 || filter["maxResults"] != 77.0 ||
		pagination["maxPageSize"] != 77.0 || pagination["defaultPageSize"] != 7.0 {
		t.Errorf("it says %v, %v, %v", bulk, filter, pagination)
	}
}
