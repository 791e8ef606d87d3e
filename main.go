// SPDX-License-Identifier: Apache-2.0

// The scim-operator binary: `manager` reconciles identity providers into SCIM
// endpoints, `serve` is one replica of such an endpoint. Called kubectl-scim, it is the
// plugin `kubectl scim`.
package main

import (
	"os"

	// A scratch image has no certificate authorities of its own.
	_ "golang.org/x/crypto/x509roots/fallback"

	"scim-operator.io/internal/cmd"
)

func main() {
	if err := cmd.NewCommand(os.Args).Execute(); err != nil {
		os.Exit(1)
	}
}
