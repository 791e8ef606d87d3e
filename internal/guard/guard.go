// SPDX-License-Identifier: Apache-2.0

// Package guard keeps requests to URLs that tenants give from going where they must not
// go: without TLS, or to what is inside of the cluster and its network.
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

// NewTransport makes a transport, and the dialer that it dials with. It takes no proxy from
// the environment: a proxy would resolve the host name itself, and the check of the address
// would be void. It follows no redirects; whoever does checks each URL.
func NewTransport(allowInternal bool, roots *x509.CertPool) (*http.Transport, *net.Dialer) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !allowInternal {
		// Checked on the address that is dialled and not on the name, so that a name
		// that resolves to something else the second time gains nothing.
		dialer.Control = refuseInternal
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxResponseHeaders,
	}, dialer
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
	if !Public(target.Addr()) {
		return &Forbidden{target.Addr().Unmap().String() + " is an internal address"}
	}
	return nil
}
