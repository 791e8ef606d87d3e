// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e proves the main job on a real cluster: real pods, a real Ingress
// controller, real certificates. It reads bin/cluster.env, which `make operator` writes. Each
// container of specs has a namespace and an endpoint of its own, and makes and removes them.
package e2e

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/kstatus"
)

var (
	env        map[string]string
	restConfig *rest.Config
	k8s        client.WithWatch
	observer   *kstatus.Observer
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	SetDefaultConsistentlyPollingInterval(500 * time.Millisecond)
	RunSpecs(t, "End to end")
}

var _ = BeforeSuite(func() {
	env = readEnv(filepath.Join("..", "..", "bin", "cluster.env"))
	var err error
	restConfig, err = clientcmd.BuildConfigFromFlags("", env["KUBECONFIG"])
	Expect(err).NotTo(HaveOccurred())
	restConfig.QPS = -1
	k8s = newClient(restConfig)
	observer = kstatus.Observe(k8s)
})

var _ = AfterSuite(func(ctx context.Context) {
	for _, namespace := range leaving {
		Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).Should(BeTrue(), "the namespace %s goes, with everything in it", namespace.Name)
	}
	violations, seen := observer.Stop()
	GinkgoWriter.Printf("%d versions of objects were checked against the kstatus contract\n", seen)
	Expect(violations).To(BeEmpty())
	Expect(seen).NotTo(BeZero())
})

// readEnv reads NAME=value lines.
func readEnv(path string) map[string]string {
	file, err := os.Open(path)
	Expect(err).NotTo(HaveOccurred(), "run `make operator` first")
	defer func() { _ = file.Close() }()
	values := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		values[name] = value
	}
	for _, name := range []string{"KUBECONFIG", "INGRESS"} {
		Expect(values).To(HaveKeyWithValue(name, Not(BeEmpty())), "in %s", path)
	}
	return values
}

// ingress returns the address and the port at which the Ingress controller answers HTTPS.
func ingress() (address, port string) {
	GinkgoHelper()
	address, port, err := net.SplitHostPort(env["INGRESS"])
	Expect(err).NotTo(HaveOccurred())
	return address, port
}

func newClient(config *rest.Config) client.WithWatch {
	GinkgoHelper()
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(scimv1.AddToScheme(scheme)).To(Succeed())
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// impersonating is a client that acts as somebody else.
func impersonating(user string, groups ...string) client.WithWatch {
	GinkgoHelper()
	config := rest.CopyConfig(restConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return newClient(config)
}

// get reads an object again, for Eventually and Consistently.
func get[T client.Object](ctx context.Context, object T) func() (T, error) {
	return func() (T, error) {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(object), object)
		return object, err
	}
}
