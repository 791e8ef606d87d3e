// SPDX-License-Identifier: Apache-2.0

package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"scim-operator.io/test/assets"
)

// TestVulncheck runs hack/vulncheck.sh with a scanner that has certain findings.
func TestVulncheck(t *testing.T) {
	const (
		inModule = `{"finding":{"osv":"GO-1","fixed_version":"v1.6.0","trace":[{"module":"example.com/m","version":"v1.5.0","function":"F"}]}}`
		unfixed  = `{"finding":{"osv":"GO-2","trace":[{"module":"stdlib","version":"v1.26.8","function":"F"}]}}`
		inOldGo  = `{"finding":{"osv":"GO-3","fixed_version":"v1.26.9","trace":[{"module":"stdlib","version":"v1.26.8","function":"F"}]}}`
		inNewGo  = `{"finding":{"osv":"GO-4","fixed_version":"v1.99.1","trace":[{"module":"stdlib","version":"v1.26.8","function":"F"}]}}`
		uncalled = `{"finding":{"osv":"GO-5","fixed_version":"v1.6.0","trace":[{"module":"example.com/m","version":"v1.5.0"}]}}`
	)
	for _, row := range []struct {
		name, findings, database, want string
		fails                          bool
	}{
		{"without a database", inModule, "http://127.0.0.1:1", "vulnerabilities: not checked: neither", false},
		{"of a module", inModule, "file:///reports", "vulnerabilities: FOUND: GO-1 (example.com/m v1.5.0, fixed in v1.6.0); see", true},
		{"without a fix", unfixed, "file:///reports", "vulnerabilities: FOUND: GO-2", true},
		{"that the toolchain of go.mod has too", inNewGo, "file:///reports", "vulnerabilities: FOUND: GO-4", true},
		{"of this machine's Go", inOldGo, "file:///reports", "has 1 that it calls: GO-3", false},
		{"that nothing calls", uncalled, "file:///reports", "vulnerabilities: none", false},
		{"none", `{"config":{}}`, "file:///reports", "vulnerabilities: none", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			summary := filepath.Join(t.TempDir(), "summary")
			command := exec.CommandContext(t.Context(), "bash", filepath.Join(assets.Root(), "hack", "vulncheck.sh"))
			command.Env = append(os.Environ(), "SCIM_OPERATOR_CACHE="+scanner(t, row.findings), "GOVULNDB="+row.database, "GOPROXY=off", "SUMMARY="+summary)
			out, err := command.CombinedOutput()
			if (err != nil) != row.fails {
				t.Errorf("it ends with %v: %s", err, out)
			}
			if said, _ := os.ReadFile(summary); !strings.Contains(string(said), row.want) {
				t.Errorf("the summary is %q, the output %s", said, out)
			}
		})
	}
}

// scanner makes a cache of binaries whose govulncheck prints the findings.
func scanner(t *testing.T, findings string) string {
	t.Helper()
	cache := t.TempDir()
	build := exec.CommandContext(t.Context(), "bash", filepath.Join(assets.Root(), "hack", "build.sh"), "--path", "govulncheck")
	build.Env = append(os.Environ(), "SCIM_OPERATOR_CACHE="+cache)
	path, err := build.Output()
	if err != nil {
		t.Fatal(err)
	}
	binary := strings.TrimSpace(string(path))
	if err := os.MkdirAll(filepath.Dir(binary), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho '"+findings+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return cache
}
