// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"scim-operator.io/test/assets"
)

// list runs `go list` in a module of the repository.
func list(t *testing.T, module string, arguments ...string) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"-C", filepath.Join(assets.Root(), module), "list"}, arguments...)...)
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// The kinds are a module of their own: who imports them gets nothing of the operator, and an
// application that does so compiles.
func TestApplicationsImportTheKindsAlone(t *testing.T) {
	const operator, kinds = "scim-operator.io", "scim-operator.io/api"
	for _, module := range []string{"api", "examples/watch-users"} {
		modules := list(t, module, "-m", "-f", "{{.Path}}", "all")
		found := false
		for _, m := range modules {
			found = found || m == kinds
			if m == operator || m == "sigs.k8s.io/controller-runtime" {
				t.Errorf("%s depends on the module %s", module, m)
			}
		}
		if !found {
			t.Errorf("%s does not depend on %s", module, kinds)
		}
		for _, p := range list(t, module, "-deps", "./...") {
			if (p == operator || strings.HasPrefix(p, operator+"/")) && !strings.HasPrefix(p, kinds+"/") {
				t.Errorf("%s imports %s", module, p)
			}
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "watch-users"), ".")
	build.Dir = filepath.Join(assets.Root(), "examples", "watch-users")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
