// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
)

// marker stands for a value of a person in every place of a request.
const marker = "mArk3r"

// markedRequests are requests of every kind, good and bad, about a user and a group.
func markedRequests(user, group string) []markedRequest {
	const patchSchema, bulkSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp", "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	patch := func(operation string) string {
		return `{"schemas":["` + patchSchema + `"],"Operations":[` + operation + `]}`
	}
	operations := []string{
		`{"op":"replace","path":"emails[value eq \"` + marker + `\"].type","value":"home"}`,
		`{"op":"replace","path":"emails[value eq \"` + marker + `\"].type","value":7}`,
		`{"op":"replace","path":"emails[value eq \"` + marker + `\"].` + marker + `","value":"x"}`,
		`{"op":"replace","path":"emails[value eq \"` + strings.Repeat(marker, 40) + `\"].type","value":7}`,
		`{"op":"replace","path":"emails[` + marker + ` eq 1]","value":7}`,
		`{"op":"replace","path":"emails[value eq \"` + marker + `","value":7}`,
		`{"op":"remove","path":"emails[value eq \"` + marker + `\"]"}`,
		`{"op":"replace","path":"` + marker + `","value":"x"}`,
		`{"op":"replace","path":"urn:` + marker + `:title","value":"x"}`,
		`{"op":"replace","path":"name.` + marker + `","value":"x"}`,
		`{"op":"` + marker + `","path":"title","value":"x"}`,
		`{"op":"replace","path":"active","value":"` + marker + `"}`,
		`{"op":"replace","path":"title","value":"` + marker + `"}`,
		`{"op":"replace","path":"profileUrl","value":{"` + marker + `":1}}`,
		`{"op":"replace","value":{"` + marker + `":"` + marker + `"}}`,
		`{"op":"replace","value":{"` + marker + `":1,"` + marker + `":2}}`,
		`{"op":"replace","path":"userName","value":"taken` + marker + `"}`,
		`{"op":"add","path":"members","value":[{"value":"` + marker + `"}]}`,
		`{"op":"add","path":"members","value":[{"value":"` + marker + `","type":"` + marker + `"}]}`,
		`{"op":"remove","path":"members[value eq \"` + marker + `\"]"}`,
		`{"op":"replace","path":"members[value eq \"` + marker + `\"].display","value":"` + marker + `"}`,
	}
	var all []markedRequest
	add := func(method, path, body string, headers ...string) {
		all = append(all, markedRequest{method, path, body, headers})
	}
	for _, operation := range operations {
		add("PATCH", "/Users/"+user, patch(operation))
		add("PATCH", "/Groups/"+group, patch(operation))
		add("POST", "/Bulk", `{"schemas":["`+bulkSchema+`"],"Operations":[{"method":"PATCH","path":"/Users/`+user+`","data":`+patch(operation)+`}]}`)
	}
	for _, body := range []string{
		`{"userName":"` + marker + `"}`, `{"userName":"taken` + marker + `"}`, `{"userName":"x","active":"` + marker + `"}`,
		`{"userName":"x","emails":[{"value":{"` + marker + `":1}}]}`, `{"` + marker + `":1,"` + marker + `":2}`, `{"userName":"` + marker, marker,
		`{"userName":"` + marker + `\u0001"}`, `{"displayName":"` + marker + `","members":[{"value":"` + marker + `"}]}`,
		`{"schemas":["urn:` + marker + `"],"userName":"x"}`, `{"userName":"x","meta":{"created":"` + marker + `"},"id":"` + marker + `"}`,
	} {
		add("POST", "/Users", body)
		add("PUT", "/Users/"+user, body)
		add("POST", "/Groups", body)
		add("PUT", "/Groups/"+group, body)
		add("POST", "/Users/.search", body)
		add("POST", "/Bulk", body)
		add("POST", "/Bulk", `{"schemas":["`+bulkSchema+`"],"Operations":[{"method":"POST","path":"/Users","bulkId":"`+marker+`","data":`+body+`},`+
			`{"method":"DELETE","path":"/Users/`+marker+`"},{"method":"`+marker+`","path":"/`+marker+`"},{"method":"PUT","path":"/Users/bulkId:`+marker+`","data":{"userName":"x"}}]}`)
	}
	quoted := url.QueryEscape(`"` + marker + `"`)
	for _, query := range []string{
		"filter=userName+eq+" + quoted, "filter=" + marker, "filter=" + marker + "+eq+1", "filter=emails[" + marker + "+eq+1]",
		"filter=title+" + marker + "+" + quoted, "filter=active+eq+" + quoted, "sortBy=" + marker, "sortOrder=" + marker, "sortBy=name." + marker,
		"count=" + marker, "startIndex=" + marker, "cursor=" + marker, "attributes=" + marker, "attributes=a&excludedAttributes=" + marker,
		marker + "=" + marker, "filter=%zz" + marker, "filter=userName+eq+" + quoted + "&filter=x",
	} {
		add("GET", "/Users?"+query, "")
		add("GET", "/Groups?"+query, "")
		add("GET", "/?"+query, "")
		add("GET", "/Users/"+user+"?"+query, "")
		add("GET", "/Schemas?"+query, "")
	}
	for _, path := range []string{"/Users/" + marker, "/Users/" + marker + "@example.com", "/Groups/" + marker, "/" + marker, "/Users/" + user + "/" + marker,
		"/Schemas/" + marker, "/ResourceTypes/" + marker, "/Users/" + strings.ToLower(marker), "/Me/" + marker} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST", "OPTIONS", strings.ToUpper(marker)} {
			add(method, path, `{"userName":"`+marker+`"}`)
		}
	}
	for _, header := range [][]string{
		{"Authorization", "Bearer " + marker}, {"Authorization", "Basic " + marker}, {"Authorization", marker}, {"Content-Type", marker + "/x"},
		{"Content-Encoding", marker}, {"If-Match", marker}, {"If-Match", `W/"` + marker + `"`}, {"If-None-Match", marker}, {"User-Agent", marker}, {"X-" + marker, marker},
		{"X-Forwarded-For", marker}, {"Forwarded", "for=" + marker}, {"Host", marker}, {"Referer", marker}, {"Cookie", marker}, {"X-Request-Id", marker + " and a blank"},
	} {
		add("PUT", "/Users/"+user, `{"userName":"`+marker+`","active":"`+marker+`"}`, header...)
	}
	add("PUT", "/Users/"+user, `{"userName":"ada"}`, "If-Match", `W/"`+marker+`"`)
	return all
}

