// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net"
	"os"
	"testing"

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

// playAll plays each transcript against a server of its own.
func playAll(t *testing.T, all []*transcript.Transcript) {
	t.Helper()
	for _, one := range all {
		t.Run(one.Name, func(t *testing.T) {
			e := serve(t)
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
