// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

// everything is what the operator makes or manages.
var everything = []schema.GroupVersionKind{
	scimv1.GroupVersion.WithKind("IdentityProvider"),
	scimv1.GroupVersion.WithKind("ScimEndpoint"),
	scimv1.GroupVersion.WithKind("ScimUser"),
	scimv1.GroupVersion.WithKind("ScimGroup"),
	scimv1.GroupVersion.WithKind("ScimGroupSlice"),
	scimv1.GroupVersion.WithKind("ScimClaim"),
	scimv1.GroupVersion.WithKind("ScimResource"),
	{Version: "v1", Kind: "Secret"},
	{Version: "v1", Kind: "ConfigMap"},
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "ServiceAccount"},
	{Version: "v1", Kind: "Pod"},
	{Version: "v1", Kind: "Event"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
	{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
}

// resourceVersions of every object in the namespaces.
func resourceVersions(ctx context.Context, namespaces ...string) map[string]string {
	GinkgoHelper()
	versions := map[string]string{}
	for _, kind := range everything {
		for _, namespace := range namespaces {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(kind)
			Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			for _, object := range list.Items {
				versions[fmt.Sprintf("%s %s/%s", kind.Kind, namespace, object.Name)] = object.ResourceVersion
			}
		}
	}
	delete(versions, "Lease scim-operator-system/scim-operator.scim-operator.io") // by which a manager that is gone is noticed
	return versions
}

var _ = Describe("at rest", func() {
	It("nothing is written for two minutes but the Lease of the manager that works", func(ctx context.Context) {
		t := newSyncedTenant(ctx, "rest")
		namespaces := []string{t.namespace, "scim-operator-system"}
		var before map[string]string
		// First whatever the suite stirred up settles.
		settled := time.Now()
		Eventually(func() time.Duration {
			if now := resourceVersions(ctx, namespaces...); fmt.Sprint(now) != fmt.Sprint(before) {
				before, settled = now, time.Now()
			}
			return time.Since(settled)
		}, 3*time.Minute, time.Second).Should(BeNumerically(">", 15*time.Second))
		Expect(before).NotTo(BeEmpty())
		Consistently(func() map[string]string { return resourceVersions(ctx, namespaces...) },
			2*time.Minute, 5*time.Second).Should(Equal(before))
	})
})
