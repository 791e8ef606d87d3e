// SPDX-License-Identifier: Apache-2.0

// Package api tests the custom resources as a person meets them: what a real API server
// accepts and refuses, in which words, and what it shows.
package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/assets"
)

var (
	server *rest.Config
	c      client.Client
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	stop, err := start()
	defer stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func start() (stop func(), err error) {
	stop = func() {}
	binaries, err := assets.Directory()
	if err != nil {
		return stop, err
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(assets.Root(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    binaries,
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	stop = func() {
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if server, err = environment.Start(); err != nil {
		return stop, err
	}
	server.QPS = -1
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return stop, err
	}
	if c, err = client.New(server, client.Options{Scheme: scheme}); err != nil {
		return stop, err
	}
	return stop, awaitKinds()
}

// awaitKinds waits until every kind can be listed: the API server's caches start late.
func awaitKinds() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	unready := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		return listEveryKind(ctx) == nil, nil
	})
	if unready != nil {
		return errors.Join(unready, listEveryKind(context.Background()))
	}
	return nil
}

func listEveryKind(ctx context.Context) error {
	for _, list := range []client.ObjectList{&v1alpha1.IdentityProviderList{}, &v1alpha1.ScimEndpointList{},
		&v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{}, &v1alpha1.ScimGroupSliceList{}, &v1alpha1.ScimResourceList{}, &v1alpha1.ScimClaimList{}} {
		if err := c.List(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// manifest makes an object of a kind with a spec in YAML. A name may be left out.
func manifest(t *testing.T, kind, name, spec string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind))
	o.SetNamespace(metav1.NamespaceDefault)
	o.SetName(name)
	if name == "" {
		o.SetGenerateName("x-")
	}
	if spec == "" {
		return o
	}
	var content any
	if err := yaml.UnmarshalStrict([]byte(spec), &content); err != nil {
		t.Fatalf("the manifest of the test is no YAML: %v\n%s", err, spec)
	}
	o.Object["spec"] = content
	return o
}

// create creates an object for the time of the test.
func create(t *testing.T, o *unstructured.Unstructured) error {
	t.Helper()
	err := c.Create(t.Context(), o, client.FieldValidation(metav1.FieldValidationStrict))
	if err == nil {
		t.Cleanup(func() {
			if err := c.Delete(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
	return err
}

// requireRefusal makes sure that an object was found invalid, in these words; with no
// words, that it was accepted.
func requireRefusal(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("refused: %v", err)
	case words == "":
	case err == nil:
		t.Errorf("accepted, not refused with %q", words)
	case !apierrors.IsInvalid(err):
		t.Errorf("not found invalid, but: %v", err)
	case !strings.Contains(err.Error(), words):
		t.Errorf("refused without the words\n%s\nbut with\n%v", words, err)
	}
}
