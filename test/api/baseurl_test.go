// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/url"
	"strings"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

// TestBaseURLs: a base URL that is accepted can be parsed, and has the path that is routed.
func TestBaseURLs(t *testing.T) {
	const (
		form = "baseURL must look like https://host[:port]/path"
		port = "the port in baseURL must be a number from 1 to 65535"
	)
	for given, words := range map[string]string{
		"https://scim.example.com":                 "",
		"https://SCIM.example.com/scim/v2":         "",
		"http://localhost:8080/scim/v2":            "",
		"https://10.0.0.1:1/a":                     "",
		"https://h:65535/a/b/c":                    "",
		"https://[2001:db8::1]:8443/scim/v2":       "",
		"https://[::1]":                            "",
		"https://h/a.b/c_d/~e/-f":                  "",
		"https://h/" + strings.Repeat("x", 1014):   "",
		"https://h/" + strings.Repeat("x", 1015):   "may not be more than 1024",
		"https://a b":                              form,
		`http://["x"]/y`:                           form,
		"https://h%zz/x":                           form,
		`https://x"y/z`:                            form,
		"https://host/..":                          form,
		"https://host/a/../b":                      form,
		"https://host/.hidden":                     form,
		"https://host/":                            form,
		"https://host/a/":                          form,
		"https://host//a":                          form,
		"https://host/a?b=c":                       form,
		"https://host/a#b":                         form,
		"https://user@host/a":                      form,
		"https://user:pass@host/a":                 form,
		"https://host/%2e%2e":                      form,
		"https://host/a b":                         form,
		"https://-host/a":                          form,
		"https://a..b/c":                           form,
		"https://":                                 form,
		"https:///a":                               form,
		"https://host:/a":                          form,
		"https://host:port/a":                      form,
		"https://[::1/a":                           form,
		"https://[:::::]/a":                        form,
		"https://[1]/a":                            form,
		"ftp://host/a":                             form,
		"host/a":                                   form,
		"/scim/v2":                                 form,
		"https://b\u00fccher.example":              form,
		"https://host:0/a":                         port,
		"https://host:65536":                       port,
		"https://host:99999999/a":                  port,
		"https://[::1]:99999/a":                    port,
		"https://host:99999999999999999999999999/": port,
	} {
		t.Run(given, func(t *testing.T) {
			quoted := strings.ReplaceAll(given, "'", "''")
			requireRefusal(t, create(t, manifest(t, "ScimEndpoint", "", "{exposure: {baseURL: '"+quoted+"'}}")), words)
			if words != "" {
				return
			}
			ep := &v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{
				ScimEndpointTemplate: v1alpha1.ScimEndpointTemplate{Exposure: &v1alpha1.Exposure{BaseURL: given}}}}
			parsed, err := url.Parse(given)
			if err != nil {
				t.Fatal(err)
			}
			if ep.BasePath() != parsed.Path || ep.BasePath() != parsed.EscapedPath() {
				t.Errorf("the path that is routed is %q, that of the URL %q", ep.BasePath(), parsed.EscapedPath())
			}
		})
	}
}

func TestBasePathsWithoutABaseURL(t *testing.T) {
	ep := &v1alpha1.ScimEndpoint{}
	ep.Name, ep.Namespace = "okta", "acme"
	if got := ep.BasePath(); got != v1alpha1.DefaultBasePath {
		t.Errorf("inside the cluster it is %q", got)
	}
	ep.Spec.Exposure = &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{Host: "scim.example.com", TLSSecretName: "scim-tls"}}
	if got := ep.BasePath(); got != v1alpha1.DefaultBasePath {
		t.Errorf("behind an Ingress it is %q", got)
	}
}
