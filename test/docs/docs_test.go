// SPDX-License-Identifier: Apache-2.0

// Package docs holds what users read to what is there: flags, metrics, reasons, links.
package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"scim-operator.io/internal/cmd"
	"scim-operator.io/test/assets"
)

// pages are the Markdown files of the project by their path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "hack/*.md"} {
		paths, err := filepath.Glob(filepath.Join(assets.Root(), pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no pages at %s: %v", pattern, err)
		}
		for _, path := range paths {
			found[path] = read(t, path)
		}
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	for path, text := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor := found[1], strings.TrimPrefix(found[2], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := filepath.Join(filepath.Dir(path), target)
			if target == "" {
				file = path
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s leads nowhere", path, found[0])
			} else if anchor != "" && !hasHeading(read(t, file), anchor) {
				t.Errorf("%s: there is no heading for %s", path, found[0])
			}
		}
	}
}

// hasHeading knows of anchors as GitHub makes them.
func hasHeading(text, anchor string) bool {
	other := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(text) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(line), "#"), " ")
		if ok && strings.HasPrefix(line, "#") && strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(heading), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestFlagsExist: a flag in backquotes is one of the manager's, the servers' or the plugin's.
func TestFlagsExist(t *testing.T) {
	known := flagsOf(cmd.NewManagerCommand(), cmd.NewServeCommand(), cmd.NewCommand([]string{"kubectl-scim"}))
	flag := regexp.MustCompile("`--([a-z-]+)[^`]*`")
	named := 0
	for path, text := range pages(t) {
		if strings.HasPrefix(path, filepath.Join(assets.Root(), "hack")) {
			continue
		}
		for _, found := range flag.FindAllStringSubmatch(text, -1) {
			named++
			if !known[found[1]] {
				t.Errorf("%s: there is no flag --%s", path, found[1])
			}
		}
	}
	if named < 10 {
		t.Errorf("only %d flags are named; are they written in another way now?", named)
	}
}

// flagsOf are the flags of commands and of the commands in them.
func flagsOf(commands ...*cobra.Command) map[string]bool {
	known := map[string]bool{}
	for _, c := range commands {
		for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		}
		maps.Copy(known, flagsOf(c.Commands()...))
	}
	return known
}

// TestCommands: docs/kubectl.md has every command of the plugin, and says what it is from Git.
func TestCommands(t *testing.T) {
	text := read(t, filepath.Join(assets.Root(), "docs", "kubectl.md"))
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Runnable() && !strings.Contains(text, "| `"+c.CommandPath()) {
			t.Errorf("docs/kubectl.md does not name the command %s", c.CommandPath())
		}
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit(cmd.NewCommand([]string{"kubectl-scim"}))
}

// TestMetrics: docs/operations.md names every metric, and no other.
func TestMetrics(t *testing.T) {
	inCode := names(t, `"(scim_[a-z_]+)"`, "internal/server/metrics.go", "controllers/metrics.go", "controllers/internal/policies/verifier.go")
	compare(t, "metric", inCode, names(t, "(?m)^\\| `(scim_[a-z_]+)`", "docs/operations.md"))
}

// TestAlerts: docs/operations.md names every alert, and no other.
func TestAlerts(t *testing.T) {
	compare(t, "alert", names(t, `alert: (\w+)`, "config/prometheus/rules.yaml"), names(t, "`(Scim[A-Z][A-Za-z]+(?:Down|Ready|Unavailable|Ends|Expire|Faults|Failures|Held|Rejected|InForce))`", "docs/operations.md"))
}

// TestReasons: docs/kinds.md names every reason of the conditions but those that any
// object may have.
func TestReasons(t *testing.T) {
	inCode := names(t, `Reason\w+ += "(\w+)"`, "api/v1alpha1/conditions.go")
	text := read(t, filepath.Join(assets.Root(), "docs", "kinds.md"))
	for reason := range inCode {
		if !strings.Contains(text, "`"+reason+"`") {
			t.Errorf("docs/kinds.md does not name the reason %s", reason)
		}
	}
}

func names(t *testing.T, pattern string, files ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, file := range files {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, filepath.Join(assets.Root(), file)), -1) {
			found[match[1]] = true
		}
	}
	if len(found) == 0 {
		t.Fatalf("nothing in %v looks like %s", files, pattern)
	}
	return found
}

func compare(t *testing.T, what string, inCode, inDocs map[string]bool) {
	t.Helper()
	for name := range inCode {
		if !inDocs[name] {
			t.Errorf("docs/operations.md does not name the %s %s", what, name)
		}
	}
	for name := range inDocs {
		if !inCode[name] {
			t.Errorf("docs/operations.md names the %s %s, which does not exist", what, name)
		}
	}
}
