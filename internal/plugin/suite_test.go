// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/assets"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")

	// api reads and writes with every permission.
	api        client.Client
	kubeconfig string
	noon       = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
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
	directory, err := os.MkdirTemp("", "kubectl-scim")
	if err != nil {
		return stop, err
	}
	stop = func() {
		if err := errors.Join(environment.Stop(), os.RemoveAll(directory)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	config, err := environment.Start()
	if err != nil {
		return stop, err
	}
	admin, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return stop, err
	}
	content, err := admin.KubeConfig()
	if err != nil {
		return stop, err
	}
	kubeconfig = filepath.Join(directory, "kubeconfig")
	if err := os.WriteFile(kubeconfig, content, 0o600); err != nil {
		return stop, err
	}
	return stop, prepare(config)
}

// prepare fills the namespace acme, which the tests only read.
func prepare(config *rest.Config) (err error) {
	config.QPS = -1
	if api, err = newClient(config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// The API server's caches of new kinds start late.
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		return api.List(ctx, &v1alpha1.ScimUserList{}) == nil && api.List(ctx, &v1alpha1.IdentityProviderList{}) == nil, nil
	})
	if err != nil {
		return err
	}
	return errors.Join(fill(ctx, "acme", "acme.yaml", "people.yaml"), fill(ctx, "empty"))
}

// fill makes a namespace with the objects of files in testdata.
func fill(ctx context.Context, namespace string, files ...string) error {
	if err := api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			return err
		}
		for _, text := range strings.Split(string(content), "\n---\n") {
			o := &unstructured.Unstructured{}
			if err := yaml.UnmarshalStrict([]byte(text), &o.Object); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if err := create(ctx, namespace, o); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

func create(ctx context.Context, namespace string, o *unstructured.Unstructured) error {
	o.SetNamespace(namespace)
	o.SetAPIVersion(v1alpha1.SchemeGroupVersion.String())
	if o.GetKind() == "Secret" {
		o.SetAPIVersion("v1")
	}
	owners := o.GetOwnerReferences()
	for i := range owners {
		owner := &v1alpha1.IdentityProvider{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: owners[i].Name}, owner); err != nil {
			return err
		}
		owners[i].UID = owner.UID
	}
	if len(owners) > 0 {
		o.SetOwnerReferences(owners)
	}
	status, hasStatus := o.Object["status"]
	if err := api.Create(ctx, o); err != nil || !hasStatus {
		return err
	}
	o.Object["status"] = status
	return api.Status().Update(ctx, o)
}

var serial atomic.Int64

// tenant is a namespace of its own, for a test that changes something.
func tenant(t *testing.T) string {
	t.Helper()
	namespace := fmt.Sprintf("tenant-%d", serial.Add(1))
	if err := fill(t.Context(), namespace, "acme.yaml", "people.yaml"); err != nil {
		t.Fatal(err)
	}
	return namespace
}

// kubectlScim runs the command with what a person types.
func kubectlScim(namespace, typed string, args ...string) (out, notes string, err error) {
	var stdout, stderr bytes.Buffer
	c := newCommand("v1", func() time.Time { return noon })
	c.SilenceErrors = true
	// Completion takes the last argument for what is being typed.
	c.SetArgs(append([]string{args[0]}, append([]string{"--kubeconfig", kubeconfig, "--namespace", namespace}, args[1:]...)...))
	if args[0] != "__complete" {
		c.SetArgs(append(slices.Clone(args), "--kubeconfig", kubeconfig, "--namespace", namespace))
	}
	c.SetIn(strings.NewReader(typed))
	c.SetOut(&stdout)
	c.SetErr(&stderr)
	err = c.ExecuteContext(context.Background())
	return stdout.String(), stderr.String(), err
}

// read reads an object as the API server has it.
func read(t *testing.T, namespace, kind, name string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind))
	if kind == "Secret" {
		o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		t.Fatal(err)
	}
	return o
}

// golden compares an answer with a file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s does not say what is answered now (-update rewrites it):\n%s", path, got)
	}
}
