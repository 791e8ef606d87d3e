// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const authorized = "Authorization: Bearer " + string(testToken) + "\r\n"

// Requests that net/http refuses before a handler sees them are refused by SCIM errors.
func TestMalformedRequests(t *testing.T) {
	e := serve(t)
	for _, row := range []struct {
		name, request string
		status        int
	}{
		{"nonsense", "nonsense\r\n\r\n", 400},
		{"no host", "GET /scim/v2/Users HTTP/1.1\r\n\r\n", 400},
		{"two hosts", "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"a header without a colon", "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400},
		{"a control character in a header", "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nX-A: b\x01\r\n\r\n", 400},
		{"a blank in the path", "GET /scim/v2/Users ?x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"two lengths", "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400},
		{"an unknown version", "GET /scim/v2/Users HTTP/3.7\r\nHost: a\r\n\r\n", 505},
		{"an unknown transfer encoding", "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n", 501},
		{"an unknown expectation", "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}", 417},
		{"headers without end", "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("x", 300<<10), 431},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := e.raw([]byte(row.request), http.MethodPost)
			wantError(t, a, row.status, "")
			if !a.closed {
				t.Error("the connection is kept")
			}
			e.waitForLog(`"requestID":"` + a.header.Get("X-Request-Id"))
		})
	}
	if n := e.counter("scim_http_malformed_requests_total"); n != 11 {
		t.Errorf("%v malformed requests counted, want 11", n)
	}
}

func TestLimitsOnRequests(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.BodyBytes = 1 << 20 }))
	large := `{"userName":"x","title":"` + strings.Repeat("x", 1<<20) + `"}`
	get := func(target, headers string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + headers + authorized + "\r\n"
	}
	for _, row := range []struct {
		name, request string
		status        int
	}{
		{"a URL within the bound", get(basePath+"/Users?x="+strings.Repeat("x", 16<<10-len(basePath)-len("/Users?x=")), ""), 200},
		{"a URL beyond the bound", get(basePath+"/Users?x="+strings.Repeat("x", 16<<10), ""), 414},
		{"headers within the bound", get(basePath+"/Users", "X-A: "+strings.Repeat("x", 31<<10)+"\r\n"), 200},
		{"headers beyond the bound", get(basePath+"/Users", "X-A: "+strings.Repeat("x", 33<<10)+"\r\n"), 431},
		{"a body beyond the bound", fmt.Sprintf("POST %s/Users HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", basePath, authorized, len(large), large), 413},
		{"a body without length beyond the bound", fmt.Sprintf("POST %s/Users HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", basePath, authorized, len(large), large), 413},
		{"a body announced beyond the bound and never sent", fmt.Sprintf("POST %s/Users HTTP/1.1\r\nHost: a\r\n%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", basePath, authorized, 1<<40), 413},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := e.raw([]byte(row.request), http.MethodPost)
			if row.status != http.StatusOK {
				wantError(t, a, row.status, "")
			} else if a.status != http.StatusOK {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
		})
	}
	if len(e.store.records) != 0 {
		t.Error("a refused request has changed something")
	}
}

func TestMediaTypes(t *testing.T) {
	e := serve(t)
	for i, row := range []struct {
		contentType string
		status      int
	}{
		{"application/scim+json", 201},
		{"application/json", 201},
		{"", 201},
		{"application/scim+json; charset=utf-8", 201},
		{"Application/JSON;charset=\"UTF-8\"", 201},
		{"application/json; nonsense", 201},
		{"text/plain", 415},
		{"application/x-www-form-urlencoded", 415},
		{"application/json-patch+json", 415},
		{"nonsense", 415},
	} {
		a := e.do("POST", "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i), "Content-Type", row.contentType, "Accept", "text/html")
		if a.status != row.status {
			t.Errorf("%q: status %d, want %d: %s", row.contentType, a.status, row.status, a.body)
		}
		if got := a.header.Get("Content-Type"); got != mediaType {
			t.Errorf("%q: answered as %q", row.contentType, got)
		}
	}
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write([]byte(`{"userName":"zipped"}`))
	_ = writer.Close()
	wantError(t, e.do("POST", "/Users", zipped.String(), "Content-Encoding", "gzip"), 415, "")
}

func TestSlowBodyIsCutOff(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.ReadTimeout = time.Second }))
	connection := e.dial()
	_, err := fmt.Fprintf(connection, "POST %s/Users HTTP/1.1\r\nHost: a\r\n%sContent-Length: 100\r\n\r\n{\"user", basePath, authorized)
	if err != nil {
		t.Fatal(err)
	}
	a := e.read(bufio.NewReader(connection), http.MethodPost)
	wantError(t, a, http.StatusRequestTimeout, "")
	if !a.closed {
		t.Error("the connection is kept")
	}
}

func TestShortBody(t *testing.T) {
	e := serve(t)
	connection := e.dial()
	_, err := fmt.Fprintf(connection, "POST %s/Users HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\n\r\nzz\r\n", basePath, authorized)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, e.read(bufio.NewReader(connection), http.MethodPost), http.StatusBadRequest, "invalidSyntax")
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.ReadHeaderTimeout = 50 * time.Millisecond }))
	for _, begun := range []string{"", "GET /scim", "PRI * HTTP/2.0\r\n"} {
		connection := e.dial()
		if _, err := connection.Write([]byte(begun)); err != nil {
			t.Fatal(err)
		}
		// The end of the connection is what is waited for.
		if _, err := bufio.NewReader(connection).ReadString(0); err == nil || isTimeout(err) {
			t.Errorf("after %q the connection is kept", begun)
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(interface{ Timeout() bool })
	return ok && timeout.Timeout()
}

// A client that goes away does not free the place of its write, which goes on.
func TestAWriteKeepsItsPlaceUntilItEnds(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.Concurrent = 2 }))
	for _, row := range []struct {
		unfinished int64
		status     int
	}{{0, http.StatusOK}, {1, http.StatusOK}, {2, http.StatusServiceUnavailable}, {1, http.StatusOK}} {
		e.store.unfinished.Store(row.unfinished)
		if a := e.do("GET", "/Schemas", ""); a.status != row.status {
			t.Errorf("beside %d writes that go on, the answer is %d, want %d", row.unfinished, a.status, row.status)
		}
	}
}

func TestTooManyAtOnce(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.Concurrent = 1 }))
	entered, leave := make(chan struct{}), make(chan struct{})
	e.store.before = func(_ context.Context, operation string) error {
		if operation == "list" {
			entered <- struct{}{}
			<-leave
		}
		return nil
	}
	first := make(chan int)
	go func() {
		request, _ := http.NewRequest(http.MethodGet, "http://"+e.address+basePath+"/Users", nil)
		request.Header.Set("Authorization", "Bearer "+string(testToken))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			first <- 0
			return
		}
		_ = response.Body.Close()
		first <- response.StatusCode
	}()
	<-entered
	a := e.do("GET", "/Schemas", "")
	wantError(t, a, http.StatusServiceUnavailable, "")
	if got := a.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	close(leave)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the request that was there first: status %d", status)
	}
	e.eventually("another request is served", func() bool { return e.do("GET", "/Schemas", "").status == http.StatusOK })
}

func TestRequestDeadline(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.RequestTimeout = 20 * time.Millisecond }))
	e.store.before = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	a := e.do("GET", "/Users", "")
	wantError(t, a, http.StatusServiceUnavailable, "")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// counter sums a metric over its labels.
func (e *endpoint) counter(name string) float64 {
	e.t.Helper()
	families, err := e.registry.Gather()
	if err != nil {
		e.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}
