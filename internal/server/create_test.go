// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"testing"
)

// Nobody needs to say that somebody new is active, whichever way the user comes.
func TestWhoIsCreatedIsActive(t *testing.T) {
	me := func(c *Config) { c.Me = &Subject{Attribute: "userName", Value: "mia"} }
	for _, row := range []struct{ name, path, body string }{
		{"at the users", "/Users", `{"userName":"ada"}`},
		{"as /Me", "/Me", `{"userName":"mia"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := serve(t, me)
			a := e.do("POST", row.path, row.body)
			if a.status != http.StatusCreated || a.json(t)["active"] != true {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a := e.do("GET", "/Users?filter=active+eq+true", ""); a.json(t)["totalResults"] != 1.0 {
				t.Errorf("active users: %s", a.body)
			}
		})
	}
}
