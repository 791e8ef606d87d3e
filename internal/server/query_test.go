// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"
	"testing"
)

func TestQueryStrings(t *testing.T) {
	for _, row := range []struct{ query, name, value string }{
		{"filter=a;b", "filter", "a;b"},
		{"filter=a%3Bb", "filter", "a;b"},
		{"a;filter=b", "a;filter", "b"},
		{"filter=userName+eq+%22a%22&", "filter", `userName eq "a"`},
		{"&&filter=a=b", "filter", "a=b"},
		{"cursor", "cursor", ""},
	} {
		values, err := parseQuery(row.query)
		if err != nil || len(values) != 1 || values.Get(row.name) != row.value {
			t.Errorf("%s is %v, %v", row.query, values, err)
		}
	}
	for _, query := range []string{"filter=%zz", "%zz=1", "filter=%", "a&filter=%2"} {
		if values, err := parseQuery(query); err == nil {
			t.Errorf("%s is %v", query, values)
		}
	}
}

func TestParametersAreBounded(t *testing.T) {
	e := serve(t)
	if a := e.do("GET", "/Users?"+strings.Repeat("a&", maxParameters), ""); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	for _, path := range []string{"/Users?", "/Schemas?"} {
		wantError(t, e.do("GET", path+strings.Repeat("a&", maxParameters+1), ""), http.StatusBadRequest, "invalidSyntax")
	}
}