type markedRequest struct {
	method, path, body string
	headers            []string
}

// No value of a request gets into a log line of any verbosity, a line of the audit log, a
// status or a metric, whatever becomes of the request.
func TestNoValueOfARequestIsTakenDown(t *testing.T) {
	notes, logs := &notebook{}, &logBuffer{}
	e := serve(t, func(c *Config) {
		c.Notes = notes
		c.Log = funcr.NewJSON(func(line string) { logs.add("", line) }, funcr.Options{Verbosity: 10})
	})
	user := e.create("/Users", `{"userName":"ada","emails":[{"value":"ada@example.com","type":"work"}]}`)
	group := e.create("/Groups", `{"displayName":"crew"}`)
	e.create("/Users", `{"userName":"taken`+marker+`"}`)
	statuses := map[int]int{}
	for _, r := range markedRequests(user, group) {
		statuses[e.do(r.method, r.path, r.body, r.headers...).status]++
	}
	for _, raw := range []string{
		"GET /scim/v2/" + marker + " HTTP/9.9\r\nHost: a\r\n\r\n", marker + "\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n" + marker + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: " + marker + "\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + marker + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + marker + "\r\nExpect: " + marker + "\r\n\r\n",
	} {
		statuses[e.raw([]byte(raw), http.MethodGet).status]++
	}
	e.stop()
	if err := <-e.stopped; err != nil {
		t.Fatal(err)
	}
	e.stopped <- nil
	for _, status := range []int{200, 201, 204, 400, 401, 404, 405, 409, 412, 415, 501} {
		if statuses[status] == 0 {
			t.Errorf("no request is answered %d: %v", status, statuses)
		}
	}
	if len(notes.notes) < 20 {
		t.Errorf("%d refusals are taken down", len(notes.notes))
	}
	families, err := e.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"the log": logs.String(), "the audit log": e.audited.String(),
		"a status": strings.Join(notes.notes, "\n"), "a metric": fmt.Sprint(families)} {
		if text == "" {
			t.Errorf("%s is empty", where)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(strings.ToLower(line), strings.ToLower(marker)) {
				t.Errorf("%s has a value of a request: %s", where, line)
			}
		}
	}
}
