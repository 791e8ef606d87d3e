// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"scim-operator.io/test/assets"
)

const image = "registry.example.com/scim-operator:v1"

// call is one of kubectl that changes a cluster.
type call struct {
	verb  string
	kinds map[string]int // of the objects that it is given
	text  string
}

// run runs a target of the Makefile with a kubectl that records what it is told to change.
// Of each kind there are as many objects as occupied says.
func run(t *testing.T, target string, occupied map[string]int, arguments ...string) (calls []call, output string, err error) {
	t.Helper()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	for crd, count := range occupied {
		if err := os.WriteFile(filepath.Join(state, crd), []byte(strings.Repeat("an/object\n", count)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := `#!/usr/bin/env bash
case "$1 $2" in
  kustomize*) exec ` + filepath.Join(binaries, "kubectl") + ` "$@" ;;
  "get crd") ;;
  get*) if [ -f "` + state + `/$2" ]; then cat "` + state + `/$2"; fi ;;
  *) { echo "# $*"; cat; } > "$(mktemp ` + state + `/call-$(printf %02d "$(ls ` + state + ` | wc -l)")-XXXX)" ;;
esac
`
	kubectl := filepath.Join(state, "kubectl")
	if err := os.WriteFile(kubectl, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", target}, arguments...)...)
	command.Dir = assets.Root()
	command.Env = append(os.Environ(), "KUBECTL="+kubectl, "IMAGE=", "IMG=", "MAKEFLAGS=")
	out, err := command.CombinedOutput()
	files, globErr := filepath.Glob(filepath.Join(state, "call-*"))
	if globErr != nil {
		t.Fatal(globErr)
	}
	for _, file := range files { // in the order of their numbers
		text, readErr := os.ReadFile(file)
		if readErr != nil {
			t.Fatal(readErr)
		}
		calls = append(calls, call{verb: strings.Fields(string(text))[1], kinds: kindsIn(t, text), text: string(text)})
	}
	return calls, string(out), err
}

// kindsIn counts the objects of each kind in YAML documents.
func kindsIn(t *testing.T, documents []byte) map[string]int {
	t.Helper()
	kinds := map[string]int{}
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(documents), 4096)
	for {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return kinds
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Object != nil {
			kinds[o.GetKind()]++
		}
	}
}

const crd = "CustomResourceDefinition"

func TestTargetsChangeWhatTheySay(t *testing.T) {
	everything := map[string]int{crd: 7, "Deployment": 1}
	for _, row := range []struct {
		target    string
		arguments []string
		calls     []call // kinds: how many objects of some kinds are given
	}{
		{"install", nil, []call{{verb: "apply", kinds: map[string]int{crd: 7, "Deployment": 0}}, {verb: "apply", text: "config/protection"}}},
		{"deploy", []string{"IMAGE=" + image}, []call{{verb: "apply", kinds: everything, text: "image: " + image + "\n"}}},
		{"deploy", []string{"IMG=" + image}, []call{{verb: "apply", kinds: everything, text: "image: " + image + "\n"}}},
		{"undeploy", nil, []call{{verb: "delete", text: "config/default"}}},
		{"uninstall", nil, append(slices.Repeat([]call{{verb: "annotate", text: "delete-people=yes"}}, 7),
			call{verb: "delete", kinds: map[string]int{crd: 7, "Deployment": 0}}, call{verb: "delete", text: "config/protection"})},
	} {
		t.Run(strings.Join(append([]string{row.target}, row.arguments...), " "), func(t *testing.T) {
			calls, output, err := run(t, row.target, nil, row.arguments...)
			if err != nil || len(calls) != len(row.calls) {
				t.Fatalf("%d changes, %v: %s", len(calls), err, output)
			}
			for i, want := range row.calls {
				if calls[i].verb != want.verb || !strings.Contains(calls[i].text, want.text) {
					t.Errorf("kubectl is called with %.80s, want %s %s", calls[i].text, want.verb, want.text)
				}
				for kind, count := range want.kinds {
					if calls[i].kinds[kind] != count {
						t.Errorf("kubectl %s is given %v", want.verb, calls[i].kinds)
					}
				}
			}
		})
	}
}

func TestTheCRDsStayWhileThereIsAnObject(t *testing.T) {
	calls, output, err := run(t, "uninstall", map[string]int{"scimusers.scim-operator.io": 3, "scimclaims.scim-operator.io": 4})
	if err == nil || len(calls) != 0 || !strings.Contains(output, "3 scimusers") || !strings.Contains(output, "4 scimclaims") {
		t.Errorf("%d changes, %v: %s", len(calls), err, output)
	}
}

func TestNothingIsDeployedWithoutAnImage(t *testing.T) {
	calls, output, err := run(t, "deploy", nil)
	if err == nil || len(calls) != 0 || !strings.Contains(output, "IMAGE=") {
		t.Errorf("%d changes, %v: %s", len(calls), err, output)
	}
}

// The installer is one file with everything.
func TestTheInstallerHasEverything(t *testing.T) {
	command := exec.CommandContext(t.Context(), "hack/install.sh", "print")
	command.Dir = assets.Root()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	command.Env = append(os.Environ(), "KUBECTL="+filepath.Join(binaries, "kubectl"), "IMAGE="+image)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if kinds := kindsIn(t, out); kinds[crd] != 7 || kinds["Deployment"] != 1 || kinds["Namespace"] != 1 {
		t.Errorf("the installer has %v", kinds)
	}
	if !bytes.Contains(out, []byte("image: "+image+"\n")) {
		t.Error("the installer does not run the image")
	}
}

// Every target that Kubebuilder's users know is there. What it runs is made, not run.
func TestKubebuildersTargetsAreThere(t *testing.T) {
	for target, runs := range map[string]string{
		"manifests": "output:crd:dir=config/crd/bases", "generate": "applyconfiguration:", "docker-build": "hack/image.sh build",
		"build-installer": "dist/install.yaml", "install": "hack/install.sh install", "uninstall": "hack/install.sh uninstall",
		"deploy": "hack/install.sh deploy", "undeploy": "hack/undeploy.sh", "test": "hack/test-go.sh", "demo": "hack/demo/demo.sh up",
	} {
		command := exec.CommandContext(t.Context(), "make", "--dry-run", target)
		command.Dir = assets.Root()
		out, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(out), runs) {
			t.Errorf("make %s does not run %s: %v: %s", target, runs, err, out)
		}
	}
}

// project is what is read of PROJECT.
type project struct {
	Domain    string
	Repo      string
	Resources []struct {
		API        struct{ CRDVersion, Namespaced any }
		Controller bool
		Domain     string
		Kind       string
		Path       string
		Version    string
	}
}

func TestProjectIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(assets.Root(), "PROJECT"))
	if err != nil {
		t.Fatal(err)
	}
	var p project
	if err := yaml.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(assets.Root(), "go.mod"))
	if err != nil || !bytes.HasPrefix(module, []byte("module "+p.Repo+"\n")) {
		t.Errorf("the module is not %s: %v", p.Repo, err)
	}
	said := map[string]bool{}
	for _, r := range p.Resources {
		said[fmt.Sprintf("%s_%ss.yaml", r.Domain, strings.ToLower(r.Kind))] = true
		directory := strings.TrimPrefix(r.Path, p.Repo+"/")
		source, err := filepath.Glob(filepath.Join(assets.Root(), directory, strings.ToLower(r.Kind)+"_types.go"))
		if err != nil || len(source) != 1 || !strings.HasSuffix(directory, r.Version) {
			t.Errorf("%s is not in %s", r.Kind, directory)
		}
		_, err = os.Stat(filepath.Join(assets.Root(), "controllers", strings.ToLower(r.Kind)))
		if (err == nil) != r.Controller {
			t.Errorf("%s has a controller: %v, and PROJECT says %v", r.Kind, err == nil, r.Controller)
		}
	}
	bases, err := filepath.Glob(filepath.Join(assets.Root(), "config", "crd", "bases", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, base := range bases {
		there[filepath.Base(base)] = true
	}
	if !maps.Equal(said, there) {
		t.Errorf("PROJECT has the kinds %v, and there are %v", slices.Sorted(maps.Keys(said)), slices.Sorted(maps.Keys(there)))
	}
	if _, err := os.Stat(filepath.Join(assets.Root(), "main.go")); err != nil {
		t.Error(err)
	}
}
