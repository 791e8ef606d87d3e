// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	scimv1 "scim-operator.io/api/v1alpha1"
)

// newSyncedTenant makes a tenant with the identity provider of config/samples and plays the demo's sync.
func newSyncedTenant(ctx context.Context, name string) *tenant {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "identityprovider_okta.yaml"))
	Expect(err).NotTo(HaveOccurred())
	sample := &scimv1.IdentityProvider{}
	Expect(yaml.UnmarshalStrict(text, sample)).To(Succeed())
	t := newTenant(ctx, name, 2, func(spec *scimv1.IdentityProviderSpec) {
		signOn, exposure := spec.SignOn, spec.SCIM.Endpoint.Exposure
		sample.Spec.DeepCopyInto(spec)
		spec.SignOn, spec.SCIM.Endpoint.Exposure = signOn, exposure
	})
	t.sync(ctx)
	return t
}

// sync plays the first synchronisation of Okta, as the demo does.
func (t *tenant) sync(ctx context.Context) {
	GinkgoHelper()
	ca := filepath.Join(GinkgoT().TempDir(), "ca.crt")
	Expect(os.WriteFile(ca, t.ca, 0o600)).To(Succeed())
	base, err := url.Parse(t.provider.Spec.SCIM.Endpoint.Exposure.BaseURL)
	Expect(err).NotTo(HaveOccurred())
	address, _ := ingress()
	command := exec.CommandContext(ctx, filepath.Join("..", "..", "hack", "demo", "okta-sync.sh"))
	command.Env = append(os.Environ(), "SCIM_BASE_URL="+base.String(), "SCIM_TOKEN="+t.token, "SCIM_CACERT="+ca,
		"SCIM_RESOLVE="+base.Host+":"+address)
	out, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", out)
}

