// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var testOptions = Options{
	Image:           "registry.example.com/scim-operator:v1.2.3",
	ImagePullPolicy: corev1.PullIfNotPresent,
	LogLevel:        "info",
}

// testToken is made up; its digest list below likewise.
const testToken = "scimop_a-token-made-up-for-the-golden-files"

var testKey = []byte("32 bytes that nobody could guess")

var testRecord = []byte(`{"generation":1,"serial":1,"tokens":[]}`)

var testDigests = []byte(`[{"id":"0123456789ab","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","createdTime":"2026-01-02T03:04:05Z"}]`)

// children are all that is rendered for an endpoint, by the name of the golden file.
func children(ep *v1alpha1.ScimEndpoint) map[string]any {
	all := map[string]any{
		"serviceaccount":      ServiceAccount(ep),
		"role":                Role(ep),
		"rolebinding":         RoleBinding(ep),
		"deployment":          Deployment(ep, testOptions),
		"service":             Service(ep),
		"networkpolicy":       NetworkPolicy(ep),
		"poddisruptionbudget": PodDisruptionBudget(ep),
		"secret-digests":      DigestSecret(ep, testDigests, testRecord, testKey),
		"secret-token":        TokenSecret(ep, ep.TokenSecretName(1), testToken),
	}
	if ingress := Ingress(ep); ingress != nil {
		all["ingress"] = ingress
	}
	if route := HTTPRoute(ep); route != nil {
		all["httproute"] = route
	}
	return all
}

// TestGolden compares every child of every endpoint in testdata/*.in.yaml with the file
// of its name. After an intended change: go test ./internal/render -update
func TestGolden(t *testing.T) {
	for name, ep := range endpoints(t) {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join("testdata", name)
			rendered := make(map[string][]byte)
			for child, object := range children(ep) {
				rendered[child+".yaml"] = marshal(t, object)
			}
			if *update {
				writeGolden(t, folder, rendered)
			}
			if diff := cmp.Diff(texts(readGolden(t, folder)), texts(rendered)); diff != "" {
				t.Errorf("what is rendered differs from %s; if that is intended, run go test ./internal/render -update (-want +got):\n%s", folder, diff)
			}
		})
	}
}

func endpoints(t *testing.T) map[string]*v1alpha1.ScimEndpoint {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no endpoints in testdata: %v", err)
	}
	endpoints := make(map[string]*v1alpha1.ScimEndpoint, len(paths))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ep := new(v1alpha1.ScimEndpoint)
		if err := yaml.UnmarshalStrict(content, ep); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		endpoints[strings.TrimSuffix(filepath.Base(path), ".in.yaml")] = ep
	}
	return endpoints
}

func marshal(t *testing.T, object any) []byte {
	t.Helper()
	content, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func readGolden(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	golden := make(map[string][]byte, len(entries))
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		golden[entry.Name()] = content
	}
	return golden
}

func writeGolden(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// texts shows files line by line, so that a difference reads like a diff.
func texts(files map[string][]byte) map[string][]string {
	lines := make(map[string][]string, len(files))
	for name, content := range files {
		lines[name] = slices.Collect(strings.Lines(string(bytes.TrimSpace(content))))
	}
	return lines
}
