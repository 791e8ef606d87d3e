// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpproxy"

	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/render"
)

// egressOptions are the flags about the way to identity providers and issuers. They are the
// same for the manager and for servers.
type egressOptions struct {
	proxy    string
	noProxy  string
	resolves bool
	caBundle string
}

func (o *egressOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.proxy, "egress-proxy", "",
		"URL of the HTTP proxy through which sign-on metadata, OpenID issuers and OAuth issuers are asked, such as http://proxy.example.com:3128; default from the environment variable HTTPS_PROXY, or else none")
	f.StringVar(&o.noProxy, "egress-no-proxy", "",
		"comma-separated hosts that are asked without the proxy, written as in NO_PROXY; default from that environment variable")
	f.BoolVar(&o.resolves, "egress-proxy-resolves", false,
		"give the proxy the names of hosts instead of addresses that have been checked; the proxy must then refuse internal addresses itself")
	f.StringVar(&o.caBundle, "ca-bundle", "",
		"file of CA certificates in PEM, at most 64 KiB, trusted beside the system's for all of these, and read at start; default what the environment variable "+render.CABundleVariable+" holds")
}

// egress is what the flags and the environment say.
type egress struct {
	guard.Egress
	// servers is what servers are told: everything but the proxy's user name and password.
	servers render.Egress
}

func (o *egressOptions) load() (egress, error) {
	environment := httpproxy.FromEnvironment()
	exceptions := cmp.Or(o.noProxy, environment.NoProxy)
	proxy, err := guard.NewProxy(guard.ProxyOptions{
		URL: cmp.Or(o.proxy, environment.HTTPSProxy), Exceptions: exceptions, Resolves: o.resolves,
	})
	if err != nil {
		return egress{}, fmt.Errorf("--egress-proxy or HTTPS_PROXY: %w", err)
	}
	bundle, err := o.readBundle()
	if err != nil {
		return egress{}, fmt.Errorf("--ca-bundle: %w", err)
	}
	roots, err := guard.RootsWith(bundle)
	if err != nil {
		return egress{}, fmt.Errorf("--ca-bundle: %w", err)
	}
	loaded := egress{
		Egress:  guard.Egress{Proxy: proxy, Roots: roots},
		servers: render.Egress{CABundle: bundle},
	}
	if proxy != nil {
		loaded.servers.Proxy, loaded.servers.NoProxy, loaded.servers.ProxyResolves = proxy.String(), exceptions, o.resolves
	}
	return loaded, nil
}

func (o *egressOptions) readBundle() (string, error) {
	if o.caBundle == "" {
		return os.Getenv(render.CABundleVariable), nil
	}
	file, err := os.Open(o.caBundle)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	// One byte more than is allowed, so that what is larger is refused and not cut off.
	bundle, err := io.ReadAll(io.LimitReader(file, guard.MaxBundle+1))
	if err == nil && len(bundle) == 0 {
		err = errors.New("the file is empty")
	}
	return string(bundle), err
}
