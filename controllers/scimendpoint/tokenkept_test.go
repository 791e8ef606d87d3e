// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

// collectGarbage does to the Secrets of a namespace what the garbage collector would, which
// does not run here: one whose owners are all gone is deleted, and otherwise those that are
// gone are no longer named.
func collectGarbage(ctx context.Context, namespace string) {
	GinkgoHelper()
	var secrets corev1.SecretList
	Expect(env.Client.List(ctx, &secrets, client.InNamespace(namespace))).To(Succeed())
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		left := []metav1.OwnerReference{}
		for _, ref := range secret.OwnerReferences {
			owner := &metav1.PartialObjectMetadata{}
			owner.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(ref.Kind))
			err := env.Get(ctx, namespace, ref.Name, owner)
			Expect(client.IgnoreNotFound(err)).To(Succeed())
			if err == nil && owner.UID == ref.UID {
				left = append(left, ref)
			}
		}
		switch {
		case len(secret.OwnerReferences) == 0:
		case len(left) == 0:
			env.Remove(ctx, secret)
		default:
			testenv.Change(ctx, env, secret, func(s *corev1.Secret) { s.OwnerReferences = left })
		}
	}
}

// tokenSecrets polls the names of the operator's Secrets of a namespace.
func tokenSecrets(ctx context.Context, namespace string) func(Gomega) []string {
	return func(g Gomega) (names []string) {
		var all corev1.SecretList
		g.Expect(env.Client.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		for _, s := range all.Items {
			names = append(names, s.Name)
		}
		return names
	}
}

var _ = Describe("The tokens of a provider that is disabled", func() {
	var (
		namespace string
		provider  *v1alpha1.IdentityProvider
		ep        *v1alpha1.ScimEndpoint
		first     string
	)

	// provisioned makes the endpoint as its provider does.
	provisioned := func(ctx context.Context, policy *v1alpha1.TokenPolicy) {
		GinkgoHelper()
		ep = newEndpoint(namespace, nil)
		ep.Spec.Token = policy
		ep.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(provider, v1alpha1.GroupVersion.WithKind("IdentityProvider"))}
		env.Create(ctx, ep)
	}
	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		provider = newProvider(namespace)
		env.Create(ctx, provider)
		provisioned(ctx, nil)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		first = string(fetch(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{})(Default).Data[v1alpha1.TokenKey])
	})
	disable := func(ctx context.Context) {
		GinkgoHelper()
		env.Remove(ctx, ep)
		Eventually(gone(ctx, namespace, name, &v1alpha1.ScimEndpoint{})).Should(Satisfy(apierrors.IsNotFound))
		collectGarbage(ctx, namespace)
	}

	It("are accepted when it is enabled again, and end with it", func(ctx SpecContext) {
		disable(ctx)
		provisioned(ctx, nil)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
		Expect(tokenSecrets(ctx, namespace)(Default)).To(ConsistOf(ep.DigestSecretName(), ep.TokenSecretName(1)))
		controlled := WithTransform(func(s *corev1.Secret) bool { return metav1.IsControlledBy(s, ep) }, BeTrue())
		for _, name := range []string{ep.DigestSecretName(), ep.TokenSecretName(1)} {
			Eventually(fetch(ctx, namespace, name, &corev1.Secret{})).Should(controlled)
		}

		env.Remove(ctx, ep, provider)
		Eventually(gone(ctx, namespace, name, &v1alpha1.ScimEndpoint{})).Should(Satisfy(apierrors.IsNotFound))
		collectGarbage(ctx, namespace)
		Expect(tokenSecrets(ctx, namespace)(Default)).To(BeEmpty())
	})

	It("stay revoked, and the Secret of one that is replaced goes", func(ctx SpecContext) {
		id := observed(ctx, ep)(Default).Status.Tokens[0].ID
		disable(ctx)
		provisioned(ctx, &v1alpha1.TokenPolicy{RevokedTokenIDs: []string{id}, Generation: ptr.To[int64](2)})
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Eventually(tokenSecrets(ctx, namespace)).Should(ConsistOf(ep.DigestSecretName(), ep.TokenSecretName(2)))
	})
})

func newProvider(namespace string) *v1alpha1.IdentityProvider {
	return &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.IdentityProviderSpec{
			Type:   v1alpha1.ProviderOkta,
			SignOn: v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: v1alpha1.SAMLMetadataSource{XML: "<EntityDescriptor/>"}}},
		},
	}
}
