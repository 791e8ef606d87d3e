// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"scim-operator.io/internal/scim"
)

// Whatever is sent, the answer is a success or a SCIM error, and never the server's
// fault.
func FuzzServeHTTP(f *testing.F) {
	f.Add("GET", "/Users", "filter=userName+eq+%22x%22&count=2&attributes=userName", "")
	f.Add("GET", "/Groups", "sortBy=displayName&excludedAttributes=members&startIndex=-1", "")
	f.Add("POST", "/Users", "", `{"userName":"x","emails":[{"value":"a@b.c","primary":true}]}`)
	f.Add("PATCH", "/Users/{user}", "", `{"Operations":[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"x"}]}`)
	f.Add("PATCH", "/Groups/{group}", "attributes=members", `{"Operations":[{"op":"add","path":"members","value":[{"value":"x"}]}]}`)
	f.Add("PUT", "/Groups/{group}", "", `{"displayName":"y","members":[]}`)
	f.Add("POST", "/Users/.search", "", `{"filter":"title pr","count":1,"attributes":["userName"]}`)
	f.Add("POST", "/.search", "", `{"filter":"displayName co \"x\"","startIndex":2}`)
	f.Add("DELETE", "/Users/{user}", "x=%zz", "")
	f.Add("OPTIONS", "//Schemas/urn:ietf:params:scim:schemas:core:2.0:User/", "filter", "")
	f.Add("POST", "/Bulk", "", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"y","manager":"bulkId:a"}}]}`)
	f.Add("POST", "/Bulk", "", `{"failOnErrors":1,"Operations":[{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:u"}]}]}},{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"z"}},{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"z"}}]}`)
	f.Add("GET", "/Users", "cursor&count=1&sortBy=userName", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		e := newEndpoint(t)
		ids := map[string]string{
			"{user}":  fuzzCreate(t, e, "/Users", `{"userName":"bjensen","title":"x"}`),
			"{group}": fuzzCreate(t, e, "/Groups", `{"displayName":"group","members":[{"value":"m"}]}`),
		}
		for name, id := range ids {
			path = strings.ReplaceAll(path, name, id)
		}
		answer := fuzzDo(e, method, path, query, body)
		if answer.Code < 400 {
			return
		}
		if answer.Code == http.StatusInternalServerError {
			t.Fatalf("status 500: %s\n%s", answer.Body, e.logs)
		}
		var decoded struct {
			Schemas        []string
			Status, Detail string
		}
		if method == http.MethodHead {
			return
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &decoded); err != nil {
			t.Fatalf("status %d: %v: %q", answer.Code, err, answer.Body)
		}
		if len(decoded.Schemas) != 1 || decoded.Schemas[0] != scim.ErrorSchema ||
			decoded.Status != strconv.Itoa(answer.Code) || decoded.Detail == "" {
			t.Fatalf("not a SCIM error: %q", answer.Body)
		}
	})
}

func fuzzDo(e *endpoint, method, path, query, body string) *httptest.ResponseRecorder {
	request := &http.Request{
		Method: method, URL: &url.URL{Path: basePath + path, RawQuery: query}, Proto: "HTTP/1.1",
		Header: http.Header{"Authorization": {"Bearer " + string(testToken)}, "Content-Type": {mediaType}},
		Body:   http.NoBody, ContentLength: int64(len(body)), RemoteAddr: "127.0.0.1:1",
	}
	if body != "" {
		request.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
	}
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, request)
	return recorder
}

func fuzzCreate(t *testing.T, e *endpoint, path, body string) string {
	t.Helper()
	var created struct{ ID string }
	if err := json.Unmarshal(fuzzDo(e, http.MethodPost, path, "", body).Body.Bytes(), &created); err != nil {
		t.Fatal(err)
	}
	return created.ID
}
