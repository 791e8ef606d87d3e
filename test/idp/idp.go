// SPDX-License-Identifier: Apache-2.0

// Package idp holds what identity providers really send: a folder for each, with
// transcripts (package transcript) from the test of the connection through first sync,
// group push, rename, deactivation and return to deletion. Titles of steps begin with the
// rows of docs/conformance.md that they show.
//
// A new observation is a new step or a new file; nothing else has to be changed.
package idp

import (
	"embed"

	"scim-operator.io/test/transcript"
)

//go:embed */*.http
var files embed.FS

// Transcripts are all of them, in the order of their names.
func Transcripts() ([]*transcript.Transcript, error) { return transcript.Read(files) }
