// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"scim-operator.io/internal/scim"
)

func TestPathsOfBulkOperations(t *testing.T) {
	for _, row := range []struct{ base, path, want string }{
		{baseURL, "/Users/1", "Users 1"},
		{baseURL, "Users", "Users"},
		{baseURL, "//users//1/", "Users 1"},
		{baseURL, "/scim/v2/Users/1", "Users 1"},
		{baseURL, "scim/V2/USERS/aB", "Users aB"},
		{baseURL, "https://scim.example.com/scim/v2/Users/1", "Users 1"},
		{baseURL, "HTTPS://SCIM.Example.com:443/scim/v2/groups", "Groups"},
		{baseURL, "https://scim.example.com/scim/v2/Users/a%2Db", "Users a-b"},
		{baseURL, "/Users/a%2Db", "Users a-b"},
		{baseURL, "/Devices/1", "Devices 1"},
		{baseURL, "", ""},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080/Users/1", "Users 1"},
		{"https://a/users", "/Users/1", "Users 1"},
		{"https://a/users", "/users/Users/1", "Users 1"},
	} {
		got, err := routerOf(t, row.base).ofOperation(row.path)
		if err != nil || strings.Join(got, " ") != row.want {
			t.Errorf("%s below %s is %v, %v, want %s", row.path, row.base, got, err, row.want)
		}
	}
	for _, path := range []string{
		"/Users?count=1", "/Users#1", "/Users/%zz", "https://other.example.com/scim/v2/Users/1",
		"http://scim.example.com/scim/v2/Users/1", "https://scim.example.com:8443/scim/v2/Users/1",
		"https://scim.example.com/Users/1", "https://x@scim.example.com/scim/v2/Users/1", "://Users", "ftp://scim.example.com/scim/v2/Users",
	} {
		if got, err := routerOf(t, baseURL).ofOperation(path); err == nil {
			t.Errorf("%s is %v", path, got)
		}
	}
}

func routerOf(t *testing.T, base string) *router {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return newRouter(u, resourceTypes(scim.Core()), true)
}

// The names of endpoints are in any case for a request as for an operation of Bulk.
func TestEndpointsInAnotherCase(t *testing.T) {
	e := serve(t)
	for _, path := range []string{"/users", "/GROUPS", "/schemas", "/serviceproviderconfig", "/Users/.search"} {
		method, body := "GET", ""
		if strings.HasSuffix(path, searchSegment) {
			method, body = "POST", `{}`
		}
		if a := e.do(method, path, body); a.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, a.status, a.body)
		}
	}
	if a := e.do("GET", "/me", ""); a.status != http.StatusNotImplemented {
		t.Errorf("/me: status %d", a.status)
	}
	if a := e.do("GET", "/user", ""); a.status != http.StatusNotFound {
		t.Error("another name is an endpoint too")
	}
}
