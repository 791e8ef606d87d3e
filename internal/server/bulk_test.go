// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"scim-operator.io/internal/store"
)

// bulk sends operations and gives the statuses that they were answered with.
func (e *endpoint) bulk(operations ...string) (statuses string, answered []map[string]any) {
	e.t.Helper()
	a := e.do("POST", "/Bulk", `{"Operations":[`+strings.Join(operations, ",")+`]}`)
	if a.status != http.StatusOK {
		e.t.Fatalf("status %d: %s", a.status, a.body)
	}
	for _, o := range a.json(e.t)["Operations"].([]any) {
		answered = append(answered, o.(map[string]any))
		statuses += fmt.Sprint(o.(map[string]any)["status"], " ")
	}
	return strings.TrimSpace(statuses), answered
}

func bulkUser(bulkID, userName string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%q}}`, bulkID, userName)
}

func bulkGroup(bulkID, displayName, member string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":%q,"data":{"displayName":%q,"members":[{"value":%q}]}}`,
		bulkID, displayName, member)
}

func (e *endpoint) total(path string) any {
	e.t.Helper()
	return e.do("GET", path, "").json(e.t)["totalResults"]
}

func TestBulkLimits(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.BulkOperations, l.BulkBytes = 2, 1000 }))
	a := e.do("POST", "/Bulk", `{"Operations":[`+bulkUser("1", "a")+","+bulkUser("2", "b")+","+bulkUser("3", "c")+`]}`)
	wantError(t, a, http.StatusRequestEntityTooLarge, "")
	if !strings.Contains(string(a.body), "maxOperations (2)") {
		t.Errorf("the error does not say how many operations there may be: %s", a.body)
	}
	a = e.do("POST", "/Bulk", `{"Operations":[`+bulkUser("1", strings.Repeat("a", 1000))+`]}`)
	wantError(t, a, http.StatusRequestEntityTooLarge, "")
	if !strings.Contains(string(a.body), "1000 bytes") {
		t.Errorf("the error does not say how large the body may be: %s", a.body)
	}
	wantError(t, e.do("POST", "/Bulk", `x`), http.StatusBadRequest, "invalidSyntax")
	wantError(t, e.do("POST", "/Bulk", `{}`, "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "")
	if got := e.total("/Users"); got != 0.0 {
		t.Errorf("%v users exist", got)
	}
}

// failing makes an operation of the store fail, the nth time and from then on.
func (e *endpoint) failing(operation string, from, to int) {
	var mu sync.Mutex
	n := 0
	e.store.before = func(_ context.Context, entered string) error {
		mu.Lock()
		defer mu.Unlock()
		if entered != operation {
			return nil
		}
		if n++; n < from || n > to {
			return nil
		}
		return &store.Unavailable{RetryAfter: time.Second}
	}
}

func TestBulkGoesOnAfterAFault(t *testing.T) {
	e := serve(t)
	e.failing("create", 2, 2)
	statuses, answered := e.bulk(bulkUser("1", "a"), bulkUser("2", "b"), bulkUser("3", "c"))
	if statuses != "201 503 201" {
		t.Errorf("statuses %s", statuses)
	}
	detail := answered[1]["response"].(map[string]any)["detail"].(string)
	if !strings.Contains(detail, "try again later") || !strings.Contains(detail, "request ") {
		t.Errorf("detail %q", detail)
	}
	if answered[1]["location"] != nil {
		t.Error("what was not created has a location")
	}
}

// A resource that cannot be completed with what it refers to is not there.
func TestBulkUndoesWhatItCannotComplete(t *testing.T) {
	pair := []string{bulkGroup("a", "A", "bulkId:b"), bulkGroup("b", "B", "bulkId:a")}
	for _, row := range []struct {
		name, operation string
		from, to        int
		statuses        string
		left            float64
	}{
		{"all is well", "none", 1, 1, "201 201", 2},
		{"what it refers to fails", "create", 2, 2, "503 409", 0},
		{"it fails itself", "create", 1, 1, "409 503", 0},
		{"it cannot be completed", "update", 1, 1, "409 503", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := serve(t)
			e.failing(row.operation, row.from, row.to)
			statuses, answered := e.bulk(pair...)
			if statuses != row.statuses {
				t.Errorf("statuses %s, want %s", statuses, row.statuses)
			}
			if got := e.total("/Groups"); got != row.left {
				t.Errorf("%v groups are left, want %v", got, row.left)
			}
			for i, o := range answered {
				if ok := o["status"] == "201"; ok != (o["location"] != nil) || ok != (o["version"] != nil) || ok != (o["response"] == nil) {
					t.Errorf("operation %d: %v", i+1, o)
				}
			}
		})
	}
}

