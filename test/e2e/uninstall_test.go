// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/assets"
)

// run runs a command against the cluster and returns what it says.
func run(ctx context.Context, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = assets.Root()
	c.Env = append(os.Environ(), "KUBECONFIG="+env["KUBECONFIG"], "KUBECTL="+env["KUBECTL"])
	out, err := c.CombinedOutput()
	GinkgoWriter.Printf("%s %v: %v\n%s\n", name, args, err, out)
	return string(out), err
}

// Serial: meanwhile there is no operator for anybody.
var _ = Describe("the operator's removal", Serial, Ordered, func() {
	var (
		t    *tenant
		scim *scimClient
		id   string
	)
	BeforeAll(func(ctx context.Context) {
		if env["KUBECTL"] == "" {
			Skip("bin/cluster.env names no KUBECTL")
		}
		t = newTenant(ctx, "uninstall", 1)
		scim = t.scim()
		id = scim.mustDo("POST", "/Users", userBody("kept@e2e.example"), 201).id()
		// Whatever fails in between, other specs need the operator.
		DeferCleanup(func(ctx context.Context) {
			out, err := run(ctx, env["KUBECTL"], "apply", "--server-side", "--force-conflicts", "-k", filepath.Join("bin", "demo", "operator"))
			Expect(err).NotTo(HaveOccurred(), out)
			out, err = run(ctx, env["KUBECTL"], "-n", "scim-operator-system", "rollout", "status", "deployment/scim-operator-manager", "--timeout=180s")
			Expect(err).NotTo(HaveOccurred(), out)
		})
	})

	It("leaves everybody, says so, and the servers serve", func(ctx context.Context) {
		out, err := run(ctx, filepath.Join("hack", "undeploy.sh"))
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).To(And(ContainSubstring("nobody with it"), MatchRegexp(`[1-9][0-9]* users`)))
		manager := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "scim-operator-system"}}
		Eventually(func() bool { return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(manager), manager)) }).Should(BeTrue())
		Expect(get(ctx, &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: t.namespace}})()).NotTo(BeNil())
		scim.mustDo("GET", "/Users/"+id, "", 200)
	})

	It("does not let the CRDs go, whoever deletes them", func(ctx context.Context) {
		out, err := run(ctx, env["KUBECTL"], "delete", "-k", filepath.Join("config", "crd"), "--wait=false")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("scim-operator.io/delete-people=yes"))
		Expect(get(ctx, &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: t.namespace}})()).To(HaveField("DeletionTimestamp", BeNil()))
	})

	It("lets a namespace go with the plugin's help, although no manager runs", func(ctx context.Context) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "e2e-uninstall-gone"}}
		Expect(k8s.Create(ctx, namespace)).To(Succeed())
		Expect(k8s.Create(ctx, &scimv1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "ada", Finalizers: []string{scimv1.ClaimsFinalizer}},
			Spec:       scimv1.ScimUserSpec{UserName: "ada"},
		})).To(Succeed())
		Expect(k8s.Delete(ctx, namespace.DeepCopy())).To(Succeed())
		plugin := filepath.Join("bin", "kubectl-scim")
		release := func() (string, error) {
			return run(ctx, plugin, "release-finalizers", "-n", namespace.Name, "--older-than", "1s", "--yes")
		}
		_, err := run(ctx, "make", "--no-print-directory", "build")
		Expect(err).NotTo(HaveOccurred())
		Eventually(release).Should(ContainSubstring("Released 1 ScimUser"))
		Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).Should(BeTrue())
	})

	It("is undone by installing it again, which finds everybody", func(ctx context.Context) {
		out, err := run(ctx, env["KUBECTL"], "apply", "--server-side", "--force-conflicts", "-k", filepath.Join("bin", "demo", "operator"))
		Expect(err).NotTo(HaveOccurred(), out)
		t.awaitReady(ctx)
		scim.mustDo("GET", "/Users/"+id, "", 200)
		second := scim.mustDo("POST", "/Users", userBody("second@e2e.example"), 201).id()
		user := &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: second, Namespace: t.namespace}}
		Eventually(get(ctx, user)).Should(HaveField("Status.Conditions", ContainElement(HaveField("Type", scimv1.ConditionActive))))
	})
})
