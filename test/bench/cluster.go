// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/assets"
)

// bearer is the token that every server accepts.
const bearer = "scimop_a-token-of-the-benchmark" //nolint:gosec // of no other server

// cluster is a real etcd and API server with what `make install` puts there, but the
// manager.
type cluster struct {
	environment *envtest.Environment
	client      client.Client
	work        string // for kubeconfigs and logs
}

func startCluster(ctx context.Context, work string) (*cluster, error) {
	directory, err := assets.Directory()
	if err != nil {
		return nil, err
	}
	c := &cluster{work: work, environment: &envtest.Environment{
		BinaryAssetsDirectory: directory,
		CRDDirectoryPaths:     []string{filepath.Join(repository(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// Beside other work a machine may take its time.
		ControlPlaneStartTimeout: 2 * time.Minute,
	}}
	config, err := c.environment.Start()
	if err != nil {
		return nil, errors.Join(err, c.environment.Stop())
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	err = errors.Join(corev1.AddToScheme(scheme), rbacv1.AddToScheme(scheme), api.AddToScheme(scheme))
	if err == nil {
		c.client, err = client.New(config, client.Options{Scheme: scheme})
	}
	if err == nil {
		err = c.applyPolicies(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.environment.Stop())
	}
	return c, nil
}

// applyPolicies installs the admission policies, which every write has to pass.
func (c *cluster) applyPolicies(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(repository(), "config", "policy", "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		text, err := os.ReadFile(file) //nolint:gosec // of this repository
		if err != nil {
			return err
		}
		if err := c.applyAll(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (c *cluster) applyAll(ctx context.Context, text []byte) error {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(&o.Object); err != nil {
			if err.Error() == "EOF" {
				return nil
			}
			return err
		}
		if err := c.client.Create(ctx, o); err != nil {
			return err
		}
	}
}

// endpoint is a ScimEndpoint alone in its namespace, and the identity of its servers.
type endpoint struct {
	*api.ScimEndpoint
	config     *rest.Config
	kubeconfig string
}

// newEndpoint makes an endpoint with the rights and the digests that the manager gives it.
func (c *cluster) newEndpoint(ctx context.Context, namespace string) (*endpoint, error) {
	e := &endpoint{ScimEndpoint: &api.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: namespace}}}
	e.Spec.Limits = &api.EndpointLimits{RequestsPerSecond: ptr.To[int32](100_000)} // all come with one token
	for _, o := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, e.ScimEndpoint} {
		if err := c.client.Create(ctx, o); err != nil {
			return nil, err
		}
	}
	digests, err := token.EncodeDigests([]token.Digest{token.NewDigest(token.Plaintext(bearer), time.Now())})
	if err != nil {
		return nil, err
	}
	owner := client.FieldOwner("bench")
	err = errors.Join(c.client.Apply(ctx, render.Role(e.ScimEndpoint), owner),
		c.client.Apply(ctx, render.RoleBinding(e.ScimEndpoint), owner),
		c.client.Apply(ctx, render.DigestSecret(e.ScimEndpoint, digests, nil, nil), owner))
	if err != nil {
		return nil, err
	}
	user, err := c.environment.AddUser(envtest.User{
		Name:   "system:serviceaccount:" + namespace + ":" + e.ChildName(),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}, nil)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return nil, err
	}
	e.config = user.Config()
	e.config.QPS = -1 // as the servers do
	e.kubeconfig = filepath.Join(c.work, namespace+".kubeconfig")
	return e, os.WriteFile(e.kubeconfig, kubeconfig, 0o600)
}

// version is the API server's.
func (c *cluster) version() (string, error) {
	d, err := discovery.NewDiscoveryClientForConfig(c.environment.Config)
	if err != nil {
		return "", err
	}
	v, err := d.ServerVersion()
	if err != nil {
		return "", err
	}
	return v.GitVersion, nil
}