// Who refers to a resource that is undone is undone too, or not carried out, and nobody
// else.
func TestBulkLeavesNoReferenceToWhatItUndoes(t *testing.T) {
	patched := func(path string) string {
		return fmt.Sprintf(`{"method":"PATCH","path":%q,"data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}]}}`, path)
	}
	e := serve(t)
	_, answered := e.bulk(bulkUser("u", "u"), bulkGroup("g", "G", "bulkId:u"))
	there := strings.TrimPrefix(answered[1]["location"].(string), baseURL)
	e.failing("update", 1, 1)
	statuses, _ := e.bulk(
		bulkGroup("c", "C", "bulkId:a"), // outside of the circle
		bulkGroup("a", "A", "bulkId:b"), bulkGroup("b", "B", "bulkId:a"),
		patched(there), bulkUser("v", "v"),
	)
	if statuses != "409 409 503 409 201" {
		t.Errorf("statuses %s", statuses)
	}
	// The PATCH comes first, and may not be carried out with what does not stay.
	e.failing("update", 1, 1)
	statuses, _ = e.bulk(patched(there), bulkGroup("a", "A", "bulkId:b"), bulkGroup("b", "B", "bulkId:a"))
	if statuses != "409 409 503" {
		t.Errorf("statuses %s", statuses)
	}
	e.store.before = nil
	if got := e.total("/Groups"); got != 1.0 {
		t.Errorf("%v groups are left, want the one that was there", got)
	}
	if members, _ := e.do("GET", there, "").json(t)["members"].([]any); len(members) != 1 {
		t.Errorf("it has the members %v", members)
	}
}

