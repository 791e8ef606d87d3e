// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"testing"

	"scim-operator.io/internal/scim"
)

const secretValue = "a secret value"

type panickingPart struct{}

func (panickingPart) Verify(string) (string, bool)        { panic(secretValue) }
func (panickingPart) Paused() bool                        { panic(secretValue) }
func (panickingPart) Serving() error                      { panic(errors.New(secretValue)) }
func (panickingPart) SealingKey(string) ([32]byte, bool)  { panic(secretValue) }
func (panickingPart) OpeningKeys() [][32]byte             { panic(secretValue) }
func (panickingPart) All() iter.Seq[scim.Member]          { panic(secretValue) }
func (panickingPart) Len() int                            { return 2 }
func (panickingPart) Get(string) (m scim.Member, ok bool) { return m, false }

// panicsIn makes an operation of the store panic.
func panicsIn(operation string) func(*endpoint) {
	return func(e *endpoint) {
		e.store.before = func(_ context.Context, entered string) error {
			if entered == operation {
				panic(secretValue)
			}
			return nil
		}
	}
}

// TestPanicAnywhereBecomesAnAnswer: whichever part panics, and at whatever the request
// asks for, the client reads a SCIM error of status 500, and can go on.
func TestPanicAnywhereBecomesAnAnswer(t *testing.T) {
	for _, test := range []struct {
		name               string
		fault              func(*endpoint)
		method, path, body string
	}{
		{"reading one", panicsIn("get"), "GET", "/Users/{id}", ""},
		{"asking for one", panicsIn("get"), "HEAD", "/Users/{id}", ""},
		{"reading a list", panicsIn("list"), "GET", "/Users?filter=title+pr", ""},
		{"searching one type", panicsIn("list"), "POST", "/Groups/.search", `{}`},
		{"searching everything", panicsIn("list"), "POST", "/.search", `{"filter":"id pr"}`},
		{"creating", panicsIn("create"), "POST", "/Users", `{"userName":"b"}`},
		{"replacing", panicsIn("update"), "PUT", "/Users/{id}", `{"userName":"b"}`},
		{"changing", panicsIn("update"), "PATCH", "/Users/{id}", `{"Operations":[{"op":"add","path":"title","value":"x"}]}`},
		{"deleting", panicsIn("delete"), "DELETE", "/Users/{id}", ""},
		{"looking at the token", func(e *endpoint) { e.tokens = panickingPart{} }, "GET", "/Users", ""},
		{"whether it serves", func(e *endpoint) { e.Server.state = panickingPart{} }, "GET", "/Users", ""},
		{"sealing a cursor", func(e *endpoint) { e.cursors = panickingPart{} }, "GET", "/Users?cursor&count=1", ""},
		{"opening a cursor", func(e *endpoint) { e.cursors = panickingPart{} }, "GET", "/Users?cursor=AAAA", ""},
		{"the first member of a group", func(e *endpoint) {
			e.store.reader = func(scim.MemberList) scim.MemberReader { return panickingPart{} }
		}, "GET", "/Groups", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := serve(t)
			e.people(2)
			e.do("POST", "/Groups", `{"displayName":"Everybody","members":[{"value":"m"}]}`)
			path := strings.ReplaceAll(test.path, "{id}", e.store.records[0].id)
			tokens, state, cursors := e.tokens, e.Server.state, e.cursors
			test.fault(e)
			a := e.do(test.method, path, test.body)
			if test.method == http.MethodHead {
				if a.status != http.StatusInternalServerError {
					t.Errorf("status %d", a.status)
				}
			} else {
				wantError(t, a, http.StatusInternalServerError, "")
			}
			e.eventually("the panic is counted", func() bool { return e.counter("scim_http_panics_total") == 1 })
			if logged := e.logs.String(); strings.Contains(logged, secretValue) || !strings.Contains(logged, `"stack":"goroutine`) {
				t.Errorf("the log has the value of the panic, or no stack: %s", logged)
			}
			e.store.before, e.store.reader, e.tokens, e.Server.state, e.cursors = nil, nil, tokens, state, cursors
			if a := e.do("GET", "/Users", ""); a.status != http.StatusOK {
				t.Errorf("the next request is answered with %d", a.status)
			}
		})
	}
}

// TestPanicInBulkIsOneOperation: the others are answered for as they went.
func TestPanicInBulkIsOneOperation(t *testing.T) {
	e := serve(t)
	created := 0
	e.store.before = func(_ context.Context, operation string) error {
		if operation == "create" {
			if created++; created == 2 {
				panic(secretValue)
			}
		}
		return nil
	}
	statuses, answered := e.bulk(bulkUser("1", "a"), bulkUser("2", "b"), bulkUser("3", "c"), bulkGroup("4", "g", "bulkId:2"))
	if statuses != "201 500 201 409" {
		t.Errorf("statuses %s", statuses)
	}
	response := answered[1]["response"].(map[string]any)
	if response["status"] != "500" || response["schemas"].([]any)[0] != scim.ErrorSchema || strings.Contains(response["detail"].(string), secretValue) {
		t.Errorf("the operation is answered with %v", response)
	}
	if e.total("/Users") != 2.0 || e.counter("scim_http_panics_total") != 1 {
		t.Errorf("%v users, %v panics", e.total("/Users"), e.counter("scim_http_panics_total"))
	}
}

// TestPanicInBulkWhileCompleting: a circle goes whole, and what could be neither
// completed nor removed is told of.
func TestPanicInBulkWhileCompleting(t *testing.T) {
	e := serve(t)
	pair := []string{bulkGroup("a", "A", "bulkId:b"), bulkGroup("b", "B", "bulkId:a")}
	panicsIn("update")(e)
	if statuses, _ := e.bulk(pair...); statuses != "409 500" || e.total("/Groups") != 0.0 {
		t.Errorf("statuses %s", statuses)
	}
	e.store.before = func(_ context.Context, operation string) error {
		if operation == "update" || operation == "delete" {
			panic(secretValue)
		}
		return nil
	}
	statuses, answered := e.bulk(bulkGroup("a", "C", "bulkId:b"), bulkGroup("b", "D", "bulkId:a"))
	if statuses != "500 500" {
		t.Errorf("statuses %s", statuses)
	}
	for _, operation := range answered {
		if location, _ := operation["location"].(string); !strings.HasPrefix(location, baseURL+"/Groups/") {
			t.Errorf("nobody is told what is left: %v", operation)
		}
	}
}
