// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/backup"
)

// backupTool is a client of a tool that may back up and restore namespaces with its own
// ServiceAccount, as docs/operations.md has it.
func backupTool() client.Client {
	GinkgoHelper()
	for _, role := range []string{"edit", "scim-operator-restore"} {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "e2e-backup-tool-" + role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "e2e-backup-tool", Name: "backup"}},
		}
		Expect(client.IgnoreAlreadyExists(k8s.Create(context.Background(), binding))).To(Succeed())
		DeferCleanup(func(ctx context.Context) { Expect(k8s.Delete(ctx, binding)).To(Succeed()) })
	}
	return impersonating("system:serviceaccount:e2e-backup-tool:backup", "system:serviceaccounts", "system:authenticated")
}

var _ = Describe("a namespace that is restored from a backup", Ordered, func() {
	const size, limit = 6, 1
	var (
		t     *tenant
		scim  *scimClient
		tool  client.Client
		saved backup.Backup
		ids   []string
		// standing is what the users were like when the backup was taken.
		standing map[string]int
	)
	directory := func(o *unstructured.Unstructured) bool {
		switch o.GetKind() {
		case "ScimUser", "ScimGroup", "ScimResource", "ScimGroupSlice", "ScimClaim", "Secret":
			return true
		}
		return false
	}

	BeforeAll(func(ctx context.Context) {
		tool = backupTool()
		t = newTenant(ctx, "restore", 1, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.Deprovisioning = &scimv1.Deprovisioning{Guard: &scimv1.DeprovisioningGuard{MaxUsers: ptr.To[int32](limit)}}
		})
		scim = t.scim()
		for i := range size {
			ids = append(ids, scim.mustDo("POST", "/Users", userBody(fmt.Sprintf("kept-%d@e2e.example", i)), 201).id())
		}
		Eventually(t.standing(ctx)).Should(Equal(map[string]int{"True Provisioned": size}))
		for _, id := range ids[:3] {
			scim.mustDo("DELETE", "/Users/"+id, "", 204)
		}
		standing = map[string]int{"False DeletedByProvider": limit, "True HeldByGuard": 3 - limit, "True Provisioned": size - 3}
		Eventually(t.standing(ctx)).Should(Equal(standing))
		endpoint := &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: t.namespace}}
		Eventually(get(ctx, endpoint)).Should(HaveField("Annotations", HaveKey(scimv1.EndpointRecordAnnotation)))
	})

	It("is backed up in the middle of a hold by a tool that lists, and deleted", func(ctx context.Context) {
		cluster, err := discovery.NewDiscoveryClientForConfig(restConfig)
		Expect(err).NotTo(HaveOccurred())
		kinds, err := backup.Kinds(cluster)
		Expect(err).NotTo(HaveOccurred())
		saved, err = backup.Take(ctx, k8s, t.namespace, kinds)
		Expect(err).NotTo(HaveOccurred())
		Expect(saved.Only(func(o *unstructured.Unstructured) bool { return o.GetKind() == "ScimUser" })).To(HaveLen(size))

		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.namespace}}
		Expect(get(ctx, namespace)()).NotTo(BeNil())
		Expect(k8s.Delete(ctx, namespace.DeepCopy())).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}, "4m").Should(BeTrue())
		anew := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace.Name, Labels: map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted", "scim-operator.io/demo": "true",
		}}}
		Expect(k8s.Create(ctx, anew)).To(Succeed())
	})

	It("takes the verb restore", func(ctx context.Context) {
		users := saved.Only(func(o *unstructured.Unstructured) bool { return o.GetKind() == "ScimUser" })
		other := impersonating("e2e-editor", "system:authenticated")
		bind(ctx, t.namespace, "scim-operator-edit-people", "e2e-editor")
		Eventually(func() []error { return users.Restore(ctx, other) }).Should(And(
			HaveLen(size), HaveEach(MatchError(Or(
				ContainSubstring("ClusterRole scim-operator-restore"),
				ContainSubstring("scim-operator-holds"), // of those who are held
			)))))
	})

	It("is restored by the tool's own ServiceAccount: nobody changes state, and the token goes on working", func(ctx context.Context) {
		Expect(saved.Only(directory).Restore(ctx, tool)).To(BeEmpty())
		// Roles and their bindings are nobody's to give who has not what is in them; the operator makes them.
		rest := saved.Only(func(o *unstructured.Unstructured) bool {
			return !directory(o) && o.GroupVersionKind().Group != rbacv1.GroupName
		})
		Expect(rest.Restore(ctx, tool)).To(BeEmpty())
		t.awaitAvailable(ctx)
		Eventually(func() (answer, error) { return scim.do("GET", "/Users?count=0", "") }).Should(And(
			HaveField("Status", 200), HaveField("Body", HaveKeyWithValue("totalResults", BeEquivalentTo(size-3)))))
		Eventually(t.standing(ctx)).Should(Equal(standing))
		Consistently(t.standing(ctx), "10s").Should(Equal(standing))
		scim.mustDo("GET", "/Users/"+ids[size-1], "", 200)
		Expect(scim.do("POST", "/Users", userBody(fmt.Sprintf("kept-%d@e2e.example", size-1)))).To(HaveField("Status", 409), "her claim is there")

		var secrets corev1.SecretList
		Expect(k8s.List(ctx, &secrets, client.InNamespace(t.namespace))).To(Succeed())
		delivered := 0
		for _, s := range secrets.Items {
			if s.Type == scimv1.TokenSecretType {
				delivered++
				Expect(string(s.Data[scimv1.TokenKey])).To(Equal(t.token))
			}
		}
		Expect(delivered).To(Equal(1), "no second token was issued")
	})

	It("is whole: the provider has its endpoint back, and the hold waits for a person", func(ctx context.Context) {
		endpoint := &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: t.namespace}}
		Expect(get(ctx, t.provider)()).NotTo(BeNil())
		Eventually(get(ctx, endpoint)).Should(WithTransform(
			func(ep *scimv1.ScimEndpoint) bool { return metav1.IsControlledBy(ep, t.provider) }, BeTrue()))
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Held", HaveValue(BeEquivalentTo(3-limit))))
	})
})

// awaitAvailable waits until the endpoint serves, whatever else the provider waits for.
func (t *tenant) awaitAvailable(ctx context.Context) {
	GinkgoHelper()
	endpoint := &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: t.provider.Name, Namespace: t.namespace}}
	Eventually(get(ctx, endpoint)).Should(HaveField("Status.Conditions", ContainElement(And(
		HaveField("Type", scimv1.ConditionAvailable), HaveField("Status", metav1.ConditionTrue)))))
}
