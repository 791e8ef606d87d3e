// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"testing"
	"time"

	"scim-operator.io/test/transcript"
)

// TestTranscripts plays every transcript: against the endpoint that the environment names
// (SCIM_BASE_URL and so on, as `make conformance` does), and otherwise against a server
// of its own on a real API server.
func TestTranscripts(t *testing.T) {
	all, err := Transcripts()
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := transcript.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	var inside *directory
	if endpoint == nil {
		inside = serve(t)
		endpoint = inside.endpoint
	}
	run := newRun(t)
	t.Logf("playing %d transcripts against %s, run %s", len(all), endpoint.BaseURL, run)
	for _, one := range all {
		t.Run(one.Name, func(t *testing.T) {
			if err := endpoint.Play(t.Context(), one, run); err != nil {
				t.Error(err)
			}
		})
	}
	if inside == nil {
		return
	}
	t.Run("played a second time", func(t *testing.T) { inside.requireAgain(t, all) })
	t.Run("nothing is left behind", inside.requireEmpty)
	t.Run("no password or token is kept or logged", inside.requireNoSecrets)
}

// newRun makes the digits that tell one run from another.
func newRun(t *testing.T) string {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d%06d", time.Now().Unix(), n)
}
