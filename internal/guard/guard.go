// SPDX-License-Identifier: Apache-2.0

// Package guard keeps requests to URLs that tenants give from going where they must not
// go: without TLS, or to what is inside of the cluster and its network. That holds with and
// without a proxy.
package guard

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	dialTimeout        = 10 * time.Second
	maxResponseHeaders = 64 << 10
)

// Forbidden says why a URL, or an address behind it, must not be asked.
type Forbidden struct{ Reason string }

// Error implements error.
func (f *Forbidden) Error() string { return f.Reason }

// Egress is the way that requests take out of the cluster. Its zero value is the direct one.
type Egress struct {
	// Proxy that requests go through; nil for none.
	Proxy *Proxy
	// Roots are trusted as CAs; nil for the system's.
	Roots *x509.CertPool
}

// Options configure a transport.
type Options struct {
	Egress Egress
	// AllowInternal lets it ask loopback, private and other internal addresses too.
	AllowInternal bool
	// Roots are trusted for the target instead of those of Egress, unless nil.
	Roots *x509.CertPool
}

// NewTransport makes a transport, and the dialer that it dials targets with. It takes no
// proxy from the environment and follows no redirects; callers that follow them check each
// URL.
func NewTransport(options Options) (*http.Transport, *net.Dialer) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !options.AllowInternal {
		// Checked on the address that is dialled and not on the name, so that a name
		// that resolves to something else the second time gains nothing.
		dialer.Control = refuseInternal
	}
	roots := options.Roots
	if roots == nil {
		roots = options.Egress.Roots
	}
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxResponseHeaders,
	}
	if options.Egress.Proxy != nil {
		transport.DialContext = (&tunneller{
			proxy: options.Egress.Proxy, roots: options.Egress.Roots,
			allowInternal: options.AllowInternal, direct: dialer,
		}).DialContext
	}
	return transport, dialer
}

// CheckURL holds for a URL that was given and for those it redirects to. The error is a
// *Forbidden.
func CheckURL(u *url.URL) error {
	switch {
	case u.Scheme != "https":
		return &Forbidden{"it is not https"}
	case u.Hostname() == "":
		return &Forbidden{"it has no host"}
	case u.User != nil:
		return &Forbidden{"it contains a user name or password"}
	default:
		return nil
	}
}

func refuseInternal(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Forbidden{"its address cannot be checked"}
	}
	return refuse(target.Addr())
}

// refuse returns a *Forbidden for an address that is not on the public Internet.
func refuse(address netip.Addr) error {
	if !Public(address) {
		return &Forbidden{address.Unmap().String() + " is an internal address"}
	}
	return nil
}
