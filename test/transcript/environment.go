// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// The variables that name an endpoint, as `make demo` writes them to bin/demo.env.
const (
	// EnvBaseURL is the base URL, http or https.
	EnvBaseURL = "SCIM_BASE_URL"
	// EnvToken is the token.
	EnvToken = "SCIM_TOKEN"
	// EnvCACert is a file with the certificates to trust; the system's where it is not set.
	EnvCACert = "SCIM_CACERT"
	// EnvResolve is host:port:address, as curl's --resolve takes it: where to connect to
	// for that host and port.
	EnvResolve = "SCIM_RESOLVE"
)

// FromEnvironment is the endpoint that the environment names, or nil when it names none.
func FromEnvironment() (*Endpoint, error) {
	base := strings.TrimRight(os.Getenv(EnvBaseURL), "/")
	if base == "" {
		return nil, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s does not look like https://host/path", EnvBaseURL)
	}
	token := os.Getenv(EnvToken)
	if token == "" {
		return nil, fmt.Errorf("%s is not set", EnvToken)
	}
	address, err := dialAddress(u, os.Getenv(EnvResolve))
	if err != nil {
		return nil, err
	}
	e := &Endpoint{BaseURL: base, Token: token}
	if u.Scheme == "http" {
		e.Dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
		return e, nil
	}
	roots, err := trusted(os.Getenv(EnvCACert))
	if err != nil {
		return nil, err
	}
	dialer := &tls.Dialer{Config: &tls.Config{
		RootCAs: roots, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	}}
	e.Dial = func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) }
	return e, nil
}

func dialAddress(u *url.URL, resolve string) (string, error) {
	port := u.Port()
	if port == "" {
		port = u.Scheme // Dial takes the names of services, too
	}
	if resolve == "" {
		return net.JoinHostPort(u.Hostname(), port), nil
	}
	parts := strings.SplitN(resolve, ":", 3)
	if len(parts) != 3 {
		return "", fmt.Errorf("%s is not host:port:address", EnvResolve)
	}
	if parts[0] != u.Hostname() {
		return net.JoinHostPort(u.Hostname(), port), nil
	}
	return net.JoinHostPort(parts[2], parts[1]), nil
}

// trusted reads certificates; nil stands for those of the system.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the person who runs the tests names the file
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvCACert, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(EnvCACert + ": there is no certificate in it")
	}
	return pool, nil
}
