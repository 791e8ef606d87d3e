// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/guard/guardtest"
)

var public, internal = netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.96.0.1")

const secret = "s3cr3t"

// world is a target behind a proxy. The target has a certificate of a private CA, and its
// public address is known to the proxy alone.
type world struct {
	t      *testing.T
	ca     *guardtest.CA
	target *httptest.Server
	asked  atomic.Int64 // the target
	proxy  *guardtest.Proxy
	names  map[string][]netip.Addr
}

func newWorld(t *testing.T, secureProxy bool) *world {
	t.Helper()
	w := &world{t: t, ca: guardtest.NewCA(t), names: map[string][]netip.Addr{"idp.example.com.": {public}}}
	w.target = w.ca.Server(t, http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		_, _ = io.WriteString(answer, r.Host)
	}), "idp.example.com", public.String(), "127.0.0.1")
	served := w.target.Listener.Addr().String()
	routes := map[string]string{public.String() + ":443": served, "idp.example.com:443": served, "[2606:4700::1]:443": served}
	// If it were asked for these, the attack would succeed.
	for _, target := range []string{internal.String() + ":443", "rebinds.example.com:443", "169.254.169.254:443", "inside.example.com:443", "unknown.example.com:443"} {
		routes[target] = served
	}
	var ca *guardtest.CA
	if secureProxy {
		ca = w.ca
	}
	w.proxy = guardtest.NewProxy(t, routes, ca)
	return w
}

// get asks for a URL through the proxy.
func (w *world) get(address string, options guard.ProxyOptions) (string, error) {
	w.t.Helper()
	if options.URL == "" {
		options.URL = w.proxy.URL
	}
	proxy, err := guard.NewProxy(options)
	if err != nil {
		w.t.Fatal(err)
	}
	transport, dialer := guard.NewTransport(guard.Options{Egress: guard.Egress{Proxy: proxy, Roots: w.ca.Roots()}})
	dialer.Resolver = guardtest.NewResolver(w.t, func(name string) []netip.Addr { return w.names[name] })
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// The proxy is given the address that was checked, and the target the name.
func TestAProxyIsGivenTheAddressThatWasChecked(t *testing.T) {
	for name, row := range map[string]struct {
		secure  bool
		address string
		options guard.ProxyOptions
		target  string
	}{
		"by name":                      {false, "https://idp.example.com/", guard.ProxyOptions{}, public.String() + ":443"},
		"by address":                   {false, "https://93.184.216.34/", guard.ProxyOptions{}, public.String() + ":443"},
		"a proxy with TLS":             {true, "https://idp.example.com/", guard.ProxyOptions{}, public.String() + ":443"},
		"a proxy that resolves":        {false, "https://idp.example.com/", guard.ProxyOptions{Resolves: true}, "idp.example.com:443"},
		"another host is an exception": {false, "https://idp.example.com/", guard.ProxyOptions{Exceptions: "example.net,.idp.example.com"}, public.String() + ":443"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, row.secure)
			body, err := w.get(row.address, row.options)
			if host := strings.Trim(strings.TrimPrefix(row.address, "https:"), "/"); err != nil || body != host {
				t.Errorf("the target was asked for %q, and the error is %v", body, err)
			}
			if targets := w.proxy.Targets(); !slices.Equal(targets, []string{row.target}) {
				t.Errorf("the proxy was asked for %v, not %s", targets, row.target)
			}
		})
	}
}

func TestInternalTargetsAreRefusedThroughAProxy(t *testing.T) {
	for name, row := range map[string]struct {
		address  string
		resolves bool
	}{
		"an internal address":                         {"https://10.96.0.1/", false},
		"a cloud's metadata service":                  {"https://169.254.169.254/", false},
		"an internal address in IPv6":                 {"https://[::ffff:10.96.0.1]/", false},
		"a name of an internal address":               {"https://inside.example.com/", false},
		"an internal address, the proxy resolves":     {"https://10.96.0.1/", true},
		"a name that is internal, the proxy resolves": {"https://inside.example.com/", true},
		"a name that is both, the proxy resolves":     {"https://both.example.com/", true},
		// As elsewhere in Go these are asked without the proxy, and then the direct check refuses them.
		"loopback": {"https://127.0.0.1/", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, false)
			w.names["inside.example.com."] = []netip.Addr{internal}
			w.names["both.example.com."] = []netip.Addr{public, internal}
			_, err := w.get(row.address, guard.ProxyOptions{Resolves: row.resolves})
			if forbidden := (*guard.Forbidden)(nil); !errors.As(err, &forbidden) || !strings.Contains(forbidden.Reason, "is an internal address") {
				t.Errorf("the error is %v", err)
			}
			if targets := w.proxy.Targets(); len(targets) != 0 || w.asked.Load() != 0 {
				t.Errorf("the proxy was asked for %v, and the target %d times", targets, w.asked.Load())
			}
		})
	}
}

