// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("the demo", func() {
	It("has a Ready identity provider that says what to copy into the IdP", func(ctx context.Context) {
		provider := &scimv1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: env["SCIM_NAMESPACE"]}}
		Expect(get(ctx, provider)()).NotTo(BeNil())
		Expect(meta.IsStatusConditionTrue(provider.Status.Conditions, scimv1.ConditionReady)).To(BeTrue())
		Expect(meta.IsStatusConditionTrue(provider.Status.Conditions, scimv1.ConditionSSOConfigured)).To(BeTrue())
		Expect(provider.Status.Connection.BaseURL).To(Equal(env["SCIM_BASE_URL"]))
		Expect(provider.Status.Connection.OrganizationID).To(Equal("42"))
		Expect(provider.Status.Connection.SAMLEntityID).To(HavePrefix("http://www.okta.com/"))
		Expect(provider.Status.SAML.SignOnURL).To(HavePrefix("https://"))
	})

	It("serves what the IdP provisioned, and Kubernetes shows the same", func(ctx context.Context) {
		ca, err := os.ReadFile(env["SCIM_CACERT"])
		Expect(err).NotTo(HaveOccurred())
		scim := newSCIMClient(env["SCIM_BASE_URL"], env["SCIM_TOKEN"], ca)
		for _, name := range []string{"ada.lovelace", "grace.hopper", "alan.turing", "barbara.liskov", "edsger.dijkstra"} {
			found := scim.mustDo("GET", byUserName(name+"@acme.example"), "", 200)
			Expect(found.resources()).To(HaveLen(1), name)
			user := found.resources()[0].(map[string]any)
			stored := &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: user["id"].(string), Namespace: env["SCIM_NAMESPACE"]}}
			Expect(get(ctx, stored)()).NotTo(BeNil())
			Expect(stored.Spec.UserName).To(Equal(user["userName"]))
			leaver := strings.HasPrefix(stored.Spec.UserName, "edsger.")
			Expect(user["active"]).To(Equal(!leaver))
			Eventually(get(ctx, stored)).Should(WithTransform(func(u *scimv1.ScimUser) metav1.ConditionStatus {
				return meta.FindStatusCondition(u.Status.Conditions, scimv1.ConditionActive).Status
			}, Equal(map[bool]metav1.ConditionStatus{true: metav1.ConditionFalse, false: metav1.ConditionTrue}[leaver])))
			want := And(HaveField("Status.UserType", scimv1.AccountEndUser), HaveField("Status.Organizations", ConsistOf("42")), HaveField("Status.Roles", BeEmpty()))
			if strings.HasPrefix(name, "ada.") || strings.HasPrefix(name, "grace.") { // who are in IT Support
				want = And(HaveField("Status.UserType", scimv1.AccountTechnician), HaveField("Status.Organizations", BeEmpty()), HaveField("Status.Roles", ConsistOf("Tier1")))
			}
			Eventually(get(ctx, stored)).Should(want)
		}

		for name, members := range map[string]int{"IT Support": 2, "Everyone": 5} {
			found := scim.mustDo("GET", "/Groups?filter="+url.QueryEscape(fmt.Sprintf("displayName eq %q", name)), "", 200)
			Expect(found.resources()).To(ConsistOf(HaveKeyWithValue("members", HaveLen(members))), name)
		}
	})

	It("keeps no password anywhere", func(ctx context.Context) {
		list := &scimv1.ScimUserList{}
		Expect(k8s.List(ctx, list, client.InNamespace(env["SCIM_NAMESPACE"]))).To(Succeed())
		for _, user := range list.Items {
			Expect(fmt.Sprintf("%+v", user)).NotTo(ContainSubstring("k3-Okta-sends-a-random-one"))
		}
	})

	It("runs its servers in a namespace that enforces Pod Security restricted, and asks for them to be spread", func(ctx context.Context) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env["SCIM_NAMESPACE"]}}
		Expect(get(ctx, namespace)()).To(HaveField("Labels", HaveKeyWithValue("pod-security.kubernetes.io/enforce", "restricted")))
		// A rollout may have replaced them a moment ago.
		var pods []corev1.Pod
		Eventually(func() []corev1.Pod {
			pods = serverPods(ctx, env["SCIM_NAMESPACE"])
			return pods
		}).Should(HaveLen(2))
		for _, pod := range pods {
			Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
			Expect(pod.Spec.TopologySpreadConstraints).To(ContainElement(HaveField("TopologyKey", corev1.LabelHostname)))
			Expect(pod.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()))
		}
	})
})
