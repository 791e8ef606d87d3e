// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	// maxAddresses bounds how many addresses of a host the proxy is asked for.
	maxAddresses = 4
	// lookupPatience is how long a name is looked up that the proxy resolves anyway.
	lookupPatience = 2 * time.Second
	// maxProxyAnswer bounds what a proxy answers before the tunnel is open, in bytes.
	maxProxyAnswer = 64 << 10
)

// tunneller dials targets through a proxy. The caller speaks TLS with the target through what
// it returns, so that the proxy only learns the address.
type tunneller struct {
	proxy         *Proxy
	roots         *x509.CertPool // of the proxy
	allowInternal bool
	direct        *net.Dialer // for targets that are asked without the proxy; its resolver counts for all
}

// DialContext opens a connection to a target, through the proxy unless it is an exception.
func (t *tunneller) DialContext(ctx context.Context, network, target string) (net.Conn, error) {
	if !t.proxy.asks(target) {
		return t.direct.DialContext(ctx, network, target)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	targets, err := t.judge(ctx, target)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, judged := range targets {
		conn, err := t.open(ctx, judged)
		if err == nil {
			return conn, nil
		}
		if failed == nil {
			failed = err // of the address that is preferred
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// judge returns what the proxy is asked for: the public addresses of the host, so that the
// proxy has no name to resolve to something else. Only where the proxy resolves, or where
// internal addresses are allowed, it is the target as it was given.
func (t *tunneller) judge(ctx context.Context, target string) ([]string, error) {
	if t.allowInternal {
		return []string{target}, nil
	}
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, &Forbidden{"its address cannot be checked"}
	}
	if address, ok := addressOf(host); ok {
		return []string{target}, refuse(address)
	}
	if t.proxy.resolves {
		return []string{target}, t.refuseKnown(ctx, host)
	}
	addresses, err := t.resolver().LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	return publicOf(addresses, port)
}

// refuseKnown refuses a host of which an internal address is known here. The proxy may know
// others.
func (t *tunneller) refuseKnown(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	addresses, _ := t.resolver().LookupNetIP(ctx, "ip", host)
	for _, address := range addresses {
		if err := refuse(address); err != nil {
			return err
		}
	}
	return nil
}

func (t *tunneller) resolver() *net.Resolver {
	if t.direct.Resolver != nil {
		return t.direct.Resolver
	}
	return net.DefaultResolver
}

// publicOf returns those of the addresses that are public, as host:port.
func publicOf(addresses []netip.Addr, port string) ([]string, error) {
	var targets []string
	var refused error = &Forbidden{"it has no address"}
	for _, address := range addresses {
		if err := refuse(address); err != nil {
			refused = err
			continue
		}
		targets = append(targets, net.JoinHostPort(address.WithZone("").Unmap().String(), port))
	}
	if len(targets) == 0 {
		return nil, refused
	}
	return targets[:min(len(targets), maxAddresses)], nil
}

// open has the proxy open a tunnel.
func (t *tunneller) open(ctx context.Context, target string) (net.Conn, error) {
	conn, err := t.dialProxy(ctx)
	if err != nil {
		return nil, proxyError(ctx, "cannot be reached", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = t.connect(conn, target)
	if !stop() && err == nil {
		err = context.Cause(ctx) // the deadline has been spoilt meanwhile
	}
	if err != nil {
		_ = conn.Close()
		return nil, proxyError(ctx, "does not answer as a proxy does", err)
	}
	return conn, nil
}

func (t *tunneller) dialProxy(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout} // it may be internal
	if t.proxy.url.Scheme == "http" {
		return dialer.DialContext(ctx, "tcp", t.proxy.address())
	}
	secure := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: t.roots, ServerName: t.proxy.url.Hostname(), NextProtos: []string{"http/1.1"},
	}}
	return secure.DialContext(ctx, "tcp", t.proxy.address())
}

// connect asks for a tunnel and reads the answer.
func (t *tunneller) connect(conn net.Conn, target string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	request.Header.Set("User-Agent", "") // the proxy needs to know none
	if authorization := t.proxy.authorization(); authorization != "" {
		request.Header.Set("Proxy-Authorization", authorization)
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxProxyAnswer))
	response, err := http.ReadResponse(reader, request) //nolint:bodyclose // Its body is the tunnel, or of no interest.
	if err != nil {
		return err
	}
	switch status := response.StatusCode; {
	case status == http.StatusProxyAuthRequired && request.Header.Get("Proxy-Authorization") == "":
		return &ProxyError{Reason: "asks for a user name and a password"}
	case status == http.StatusProxyAuthRequired:
		return &ProxyError{Reason: "refuses the user name and the password"}
	case status/100 != 2:
		return &ProxyError{Reason: fmt.Sprintf("answered %d %s", status, http.StatusText(status))}
	case reader.Buffered() > 0:
		return &ProxyError{Reason: "sent something before the tunnel was used"}
	default:
		return nil
	}
}

// proxyError gives an error of a proxy words that do not change from one attempt to the next.
func proxyError(ctx context.Context, what string, err error) error {
	var own *ProxyError
	var operation *net.OpError
	switch {
	case errors.As(err, &own):
		return own
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return &ProxyError{Reason: "did not answer in time", Cause: err}
	case errors.As(err, &operation):
		return &ProxyError{Reason: fmt.Sprintf("%s: %v", what, operation.Err), Cause: err}
	default:
		return &ProxyError{Reason: what, Cause: err}
	}
}