var _ = Describe("the first synchronisation", Ordered, func() {
	var t *tenant
	var scim *scimClient
	BeforeAll(func(ctx context.Context) {
		t = newSyncedTenant(ctx, "sync")
		scim = t.scim()
	})

	one := func(resource, attribute, value string) map[string]any {
		GinkgoHelper()
		found := scim.mustDo("GET", "/"+resource+"?filter="+url.QueryEscape(fmt.Sprintf("%s eq %q", attribute, value)), "", 200)
		Expect(found.resources()).To(HaveLen(1), value)
		return found.resources()[0].(map[string]any)
	}
	expectSynced := func(ctx context.Context) {
		GinkgoHelper()
		for _, name := range []string{"ada.lovelace", "grace.hopper", "alan.turing", "barbara.liskov", "edsger.dijkstra"} {
			user := one("Users", "userName", name+"@acme.example")
			stored := &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: user["id"].(string), Namespace: t.namespace}}
			Expect(get(ctx, stored)()).NotTo(BeNil())
			Expect(stored.Spec.UserName).To(Equal(user["userName"]))
			leaver := strings.HasPrefix(stored.Spec.UserName, "edsger.")
			Expect(user["active"]).To(Equal(!leaver))
			Eventually(get(ctx, stored)).Should(WithTransform(func(u *scimv1.ScimUser) bool {
				return meta.IsStatusConditionTrue(u.Status.Conditions, scimv1.ConditionActive)
			}, Equal(!leaver)), name)
			want := And(HaveField("Status.UserType", scimv1.AccountEndUser), HaveField("Status.Organizations", ConsistOf("42")), HaveField("Status.Roles", BeEmpty()))
			if strings.HasPrefix(name, "ada.") || strings.HasPrefix(name, "grace.") { // who are in IT Support
				want = And(HaveField("Status.UserType", scimv1.AccountTechnician), HaveField("Status.Organizations", BeEmpty()), HaveField("Status.Roles", ConsistOf("Tier1")))
			}
			Eventually(get(ctx, stored)).Should(want, name)
		}
		for name, members := range map[string]int{"IT Support": 2, "Everyone": 5} {
			Expect(one("Groups", "displayName", name)).To(HaveKeyWithValue("members", HaveLen(members)), name)
		}
	}

	It("has a Ready identity provider that says what to copy into the IdP", func(ctx context.Context) {
		provider := t.provider
		Expect(get(ctx, provider)()).NotTo(BeNil())
		Expect(meta.IsStatusConditionTrue(provider.Status.Conditions, scimv1.ConditionReady)).To(BeTrue())
		Expect(meta.IsStatusConditionTrue(provider.Status.Conditions, scimv1.ConditionSSOConfigured)).To(BeTrue())
		Expect(provider.Status.Connection.BaseURL).To(Equal(provider.Spec.SCIM.Endpoint.Exposure.BaseURL))
		Expect(provider.Status.Connection.OrganizationID).To(Equal("42"))
		Expect(provider.Status.Connection.SAMLEntityID).To(HavePrefix("http://www.okta.com/"))
		Expect(provider.Status.SignOn.SAML.SignOnURL).To(HavePrefix("https://"))
	})

	It("serves what the IdP provisioned, and Kubernetes shows the same", func(ctx context.Context) { expectSynced(ctx) })

	It("brings everybody back to where they were, whatever was done to them meanwhile", func(ctx context.Context) {
		idOf := func(name string) string { return one("Users", "userName", name+"@acme.example")["id"].(string) }
		ada, grace, alan, edsger := idOf("ada.lovelace"), idOf("grace.hopper"), idOf("alan.turing"), idOf("edsger.dijkstra")
		support, everyone := one("Groups", "displayName", "IT Support")["id"].(string), one("Groups", "displayName", "Everyone")["id"].(string)
		stranger := scim.mustDo("POST", "/Users", userBody("stranger@acme.example"), 201).id()
		scim.mustDo("PATCH", "/Users/"+ada, patchBody(`{"op":"replace","path":"userName","value":"ada.king@acme.example"}`), 200)
		scim.mustDo("DELETE", "/Users/"+grace, "", 204)
		scim.mustDo("PATCH", "/Users/"+alan, patchBody(`{"op":"replace","path":"active","value":false}`), 200)
		scim.mustDo("PATCH", "/Users/"+edsger, patchBody(`{"op":"replace","path":"active","value":true}`), 200)
		scim.mustDo("DELETE", "/Groups/"+everyone, "", 204)
		scim.mustDo("PATCH", "/Groups/"+support, patchBody(fmt.Sprintf(`{"op":"replace","path":"members","value":[{"value":%q}]}`, stranger)), 204)

		t.sync(ctx)
		expectSynced(ctx)
		Expect(idOf("ada.lovelace")).To(Equal(ada), "who was renamed is the same person")
		scim.mustDo("GET", "/Users/"+stranger, "", 200)
	})

	It("keeps no password anywhere", func(ctx context.Context) {
		list := &scimv1.ScimUserList{}
		Expect(k8s.List(ctx, list, client.InNamespace(t.namespace))).To(Succeed())
		Expect(list.Items).NotTo(BeEmpty())
		for _, user := range list.Items {
			Expect(fmt.Sprintf("%+v", user)).NotTo(ContainSubstring("k3-Okta-sends-a-random-one"))
		}
	})

	It("runs its servers in a namespace that enforces Pod Security restricted, and asks for them to be spread", func(ctx context.Context) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.namespace}}
		Expect(get(ctx, namespace)()).To(HaveField("Labels", HaveKeyWithValue("pod-security.kubernetes.io/enforce", "restricted")))
		pods := serverPods(ctx, t.namespace)
		Expect(pods).To(HaveLen(2))
		for _, pod := range pods {
			Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
			Expect(pod.Spec.TopologySpreadConstraints).To(ContainElement(HaveField("TopologyKey", corev1.LabelHostname)))
			Expect(pod.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()))
		}
	})
})
