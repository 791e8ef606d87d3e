// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"

	"scim-operator.io/internal/scim"
	"scim-operator.io/test/idp"
	"scim-operator.io/test/transcript"
)

// TestTranscripts plays the transcripts of the protocol.
func TestTranscripts(t *testing.T) {
	all, err := transcript.Read(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	playAll(t, all)
}

// TestIdentityProviders plays what identity providers send. Package idp plays the same on
// the real store.
func TestIdentityProviders(t *testing.T) {
	all, err := idp.Transcripts()
	if err != nil {
		t.Fatal(err)
	}
	playAll(t, all)
}

// configured are the transcripts that need more than a server of users and groups.
var configured = map[string]func(*Config){
	"protocol/devices": func(c *Config) { c.Types = deviceTypes() },
	"protocol/me":      func(c *Config) { c.Me = &Subject{Attribute: "userName", Value: "svc-okta@example.com"} },
}

// deviceTypes are users, groups and devices, with an extension of them.
var deviceTypes = sync.OnceValue(func() *scim.Registry {
	types, err := scim.NewRegistry(
		scim.WithResourceType(scim.ResourceType{
			Name: "Device", Endpoint: "/Devices", Description: "A device.",
			Schema: &scim.Schema{ID: "urn:example:device:2.0:Device", Name: "Device", Attributes: []*scim.Attribute{
				{Name: "serialNumber", Required: true, Uniqueness: scim.UniquenessServer},
				{Name: "displayName"},
				{Name: "model", Mutability: scim.Immutable},
				{Name: "pin", Returned: scim.ReturnedRequest, CaseExact: true},
				{Name: "weight", Type: scim.Decimal},
				{Name: "owner", Type: scim.Reference, ReferenceTypes: []string{"User"}},
				{Name: "neighbours", MultiValued: true, Type: scim.Complex, Sub: []*scim.Attribute{
					{Name: "value", CaseExact: true}, {Name: "cable"},
				}},
			}},
		}),
		scim.WithExtension("Device", scim.Extension{Schema: &scim.Schema{
			ID: "urn:example:warranty:2.0:Device", Name: "Warranty", Attributes: []*scim.Attribute{{Name: "until", Type: scim.DateTime}},
		}}))
	if err != nil {
		panic(err)
	}
	return types
})

// playAll plays each transcript against a server of its own.
func playAll(t *testing.T, all []*transcript.Transcript) {
	t.Helper()
	for _, one := range all {
		t.Run(one.Name, func(t *testing.T) {
			e := serve(t, func(c *Config) {
				if change := configured[one.Name]; change != nil {
					change(c)
				}
			})
			endpoint := &transcript.Endpoint{BaseURL: baseURL, Token: string(testToken), Dial: e.connect}
			if err := endpoint.Play(t.Context(), one, "1"); err != nil {
				t.Error(err)
			}
		})
	}
}

func (e *endpoint) connect(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", e.address)
}
