// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// adopted is a user who was here before, under a name that somebody gave.
func (e *endpoint) adopted(id, userName string) {
	e.t.Helper()
	given := e.create("/Users", `{"userName":"`+userName+`"}`)
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	for _, r := range e.store.records {
		if r.id == given {
			r.id = id
		}
	}
}

// Both logs name a user who was here before as everybody else, also when the request about
// her is refused, and no id that somebody made up.
func TestAdoptedUsersAreNamedInTheLogs(t *testing.T) {
	const (
		patch = `{"Operations":[{"op":"replace","path":"%s","value":"x"}]}`
		bulk  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` +
			`{"method":"PATCH","path":"/Users/%[1]s","data":{"Operations":[{"op":"replace","path":"nickName","value":"x"}]}},` +
			`{"method":"PUT","path":"/Users/%[1]s","data":{"active":"perhaps"}},{"method":"DELETE","path":"/Users/%[1]s"}]}`
	)
	for _, row := range []struct {
		id    string
		named bool
	}{
		{"ada.lovelace", true},
		{"scimop-token", false}, // it could be an object's name, and is none
		{"ada@acme.com", false},
		{"ADA", false},
		{"ada%0A%7B%22msg%22%3A%22change%22%7D", false},
		{strings.Repeat("a", 300), false},
	} {
		t.Run(row.id, func(t *testing.T) {
			e := serve(t)
			e.adopted("ada.lovelace", "ada")
			e.do("PATCH", "/Users/"+row.id, fmt.Sprintf(patch, "title"))
			e.do("PATCH", "/Users/"+row.id, fmt.Sprintf(patch, "active"))
			e.do("GET", "/Users/"+row.id, "", "If-Match", `W/"x"`)
			e.do("POST", "/Bulk", fmt.Sprintf(bulk, row.id))
			e.do("DELETE", "/Users/"+row.id, "")
			if row.named {
				e.adopted("ada.lovelace", "ada2")
				if a := e.do("DELETE", "/Users/"+row.id, ""); a.status != http.StatusNoContent {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
			}
			e.stop()
			if err := <-e.stopped; err != nil {
				t.Fatal(err)
			}
			e.stopped <- nil
			named := strings.Count(e.audited.String(), `"resourceID":"`+row.id+`"`)
			accessed := strings.Count(e.logs.String(), `"id":"`+row.id+`"`)
			if row.named && (named != 6 || accessed != 7) || !row.named && strings.Contains(e.audited.String()+e.logs.String(), row.id) {
				t.Errorf("the audit log names it %d times, the other %d times:\n%s\n%s", named, accessed, e.audited, e.logs)
			}
		})
	}
}

func TestObjectNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "0": true, "ada": true, "ada.lovelace": true, "a-b.c-d": true, "a--b": true, strings.Repeat("a", maxObjectName): true,
		"": false, "-a": false, "a-": false, ".a": false, "a.": false, "a..b": false, "a-.b": false, "a.-b": false, "A": false,
		"a_b": false, "a b": false, "a\nb": false, "ä": false, "a@b": false, strings.Repeat("a", maxObjectName+1): false,
	} {
		if isObjectName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
