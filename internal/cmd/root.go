// SPDX-License-Identifier: Apache-2.0

// Package cmd is the command line: it parses flags and wires the rooms of the project
// together, and decides nothing.
package cmd

import (
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"scim-operator.io/internal/plugin"
)

// kubectl finds its plugins, and what completes their arguments, by these names.
const (
	pluginName    = "kubectl-scim"
	completerName = "kubectl_complete-scim"
)

// version is set at build time; without it the module's own version is shown.
var version string

// NewCommand is what the binary does under the name by which it was called, the first of
// args: a link named kubectl-scim makes it kubectl's plugin.
func NewCommand(args []string) *cobra.Command {
	command, rest := NewRootCommand(), args[1:]
	switch strings.TrimSuffix(filepath.Base(args[0]), ".exe") {
	case pluginName:
		command = plugin.NewCommand(buildVersion())
	case completerName:
		command = plugin.NewCommand(buildVersion())
		rest = append([]string{cobra.ShellCompRequestCmd}, rest...)
	}
	command.SetArgs(rest)
	return command
}

// NewRootCommand is `scim-operator` with its subcommands.
func NewRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "scim-operator",
		Short: "SCIM 2.0 endpoints for identity providers, on Kubernetes",
		Long: `scim-operator gives every identity provider its own SCIM 2.0 endpoint on Kubernetes.

"manager" reconciles IdentityProvider and ScimEndpoint resources; "serve" is one replica
of an endpoint and is started by the manager.`,
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: false,
		Args:          cobra.NoArgs,
	}
	root.AddCommand(NewManagerCommand(), NewServeCommand())
	return root
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
