// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"strings"
	"testing"
)

// TestNames: one binary is three commands by the names of links to it.
func TestNames(t *testing.T) {
	for _, c := range []struct{ called, args, want string }{
		{"/usr/bin/scim-operator", "--help", "scim-operator [command]"},
		{"scim-operator.exe", "--help", "scim-operator [command]"},
		{"/home/ada/.krew/bin/kubectl-scim", "--help", "kubectl scim [command]"},
		{"kubectl-scim.exe", "token --help", "kubectl scim token [command]"},
		{"./kubectl_complete-scim", "status -o ", "json\nyaml\n:4"},
	} {
		var out bytes.Buffer
		command := NewCommand(append([]string{c.called}, strings.Split(c.args, " ")...))
		command.SetOut(&out)
		command.SetErr(&bytes.Buffer{})
		if err := command.Execute(); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s %s: %v\n%s", c.called, c.args, err, out.String())
		}
	}
}
