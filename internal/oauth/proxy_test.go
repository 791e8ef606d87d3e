// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"scim-operator.io/internal/guard"
	"scim-operator.io/internal/guard/guardtest"
	"scim-operator.io/internal/oauth/issuertest"
)

// The keys come through a proxy. The CAs of the egress hold for an issuer that has none of
// its own.
func TestAnIssuerBehindAProxy(t *testing.T) {
	const public, internal = "93.184.216.34", "10.96.0.1"
	ca := guardtest.NewCA(t)
	for name, row := range map[string]struct {
		address, certificates string
		says                  string // "" when the token is let in
	}{
		"a public issuer":                   {public, "", ""},
		"a public issuer with its own CA":   {public, ca.Bundle, ""},
		"a public issuer with another's CA": {public, guardtest.NewCA(t).Bundle, "certificate"},
		"an internal issuer":                {internal, "", "10.96.0.1: 10.96.0.1 is an internal address"},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := issuertest.NewAt(t, "https://"+row.address, ca.Config(t, row.address))
			target := row.address + ":443"
			proxy := guardtest.NewProxy(t, map[string]string{target: issuer.Listener.Addr().String()}, nil)
			proxy.Authorization = "Basic b3BlcmF0b3I6czNjcjN0" // operator:s3cr3t
			through, err := guard.NewProxy(guard.ProxyOptions{URL: strings.Replace(proxy.URL, "://", "://operator:s3cr3t@", 1)})
			if err != nil {
				t.Fatal(err)
			}
			verifier := New(Policy{Issuer: issuer.URL, Audiences: []string{"scim"}, Subjects: []string{"okta"}, CACertificates: row.certificates},
				Options{Egress: guard.Egress{Proxy: through, Roots: ca.Roots()}})
			token := issuertest.Sign(t, jose.ES256, issuer.NewKey("1"), "1", issuer.Claims(time.Now(), nil))
			_, ok, err := verifier.Verify(t.Context(), token)
			if row.says == "" {
				if !ok || err != nil || !slices.Contains(proxy.Targets(), target) {
					t.Errorf("let in: %v, error %v; the proxy was asked for %v", ok, err, proxy.Targets())
				}
				return
			}
			if later := (*Unavailable)(nil); ok || !errors.As(err, &later) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("let in: %v, error %v", ok, err)
			}
			if row.address == internal && len(proxy.Targets()) != 0 {
				t.Errorf("the proxy was asked for %v", proxy.Targets())
			}
		})
	}
}
