// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

// The cluster itself is the issuer: the API server signs JWTs for ServiceAccounts and
// publishes its keys.
var _ = Describe("access tokens of an OAuth issuer inside the cluster", Ordered, func() {
	const audience = "api://scim"
	var t *tenant

	// issue has the API server make a token for a ServiceAccount.
	issue := func(ctx context.Context, account, audience string) *scimClient {
		GinkgoHelper()
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
		Expect(k8s.SubResource("token").Create(ctx, &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: t.namespace},
		}, request)).To(Succeed())
		return t.scim().with(request.Status.Token)
	}
	subject := func(account string) string { return "system:serviceaccount:e2e-oauth:" + account }

	BeforeAll(func(ctx context.Context) {
		issuer, keys := clusterIssuer(ctx)
		t = newTenant(ctx, "oauth", 1, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.Endpoint.OAuth = &scimv1.OAuthPolicy{
				Issuer: issuer, JWKSURL: keys, CACertificates: clusterCA(), Audiences: []string{audience},
				Subjects:       []string{subject("okta"), subject("without-the-claim")},
				RequiredClaims: []scimv1.RequiredClaim{{Name: "sub", Values: []string{subject("okta"), subject("stranger")}}},
			}
		})
		for _, account := range []string{"okta", "stranger", "without-the-claim"} {
			Expect(k8s.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: t.namespace}})).To(Succeed())
		}
	})

	It("wait, because nobody has said that servers may send requests into the cluster", func(ctx context.Context) {
		Expect(issue(ctx, "okta", audience).do("GET", "/Users", "")).To(And(
			HaveField("Status", 503), HaveField("Header", HaveKey("Retry-After")),
			HaveField("Body", HaveKeyWithValue("detail", ContainSubstring("access token cannot be judged")))))
		Expect(t.scim().status()).To(Equal(200), "the endpoint's own token works as ever")
	})

	Context("once the administrator has said so", func() {
		BeforeAll(func(ctx context.Context) {
			changeManager(ctx, func(args []string) []string { return append(args, "--allow-internal-oauth-urls") })
			DeferCleanup(changeManager, func(args []string) []string {
				return slices.DeleteFunc(args, func(arg string) bool { return arg == "--allow-internal-oauth-urls" })
			})
		})

		It("let in whom the policy describes", func(ctx context.Context) {
			// Many in a row: a server that was started before may still answer some.
			Eventually(everywhere(issue(ctx, "okta", audience).token, slices.Repeat([]*scimClient{t.scim()}, 10)...)).Should(HaveEach(200))
			t.awaitReady(ctx)
			id := issue(ctx, "okta", audience).mustDo("POST", "/Users", userBody("by-jwt@e2e.example"), 201).id()
			Eventually(func() []map[string]any {
				lines, _ := t.logged(ctx, "audit")
				return lines
			}).Should(ContainElement(And(HaveKeyWithValue("resourceID", id), HaveKeyWithValue("tokenID", MatchRegexp(`^jwt:[0-9a-f]{12}$`)))))
			Expect(t.scim().status()).To(Equal(200))
		})

		It("let in nobody else", func(ctx context.Context) {
			Expect(issue(ctx, "okta", "api://another").status()).To(Equal(401), "for somebody else")
			Expect(issue(ctx, "stranger", audience).status()).To(Equal(401), "about somebody else")
			Expect(issue(ctx, "without-the-claim", audience).status()).To(Equal(401), "without the claim")
			good := issue(ctx, "okta", audience)
			other := issue(ctx, "stranger", audience).token
			forged := good.token[:strings.LastIndexByte(good.token, '.')] + other[strings.LastIndexByte(other, '.'):]
			Expect(good.with(forged).status()).To(Equal(401), "with another signature")
			Expect(good.status()).To(Equal(200))
		})
	})
})

// clusterIssuer is the name under which the API server issues tokens, and where pods find
// its keys, which everybody may read from then on.
func clusterIssuer(ctx context.Context) (issuer, keys string) {
	GinkgoHelper()
	core, err := typedcorev1.NewForConfig(restConfig)
	Expect(err).NotTo(HaveOccurred())
	content, err := core.RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	Expect(json.Unmarshal(content, &metadata)).To(Succeed())

	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e-issuer-discovery"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:service-account-issuer-discovery"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
	}
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, binding.DeepCopy()))).To(Succeed()) // of a run that was interrupted
	Expect(k8s.Create(ctx, binding)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(k8s.Delete(ctx, binding)).To(Succeed()) })

	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: "default"}}
	Expect(get(ctx, service)()).NotTo(BeNil())
	return metadata.Issuer, fmt.Sprintf("https://%s:%d/openid/v1/jwks", service.Spec.ClusterIP, service.Spec.Ports[0].Port)
}

// clusterCA is the CA of the API server's certificate, in PEM.
func clusterCA() string {
	GinkgoHelper()
	config := rest.CopyConfig(restConfig)
	Expect(rest.LoadTLSFiles(config)).To(Succeed())
	Expect(config.CAData).NotTo(BeEmpty(), "in the kubeconfig")
	return string(config.CAData)
}

// changeManager changes the manager's arguments and waits until it runs with them.
func changeManager(ctx context.Context, change func(args []string) []string) {
	GinkgoHelper()
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "scim-operator-manager", Namespace: "scim-operator-system"}}
	Expect(get(ctx, deployment)()).NotTo(BeNil())
	args, err := json.Marshal(change(slices.Clone(deployment.Spec.Template.Spec.Containers[0].Args)))
	Expect(err).NotTo(HaveOccurred())
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":%s}]`, args)
	Expect(k8s.Patch(ctx, deployment, client.RawPatch(types.JSONPatchType, []byte(patch)))).To(Succeed())
	Eventually(get(ctx, deployment)).Should(And(
		HaveField("Status.ObservedGeneration", deployment.Generation),
		HaveField("Status.Replicas", BeEquivalentTo(1)), // the one before is gone
		HaveField("Status.UpdatedReplicas", BeEquivalentTo(1)), HaveField("Status.AvailableReplicas", BeEquivalentTo(1))))
}
