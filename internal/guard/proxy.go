// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

const (
	// MaxProxyURL bounds the URL of a proxy, in bytes.
	MaxProxyURL = 2 << 10
	// MaxExceptions bounds the list of hosts that are asked without the proxy, in bytes.
	MaxExceptions = 16 << 10
)

// Proxy is an HTTP proxy that opens tunnels with CONNECT (RFC 9110 §9.3.6). It may be at an
// internal address: an administrator has named it, not a tenant.
type Proxy struct {
	url      *url.URL
	applies  func(*url.URL) (*url.URL, error)
	resolves bool
}

// ProxyOptions describe a proxy.
type ProxyOptions struct {
	// URL of the proxy, such as http://proxy.example.com:3128. Its scheme is http or https;
	// left out, it is http. It may have a user name and a password.
	URL string
	// Exceptions are the hosts that are asked without the proxy, written as in NO_PROXY.
	Exceptions string
	// Resolves has the proxy look up the names of hosts. Otherwise it is given an address
	// that has been checked.
	Resolves bool
}

// NewProxy reads a proxy. It returns nil when the URL is empty. No error repeats the URL,
// which may have a password.
func NewProxy(options ProxyOptions) (*Proxy, error) {
	if options.URL == "" {
		return nil, nil
	}
	if len(options.URL) > MaxProxyURL {
		return nil, fmt.Errorf("the URL of the proxy is longer than %d characters", MaxProxyURL)
	}
	if len(options.Exceptions) > MaxExceptions {
		return nil, fmt.Errorf("the list of hosts without the proxy is longer than %d characters", MaxExceptions)
	}
	text := options.URL
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the URL of the proxy cannot be parsed")
	}
	if err := checkProxy(u); err != nil {
		return nil, err
	}
	origin := url.URL{Scheme: u.Scheme, Host: u.Host}
	config := httpproxy.Config{HTTPSProxy: origin.String(), NoProxy: options.Exceptions}
	return &Proxy{url: u, applies: config.ProxyFunc(), resolves: options.Resolves}, nil
}

func checkProxy(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the URL of the proxy begins with %.16q; only http:// and https:// are supported", u.Scheme+"://")
	case u.Hostname() == "":
		return errors.New("the URL of the proxy has no host")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return errors.New("the URL of the proxy may have nothing behind its port")
	default:
		return nil
	}
}

// String returns the proxy's URL without its user name and password, for logs and for whoever
// may not know them.
func (p *Proxy) String() string {
	if p == nil {
		return ""
	}
	return (&url.URL{Scheme: p.url.Scheme, Host: p.url.Host}).String()
}

// asks reports whether a target, as host:port, is asked through the proxy. As elsewhere in Go,
// localhost and loopback addresses never are.
func (p *Proxy) asks(target string) bool {
	through, err := p.applies(&url.URL{Scheme: "https", Host: target})
	return err == nil && through != nil
}

// address is where the proxy listens.
func (p *Proxy) address() string {
	port := p.url.Port()
	switch {
	case port != "":
	case p.url.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(p.url.Hostname(), port)
}

// authorization is the value of Proxy-Authorization, "" for none.
func (p *Proxy) authorization() string {
	if p.url.User == nil {
		return ""
	}
	password, _ := p.url.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.url.User.Username()+":"+password))
}

// ProxyError says that a proxy, and not the target, has failed. It names neither of them.
type ProxyError struct {
	Reason string
	Cause  error
}

// Error implements error.
func (e *ProxyError) Error() string { return "the egress proxy " + e.Reason }

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Cause }

// addressOf returns the address that a host is, or false when it is a name.
func addressOf(host string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(host)
	return address, err == nil
}
