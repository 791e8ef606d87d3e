// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/saml/samltest"
)

var _ = Describe("Signed SAML metadata", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = env.Namespace(ctx) })

	signedBy := func(certificates string) *v1alpha1.MetadataSigners {
		return &v1alpha1.MetadataSigners{Certificates: certificates}
	}
	refused := func(message string) OmegaMatcher {
		return And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataSignatureInvalid),
			testenv.StalledBecause(v1alpha1.ReasonMetadataSignatureInvalid),
			testenv.Condition(v1alpha1.ConditionSSOConfigured, HaveField("Message", ContainSubstring(message))),
		)
	}

	It("is accepted from a pinned key and refused from others, and what serves goes on serving", func(ctx SpecContext) {
		key, certificate := samltest.NewSigner(GinkgoTB())
		other, otherCertificate := samltest.NewSigner(GinkgoTB())
		document := metadata(year)
		source := inline(samltest.Sign(GinkgoTB(), document, key))
		source.SignedBy = signedBy(certificate)
		idp := newProvider(namespace, source, v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(ssoConfigured(), HaveField("Status.SignOn.SAML.EntityID", entityID)))
		uid := endpoint(ctx, namespace)(Default).UID

		change := func(f func(*v1alpha1.SAMLMetadataSource)) {
			testenv.Change(ctx, env, idp, func(p *v1alpha1.IdentityProvider) { f(&p.Spec.SignOn.SAML.Metadata) })
		}
		By("refusing what is not signed, or signed by another key, or changed since")
		change(func(s *v1alpha1.SAMLMetadataSource) { s.XML = document })
		Eventually(observed(ctx, idp)).Should(refused("its root element has no signature"))
		change(func(s *v1alpha1.SAMLMetadataSource) { s.XML = samltest.Sign(GinkgoTB(), document, other) })
		Eventually(observed(ctx, idp)).Should(refused("no key of signedBy has made its signature"))
		change(func(s *v1alpha1.SAMLMetadataSource) {
			s.XML = strings.Replace(samltest.Sign(GinkgoTB(), document, key), "acme.okta.com/sso", "evil.example.com/sso", 1)
		})
		Eventually(observed(ctx, idp)).Should(And(
			refused("or the document has been changed since"),
			HaveField("Status.SignOn.SAML.SignOnURL", "https://acme.okta.com/sso"),
		))
		Expect(endpoint(ctx, namespace)(Default).UID).To(Equal(uid))

		By("accepting the next key beside the last one")
		change(func(s *v1alpha1.SAMLMetadataSource) {
			s.XML = samltest.Sign(GinkgoTB(), document, other)
			s.SignedBy = signedBy(certificate + otherCertificate)
		})
		Eventually(observed(ctx, idp)).Should(ssoConfigured())

		By("telling what is wrong with the certificates")
		change(func(s *v1alpha1.SAMLMetadataSource) { s.SignedBy = signedBy("hello") })
		Eventually(observed(ctx, idp)).Should(refused("the certificates of signedBy: there is no certificate in PEM"))
	})

	It("is judged again at once when the certificates in a ConfigMap change", func(ctx SpecContext) {
		key, certificate := samltest.NewSigner(GinkgoTB())
		_, otherCertificate := samltest.NewSigner(GinkgoTB())
		website.serve(samltest.Sign(GinkgoTB(), metadata(year), key))
		DeferCleanup(func() { website.serve(metadata(year)) })
		source := fromURL()
		source.SignedBy = &v1alpha1.MetadataSigners{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "saml", Key: "signers.pem"}}
		idp := newProvider(namespace, source, v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataNotFound),
			testenv.Condition(v1alpha1.ConditionReady, HaveField("Message", ContainSubstring("signedBy.configMapKeyRef"))),
		))
		data := configMap(namespace, map[string]string{"signers.pem": otherCertificate})
		env.Create(ctx, data)
		Eventually(observed(ctx, idp)).Should(refused("no key of signedBy"))
		testenv.Change(ctx, env, data, func(c *corev1.ConfigMap) { c.Data["signers.pem"] = otherCertificate + certificate })
		Eventually(observed(ctx, idp)).Should(ssoConfigured())
		testenv.Change(ctx, env, data, func(c *corev1.ConfigMap) { c.Data["signers.pem"] = otherCertificate })
		Eventually(observed(ctx, idp)).Should(refused("no key of signedBy"))
	})

	DescribeTable("takes its certificates in exactly one way",
		func(ctx SpecContext, by *v1alpha1.MetadataSigners) {
			source := inline(metadata(year))
			source.SignedBy = by
			err := env.Client.Create(ctx, newProvider(namespace, source, v1alpha1.ProvisioningEnabled))
			Expect(err).To(MatchError(ContainSubstring("signedBy")))
		},
		Entry("none", &v1alpha1.MetadataSigners{}),
		Entry("both", &v1alpha1.MetadataSigners{Certificates: "x", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "a", Key: "b"}}),
		Entry("too much", signedBy(strings.Repeat("x", 32769))),
	)
})
