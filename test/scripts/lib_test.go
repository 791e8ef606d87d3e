// SPDX-License-Identifier: Apache-2.0

// Package scripts tests what the scripts in hack/ share, on machines that lack something.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"scim-operator.io/test/assets"
)

// bash runs a script after lib.sh, as the scripts in hack/ do.
func bash(t *testing.T, script string, environment ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-c", "set -euo pipefail; source "+filepath.Join(assets.Root(), "hack", "lib.sh")+"; "+script)
	command.Env = append(os.Environ(), environment...)
	out, err := command.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestWithoutHome(t *testing.T) {
	for _, home := range []string{"unset HOME; ", "HOME=; "} {
		command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", home+"source hack/lib.sh; echo $HOME:$CACHE_DIR")
		command.Dir = assets.Root()
		command.Env = append(os.Environ(), "XDG_CACHE_HOME=", "SCIM_OPERATOR_CACHE=")
		out, err := command.CombinedOutput()
		found, cache, _ := strings.Cut(strings.TrimSpace(string(out)), ":")
		if err != nil || found == "" || cache != found+"/.cache/scim-operator" {
			t.Errorf("%s: %v: %s", home, err, out)
		}
	}
}

// TestMissingPackages plays a machine whose apt-get knows of a package only after an
// update that fails for one of its sources.
func TestMissingPackages(t *testing.T) {
	const needs = "ensure_packages <<<'no-such-command:here tool-package'"
	for _, row := range []struct{ name, uid, apt, want, lacking string }{
		{"are installed after an update", "0",
			`case $1 in update) touch "$STATE/updated"; exit 100;; install) [ -f "$STATE/updated" ] && touch "$STATE/installed";; esac`, "installing tool-package", "error"},
		{"are named when they cannot be installed", "0", `echo "E: no network"; exit 100`, "E: no network\nerror: cannot install tool-package", ""},
		{"are named when they do not bring what is missing", "0", `exit 0`, "error: still missing after apt-get: tool-package", ""},
		{"are named to who is not root", "1000", `exit 0`, "error: missing: tool-package; install with: sudo apt-get update && sudo apt-get install", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			state := t.TempDir()
			for name, content := range map[string]string{"apt-get": row.apt, "id": "echo " + row.uid} {
				if err := os.WriteFile(filepath.Join(state, name), []byte("#!/bin/sh\n"+content+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			out, err := bash(t, `is_there() { [ -f "$STATE/installed" ]; }; `+needs, "STATE="+state, "PATH="+state+":"+os.Getenv("PATH"))
			if fails := strings.Contains(row.want, "error"); (err != nil) != fails {
				t.Errorf("it ends with %v", err)
			}
			if !strings.Contains(out, row.want) || row.lacking != "" && strings.Contains(out, row.lacking) {
				t.Errorf("it says\n%s", out)
			}
		})
	}
}

// TestAnotherCluster: a machine has room for one, and nobody stops another's.
func TestAnotherCluster(t *testing.T) {
	const sources = `source "$HACK_DIR/cluster/lib/settings.sh"; RUN_DIR=$RUN; STATE_DIR=/mine; source "$HACK_DIR/cluster/lib/process.sh"
		PROCESSES=(etcd kubelet); `
	for _, row := range []struct{ name, setup, want string }{
		{"there is none", ``, "free"},
		{"it is this one", `start kubelet sleep 60; echo /mine >"$RUN_DIR/owner"; `, "free"},
		{"it runs", `start kubelet sleep 60; echo /theirs >"$RUN_DIR/owner"; `, "taken by /theirs"},
		{"it has ended", `start kubelet sleep 60; echo /theirs >"$RUN_DIR/owner"; stop kubelet; `, "free"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := bash(t, sources+`LOG_DIR=$RUN; trap 'stop kubelet' EXIT; `+row.setup+
				`if others_cluster; then echo "taken by $owner"; else echo free; fi`, "RUN="+t.TempDir())
			if err != nil || out != row.want {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestEveryScriptTellsItsUse(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(assets.Root(), "hack", "*.sh"))
	if err != nil || len(scripts) < 5 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, folder := range []string{"cluster", "demo"} {
		more, err := filepath.Glob(filepath.Join(assets.Root(), "hack", folder, "*.sh"))
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, more...)
	}
	for _, script := range scripts {
		if filepath.Base(script) == "lib.sh" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), script, "--help").CombinedOutput()
		if err != nil || len(strings.TrimSpace(string(out))) < 40 {
			t.Errorf("%s --help: %v\n%s", script, err, out)
		}
	}
}

// TestProcessesHoldNothingOfTheirCallers: a lock of the caller's is free once the caller has ended.
func TestProcessesHoldNothingOfTheirCallers(t *testing.T) {
	const script = `RUN_DIR=$RUN STATE_DIR=/mine LOG_DIR=$RUN PROCESS_DIR=$RUN/processes
		source "$HACK_DIR/cluster/lib/process.sh"
		exec 7>"$RUN/lock" 12>"$RUN/other"
		flock 7
		start kubelet sleep 60
		trap 'stop kubelet' EXIT
		exec 7>&- 12>&-
		eventually 10 flock --nonblock "$RUN/lock" true && flock --nonblock "$RUN/other" true || exit 1
		running kubelet && ls /proc/"$(cut -d' ' -f1 "$PROCESS_DIR/kubelet")"/fd | xargs`
	out, err := bash(t, script, "RUN="+t.TempDir())
	if err != nil || out != "0 1 2" {
		t.Errorf("it ends with %v, and the process has these descriptors: %s", err, out)
	}
}
