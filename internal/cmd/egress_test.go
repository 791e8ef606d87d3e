// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/pflag"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/guard/guardtest"
	"scim-operator.io/internal/oauth/issuertest"
	"scim-operator.io/internal/render"
)

// clearEgress keeps the environment of the machine out of a test.
func clearEgress(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", render.CABundleVariable} {
		t.Setenv(name, "")
	}
}

func loadEgress(t *testing.T, args ...string) (egress, error) {
	t.Helper()
	var o egressOptions
	flags := pflag.NewFlagSet("egress", pflag.ContinueOnError)
	o.addFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o.load()
}

func TestTheWayOut(t *testing.T) {
	bundle := guardtest.NewCA(t).Bundle
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, []byte(bundle), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		args, environment []string
		servers           render.Egress
	}{
		"direct":                     {nil, nil, render.Egress{}},
		"from flags":                 {[]string{"--egress-proxy=http://proxy:3128", "--egress-no-proxy=.corp", "--egress-proxy-resolves", "--ca-bundle=" + file}, nil, render.Egress{Proxy: "http://proxy:3128", NoProxy: ".corp", ProxyResolves: true, CABundle: bundle}},
		"from Go's own":              {nil, []string{"HTTPS_PROXY=proxy:3128", "NO_PROXY=.corp"}, render.Egress{Proxy: "http://proxy:3128", NoProxy: ".corp"}},
		"in small letters":           {nil, []string{"https_proxy=https://proxy", "no_proxy=.corp"}, render.Egress{Proxy: "https://proxy", NoProxy: ".corp"}},
		"flags come first":           {[]string{"--egress-proxy=http://flag:1"}, []string{"HTTPS_PROXY=http://variable:2"}, render.Egress{Proxy: "http://flag:1"}},
		"no proxy, so no exceptions": {nil, []string{"NO_PROXY=.corp"}, render.Egress{}},
		"the CAs themselves":         {nil, []string{render.CABundleVariable + "=" + bundle}, render.Egress{CABundle: bundle}},
		"a password stays here":      {[]string{"--egress-proxy=http://operator:s3cr3t@proxy:3128"}, nil, render.Egress{Proxy: "http://proxy:3128"}},
	} {
		t.Run(name, func(t *testing.T) {
			clearEgress(t)
			for _, variable := range row.environment {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			got, err := loadEgress(t, row.args...)
			if err != nil || got.servers != row.servers {
				t.Errorf("servers are told %+v, error %v", got.servers, err)
			}
			if (got.Proxy != nil) != (row.servers.Proxy != "") || (got.Roots != nil) != (row.servers.CABundle != "") {
				t.Errorf("the manager has the proxy %v and the CAs %v", got.Proxy, got.Roots)
			}
		})
	}
}

func TestWaysOutThatCannotBeTaken(t *testing.T) {
	const secret = "s3cr3t"
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "--ca-bundle=" + path
	}
	for name, row := range map[string]struct{ arg, variable, says string }{
		"another scheme":    {"--egress-proxy=socks5://operator:" + secret + "@proxy", "", "--egress-proxy or HTTPS_PROXY: the URL of the proxy begins with"},
		"from the variable": {"", "http://operator:" + secret + "@proxy/x", "--egress-proxy or HTTPS_PROXY: the URL of the proxy may have nothing"},
		"no such file":      {"--ca-bundle=" + filepath.Join(folder, "none"), "", "--ca-bundle: open"},
		"an empty file":     {write("empty", ""), "", "--ca-bundle: the file is empty"},
		"no certificates":   {write("text", "hello"), "", "--ca-bundle: there is no certificate"},
		"too large a file":  {write("large", strings.Repeat("x", guard.MaxBundle+1)), "", "--ca-bundle: it is larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEgress(t)
			t.Setenv("HTTPS_PROXY", row.variable)
			var args []string
			if row.arg != "" {
				args = append(args, row.arg)
			}
			_, err := loadEgress(t, args...)
			if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), secret) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// The password of a proxy in the environment is not the default that --help prints.
func TestHelpHasNoPassword(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://operator:s3cr3t@proxy:3128")
	for _, name := range []string{"manager", "serve"} {
		var out bytes.Buffer
		root := NewRootCommand()
		root.SetArgs([]string{name, "--help"})
		root.SetOut(&out)
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), "--egress-proxy") || strings.Contains(out.String(), "s3cr3t") {
			t.Errorf("%s --help, error %v, prints %s", name, err, out.String())
		}
	}
}

// What the manager tells a server leads the server to the issuer.
func TestServersTakeTheWayOfTheManager(t *testing.T) {
	clearEgress(t)
	const address = "93.184.216.34"
	ca := guardtest.NewCA(t)
	issuer := issuertest.NewAt(t, "https://"+address, ca.Config(t, address))
	proxy := guardtest.NewProxy(t, map[string]string{address + ":443": issuer.Listener.Addr().String()}, nil)
	token := issuertest.Sign(t, jose.ES256, issuer.NewKey("1"), "1", issuer.Claims(time.Now(), nil))

	endpoint := &v1alpha1.ScimEndpoint{}
	endpoint.Name, endpoint.Namespace = "okta", "acme"
	endpoint.Spec.OAuth = &v1alpha1.OAuthPolicy{Issuer: issuer.URL, Audiences: []string{"scim"}, Subjects: []string{"okta"}}
	deployment := render.Deployment(endpoint, render.Options{Egress: render.Egress{Proxy: proxy.URL, CABundle: ca.Bundle}})
	container := deployment.Spec.Template.Spec.Containers[0]
	for _, variable := range container.Env {
		if variable.Value != nil {
			t.Setenv(*variable.Name, *variable.Value)
		}
	}
	var o serveOptions
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	o.addFlags(flags)
	if err := flags.Parse(container.Args[1:]); err != nil {
		t.Fatal(err)
	}
	way, err := o.egress.load()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := o.accessTokens(&endpoint.Spec, way.Egress, func() {}).Verify(t.Context(), token); !ok || err != nil {
		t.Errorf("let in: %v, error %v; the proxy was asked for %v", ok, err, proxy.Targets())
	}
}
