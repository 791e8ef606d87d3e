// SPDX-License-Identifier: Apache-2.0

package render

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/assets"
)

// TestApplyingTwiceChangesNothing applies every child to a real API server: it must be
// accepted as it is, and the second time move no resourceVersion.
func TestApplyingTwiceChangesNothing(t *testing.T) {
	c := startAPIServer(t)
	for name, ep := range endpoints(t) {
		t.Run(name, func(t *testing.T) {
			ep.Namespace = name
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name,
				Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
			if err := c.Create(t.Context(), namespace); err != nil {
				t.Fatal(err)
			}
			if err := c.Create(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			for child := range children(ep) {
				applyTwice(t, c, ep, child)
			}
		})
	}
	t.Run("names", func(t *testing.T) { testNames(t, c) })
}

// testNames: a name that a ScimEndpoint may have is one that every child may have.
func testNames(t *testing.T, c client.Client) {
	for _, row := range []struct {
		name     string
		accepted bool
	}{
		{"a", true},
		{"okta-2", true},
		{strings.Repeat("n", 50), true},
		{strings.Repeat("n", 51), false},
		{"okta.acme", false},
		{"7geese", false},
	} {
		ep := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: row.name, Namespace: metav1.NamespaceDefault}}
		err := c.Create(t.Context(), ep)
		if (err == nil) != row.accepted || (err != nil && !apierrors.IsInvalid(err)) {
			t.Errorf("creating an endpoint with the name %q: %v", row.name, err)
		}
		if err != nil {
			continue
		}
		for child := range children(ep) {
			applyTwice(t, c, ep, child)
		}
	}
}

func startAPIServer(t *testing.T) client.Client {
	t.Helper()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{"../../config/crd/bases", httpRouteCRD(t)},
		ErrorIfCRDPathMissing: true,
		BinaryAssetsDirectory: binaries,
	}
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(config, client.Options{Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func applyTwice(t *testing.T, c client.Client, ep *v1alpha1.ScimEndpoint, child string) {
	t.Helper()
	if secret, ok := children(ep)[child].(*corev1.Secret); ok { // created, never applied
		if err := c.Create(t.Context(), secret); err != nil {
			t.Errorf("%s: %v", child, err)
		}
		return
	}
	var versions []string
	for range 2 {
		configuration, ok := children(ep)[child].(runtime.ApplyConfiguration)
		if !ok {
			t.Errorf("%s: %T cannot be applied", child, children(ep)[child])
			return
		}
		if err := c.Apply(t.Context(), configuration, client.FieldOwner("scim-operator"), client.ForceOwnership); err != nil {
			t.Errorf("%s: %v", child, err)
			return
		}
		versions = append(versions, resourceVersion(t, c, configuration))
	}
	if versions[0] != versions[1] {
		t.Errorf("%s: applying it again moved its resourceVersion from %s to %s", child, versions[0], versions[1])
	}
}

func resourceVersion(t *testing.T, c client.Client, configuration runtime.ApplyConfiguration) string {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(configuration)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{Object: content}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	return object.GetResourceVersion()
}

// httpRouteCRD is the CRD that the gateway-api module ships.
func httpRouteCRD(t *testing.T) string {
	t.Helper()
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(output)), "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml")
}