// A name is public when it is judged and internal whenever it is looked up again. No part of
// it reaches the proxy, so there is nothing to look up.
func TestAProxyIsNotFooledByDNS(t *testing.T) {
	w := newWorld(t, false)
	lookups := 0
	proxy, err := guard.NewProxy(guard.ProxyOptions{URL: w.proxy.URL})
	if err != nil {
		t.Fatal(err)
	}
	transport, dialer := guard.NewTransport(guard.Options{Egress: guard.Egress{Proxy: proxy, Roots: w.ca.Roots()}})
	dialer.Resolver = guardtest.NewResolver(t, func(string) []netip.Addr {
		if lookups++; lookups <= 2 { // for both families of addresses
			return []netip.Addr{public}
		}
		return []netip.Addr{internal}
	})
	ask := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://rebinds.example.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "rebinds.example.com") {
		t.Errorf("the certificate of another name is accepted: %v", err)
	}
	if forbidden := (*guard.Forbidden)(nil); !errors.As(ask(), &forbidden) {
		t.Error("the name is still asked for when it is internal")
	}
	if targets := w.proxy.Targets(); !slices.Equal(targets, []string{public.String() + ":443"}) {
		t.Errorf("the proxy was asked for %v", targets)
	}
}

func TestOfSeveralAddressesThePublicOnesAreTried(t *testing.T) {
	w := newWorld(t, false)
	w.names["idp.example.com."] = []netip.Addr{internal, netip.MustParseAddr("8.8.8.8"), public}
	if _, err := w.get("https://idp.example.com/", guard.ProxyOptions{}); err != nil {
		t.Error(err)
	}
	for _, target := range w.proxy.Targets() {
		if target != "8.8.8.8:443" && target != public.String()+":443" {
			t.Errorf("the proxy was asked for %s", target)
		}
	}
}

func TestAProxyThatFails(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = silent.Close()
	for name, row := range map[string]struct {
		prepare func(*world) guard.ProxyOptions
		says    string
	}{
		"it asks for a password": {func(w *world) guard.ProxyOptions {
			w.proxy.Authorization = "Basic eA=="
			return guard.ProxyOptions{}
		}, "asks for a user name"},
		"it refuses the password": {func(w *world) guard.ProxyOptions {
			w.proxy.Authorization = "Basic eA=="
			return guard.ProxyOptions{URL: strings.Replace(w.proxy.URL, "://", "://operator:"+secret+"@", 1)}
		}, "refuses the user name"},
		"it refuses the target": {func(w *world) guard.ProxyOptions {
			w.proxy.Answer = http.StatusForbidden
			return guard.ProxyOptions{}
		}, "answered 403 Forbidden"},
		"it is not there": {func(*world) guard.ProxyOptions {
			return guard.ProxyOptions{URL: "http://operator:" + secret + "@" + silent.Addr().String()}
		}, "cannot be reached: connect: connection refused"},
		"its name does not exist": {func(*world) guard.ProxyOptions {
			return guard.ProxyOptions{URL: "http://operator:" + secret + "@proxy.invalid:3128"}
		}, "cannot be reached"},
		"it is no proxy": {func(w *world) guard.ProxyOptions {
			return guard.ProxyOptions{URL: "http://" + w.target.Listener.Addr().String()}
		}, "does not answer as a proxy does"},
		"its certificate is of an unknown CA": {func(w *world) guard.ProxyOptions {
			other := guardtest.NewProxy(w.t, nil, guardtest.NewCA(w.t))
			return guard.ProxyOptions{URL: other.URL}
		}, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, false)
			_, err := w.get("https://idp.example.com/", row.prepare(w))
			var failed *guard.ProxyError
			if !errors.As(err, &failed) || !strings.Contains(failed.Error(), "the egress proxy "+row.says) {
				t.Fatalf("the error is %v", err)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(failed.Error(), "127.0.0.1") {
				t.Errorf("%q tells of the proxy", err)
			}
			if w.asked.Load() != 0 {
				t.Error("the target was asked")
			}
		})
	}
}

func TestAProxyThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	proxy, err := guard.NewProxy(guard.ProxyOptions{URL: "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	transport, _ := guard.NewTransport(guard.Options{Egress: guard.Egress{Proxy: proxy}, AllowInternal: true})
	client := &http.Client{Transport: transport, Timeout: 50 * time.Millisecond}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://idp.example.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close()
		t.Fatal("there is an answer")
	}
}

func TestAProxyWithAPassword(t *testing.T) {
	w := newWorld(t, false)
	w.proxy.Authorization = "Basic b3BlcmF0b3I6czNjcjN0L0A=" // operator:s3cr3t/@
	with := strings.Replace(w.proxy.URL, "://", "://operator:"+secret+"%2F%40@", 1)
	if _, err := w.get("https://idp.example.com/", guard.ProxyOptions{URL: with}); err != nil {
		t.Error(err)
	}
	proxy, err := guard.NewProxy(guard.ProxyOptions{URL: with})
	if err != nil || proxy.String() != w.proxy.URL {
		t.Errorf("the proxy is shown as %s, error %v", proxy, err)
	}
}

// What is an exception is asked directly, under the check of direct connections.
func TestExceptionsAreAskedDirectly(t *testing.T) {
	w := newWorld(t, false)
	w.names["inside.example.com."] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	_, err := w.get("https://inside.example.com:"+w.target.URL[strings.LastIndex(w.target.URL, ":")+1:]+"/", guard.ProxyOptions{Exceptions: ".example.com"})
	if forbidden := (*guard.Forbidden)(nil); !errors.As(err, &forbidden) {
		t.Errorf("the error is %v", err)
	}
	if len(w.proxy.Targets()) != 0 || w.asked.Load() != 0 {
		t.Error("the proxy or the target was asked")
	}
}

// A private CA is one that the system does not know.
func TestATargetOfAnUnknownCA(t *testing.T) {
	w := newWorld(t, false)
	w.ca = guardtest.NewCA(t)
	if _, err := w.get("https://idp.example.com/", guard.ProxyOptions{}); err == nil || w.asked.Load() != 0 {
		t.Errorf("the target was asked %d times, error %v", w.asked.Load(), err)
	}
}

func TestProxiesThatCannotBeUsed(t *testing.T) {
	for name, row := range map[string]struct{ url, exceptions, says string }{
		"another scheme":     {"socks5://u:" + secret + "@proxy:1080", "", "only http:// and https:// are supported"},
		"no host":            {"http://:3128", "", "has no host"},
		"a path":             {"http://proxy/" + secret, "", "nothing behind its port"},
		"a query":            {"http://proxy?" + secret, "", "nothing behind its port"},
		"not a URL":          {"http://u:" + secret + "@proxy:port", "", "cannot be parsed"},
		"an endless URL":     {"http://" + strings.Repeat(secret, 400), "", "longer than 2048"},
		"endless exceptions": {"http://proxy", strings.Repeat("x", guard.MaxExceptions+1), "longer than 16384"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := guard.NewProxy(guard.ProxyOptions{URL: row.url, Exceptions: row.exceptions})
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Fatalf("the error is %v", err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q gives the password away", err)
			}
		})
	}
	if proxy, err := guard.NewProxy(guard.ProxyOptions{}); proxy != nil || err != nil || proxy.String() != "" {
		t.Errorf("no proxy is %v, error %v", proxy, err)
	}
	if proxy, err := guard.NewProxy(guard.ProxyOptions{URL: "proxy.example.com:3128"}); err != nil || proxy.String() != "http://proxy.example.com:3128" {
		t.Errorf("a proxy without a scheme is %v, error %v", proxy, err)
	}
}

func TestRootsWith(t *testing.T) {
	bundle := guardtest.NewCA(t).Bundle
	for name, row := range map[string]struct{ text, says string }{
		"no PEM":     {"hello", "no certificate"},
		"cut off":    {bundle + bundle[:len(bundle)/2], "of 2 blocks that begin, 1 can be read"},
		"a key":      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "block 1 is not a certificate"},
		"not in DER": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 cannot be read"},
		"endless":    {strings.Repeat(bundle, guard.MaxBundle/len(bundle)+1), "larger than 64 KiB"},
	} {
		if _, err := guard.RootsWith(row.text); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if roots, err := guard.RootsWith(""); roots != nil || err != nil {
		t.Errorf("no bundle gives %v and %v", roots, err)
	}
	if roots, err := guard.RootsWith(bundle); roots == nil || err != nil {
		t.Errorf("a bundle gives %v and %v", roots, err)
	}
}