// Who was there before the request is there after it, whatever else of it fails.
func TestBulkRemovesNobodyWhoWasThere(t *testing.T) {
	reporting := func(bulkID, userName, more, manager string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%q,%s%q:{"manager":{"value":%q}}}}`,
			bulkID, userName, more, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", manager)
	}
	e := serve(t)
	e.create("/Users", `{"userName":"ada"}`)
	cleo := e.create("/Users", `{"userName":"cleo","externalId":"7","active":false}`)
	statuses, _ := e.bulk(reporting("a", "ada", "", "bulkId:c"), reporting("c", "cleo", `"externalId":"7","active":true,`, "bulkId:a"))
	if statuses != "409 500" {
		t.Errorf("statuses %s", statuses)
	}
	if a := e.do("GET", "/Users/"+cleo, ""); a.status != http.StatusOK {
		t.Errorf("who was there before is answered %d", a.status)
	}
}

func TestBulkSaysWhatItCouldNotUndo(t *testing.T) {
	e := serve(t)
	e.store.before = func(_ context.Context, operation string) error {
		if operation == "update" || operation == "delete" {
			return &store.Unavailable{RetryAfter: time.Second}
		}
		return nil
	}
	statuses, answered := e.bulk(bulkGroup("a", "A", "bulkId:b"), bulkGroup("b", "B", "bulkId:a"))
	location, _ := answered[1]["location"].(string)
	detail := answered[1]["response"].(map[string]any)["detail"].(string)
	if statuses != "500 500" || !strings.HasPrefix(location, baseURL+"/Groups/") || !strings.Contains(detail, location) {
		t.Errorf("statuses %s: %v", statuses, answered[1])
	}
}

// What a request begins is finished, and what it has no time for is said to be undone.
func TestBulkThatTakesTooLong(t *testing.T) {
	e := serve(t, withLimits(func(l *Limits) { l.RequestTimeout = 2 * time.Second })) // for two users, on a slow machine
	created := 0
	e.store.before = func(ctx context.Context, operation string) error {
		if operation == "create" {
			if created++; created > 2 {
				<-ctx.Done()
				return ctx.Err()
			}
		}
		return nil
	}
	statuses, _ := e.bulk(bulkUser("1", "a"), bulkUser("2", "b"), bulkUser("3", "c"), bulkUser("4", "d"))
	if statuses != "201 201 503 503" {
		t.Errorf("statuses %s", statuses)
	}
}

func TestBulkStopsWhenItsClientLeaves(t *testing.T) {
	e := serve(t)
	connection := e.dial()
	begun := make(chan struct{})
	e.store.before = func(ctx context.Context, _ string) error {
		close(begun) // a second operation would panic
		<-ctx.Done()
		return ctx.Err()
	}
	body := `{"Operations":[` + bulkUser("1", "a") + "," + bulkUser("2", "b") + `]}`
	if _, err := fmt.Fprintf(connection, "POST %s/Bulk HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", basePath, authorized, len(body), body); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
	e.waitForLog(`"status":499`)
	if n := e.counter("scim_http_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

func TestBulkOperationsAreLoggedAndCounted(t *testing.T) {
	e := serve(t)
	_, answered := e.bulk(bulkUser("1", "bjensen@example.com"), bulkUser("2", "BJensen@example.com"),
		`{"method":"bjensen","path":"/Users/bjensen","bulkId":"bjensen"}`)
	location := answered[0]["location"].(string)
	e.waitForLog(`"operations":3,"failed":2`)
	logged := e.logs.String()
	for _, wanted := range []string{
		`"operation":1,"method":"POST","route":"/Users","status":201,"id":"` + location[strings.LastIndexByte(location, '/')+1:] + `"`,
		`"operation":2,"method":"POST","route":"/Users","status":409,"scimType":"uniqueness","attribute":"userName"`,
		`"operation":3,"method":"OTHER","route":"/Users/{id}","status":405`,
	} {
		if !strings.Contains(logged, wanted) {
			t.Errorf("%s is not in the log:\n%s", wanted, logged)
		}
	}
	if strings.Contains(strings.ToLower(logged), "bjensen") {
		t.Errorf("a name is in the log:\n%s", logged)
	}
	if n := e.counter("scim_bulk_operations_total"); n != 3 {
		t.Errorf("%v operations are counted", n)
	}
}

// The API server quotes what was asked for: the log does not.
func TestBulkLogsNoIDThatAClientMadeUp(t *testing.T) {
	e := serve(t)
	e.store.before = func(context.Context, string) error {
		return fmt.Errorf("the API server: %w", &url.Error{Op: "Get", URL: "https://10.0.0.1/apis/scimusers/ada.lovelace",
			Err: errors.New(`scimusers "ada.lovelace" is forbidden`)})
	}
	statuses, _ := e.bulk(`{"method":"DELETE","path":"/Users/ada.lovelace"}`)
	e.waitForLog(`"operations":1`)
	if logged := e.logs.String(); statuses != "500" || !strings.Contains(logged, "forbidden") || strings.Contains(logged, "lovelace") {
		t.Errorf("statuses %s, log:\n%s", statuses, logged)
	}
}

// However deep operations refer to each other, and however many there are, each is done
// once.
func TestBulkChain(t *testing.T) {
	e := serve(t)
	const groups = 999
	operations := make([]string, 0, groups+1)
	for i := range groups {
		operations = append(operations, bulkGroup(fmt.Sprint(i), fmt.Sprintf("group%d", i), fmt.Sprintf("bulkId:%d", i+1)))
	}
	operations = append(operations, bulkGroup(fmt.Sprint(groups), "last", "bulkId:0"))
	statuses, answered := e.bulk(operations...)
	if n := strings.Count(statuses, "201"); n != groups+1 {
		t.Errorf("%d operations succeeded", n)
	}
	for i, o := range answered {
		location := strings.TrimPrefix(o["location"].(string), baseURL)
		members, _ := e.do("GET", location, "").json(t)["members"].([]any)
		if len(members) != 1 {
			t.Fatalf("group %d has %d members", i, len(members))
		}
		next := strings.TrimPrefix(answered[(i+1)%len(answered)]["location"].(string), baseURL+"/Groups/")
		if got := members[0].(map[string]any)["value"]; got != next {
			t.Fatalf("group %d has the member %v, want %s", i, got, next)
		}
		if i == 20 {
			break // the others are like these
		}
	}
}

// Bulk requests at the same time do not disturb each other: of those that create one name,
// one succeeds.
func TestBulkRequestsAtOnce(t *testing.T) {
	e := serve(t)
	const clients = 8
	results := make(chan string, clients)
	for client := range clients {
		go func() {
			statuses, _ := e.bulk(bulkUser("shared", "shared"), bulkUser("own", fmt.Sprintf("own%d", client)),
				bulkGroup("g", fmt.Sprintf("group%d", client), "bulkId:own"))
			results <- statuses
		}()
	}
	won := 0
	for range clients {
		switch statuses := <-results; statuses {
		case "201 201 201":
			won++
		case "409 201 201":
		default:
			t.Errorf("statuses %s", statuses)
		}
	}
	if won != 1 || e.total("/Users") != float64(clients+1) || e.total("/Groups") != float64(clients) {
		t.Errorf("%d created the same user; there are %v users and %v groups", won, e.total("/Users"), e.total("/Groups"))
	}
}
