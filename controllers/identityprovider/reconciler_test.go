// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/text/encoding/unicode"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

func configMap(namespace string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "saml"}, Data: data}
}

// warnings polls the number of warnings with a reason.
func warnings(ctx context.Context, namespace, reason string) func(Gomega) int {
	return func(g Gomega) int {
		var events eventsv1.EventList
		g.Expect(env.Client.List(ctx, &events, client.InNamespace(namespace))).To(Succeed())
		n := 0
		for _, e := range events.Items {
			if e.Reason != reason || e.Type != corev1.EventTypeWarning {
				continue
			}
			n++
			if e.Series != nil {
				n += int(e.Series.Count) - 1
			}
		}
		return n
	}
}

var _ = Describe("Single sign-on", func() {
	var namespace string

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ahead.Store(0)
		website.down.Store(false)
		website.serve(metadata(year))
	})

	DescribeTable("is configured by metadata that is",
		func(ctx SpecContext, source func() v1alpha1.SAMLMetadataSource, also func() client.Object) {
			if also != nil {
				env.Create(ctx, also())
			}
			idp := newProvider(namespace, source(), v1alpha1.ProvisioningEnabled)
			env.Create(ctx, idp)
			Eventually(observed(ctx, idp)).Should(And(
				ssoConfigured(),
				HaveField("Status.SignOn.SAML.EntityID", entityID),
				HaveField("Status.SignOn.SAML.SignOnURL", "https://acme.okta.com/sso"),
				HaveField("Status.SignOn.SAML.Certificates", ConsistOf(And(
					HaveField("Subject", "CN=acme"), HaveField("SHA256", HaveLen(64))))),
				HaveField("Status.SignOn.SAML.NextExpiry", Not(BeNil())),
			))
			Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.OrganizationID", "42"))
		},
		Entry("in the spec", func() v1alpha1.SAMLMetadataSource { return inline(metadata(year)) }, nil),
		Entry("in a ConfigMap", fromConfigMap, func() client.Object {
			return configMap(namespace, map[string]string{"metadata.xml": metadata(year)})
		}),
		Entry("in a ConfigMap, as binary data", fromConfigMap, func() client.Object {
			c := configMap(namespace, nil)
			c.BinaryData = map[string][]byte{"metadata.xml": []byte(metadata(year))}
			return c
		}),
		Entry("in a ConfigMap, in UTF-16", fromConfigMap, func() client.Object {
			utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()
			encoded, err := utf16.String(`<?xml version="1.0" encoding="UTF-16"?>` + metadata(year))
			Expect(err).NotTo(HaveOccurred())
			c := configMap(namespace, nil)
			c.BinaryData = map[string][]byte{"metadata.xml": []byte(encoded)}
			return c
		}),
		Entry("in the spec, with the declaration of the file that it was", func() v1alpha1.SAMLMetadataSource {
			return inline(`<?xml version="1.1" encoding="UTF-16"?>` + metadata(year))
		}, nil),
		Entry("behind a URL", fromURL, nil),
	)

	It("is configured by one good certificate, and the condition names the one that cannot be read", func(ctx SpecContext) {
		document := strings.Replace(metadata(year), "<X509Data>", "<X509Data><X509Certificate>AAAA</X509Certificate>", 1)
		idp := newProvider(namespace, inline(document), v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			ssoConfigured(),
			testenv.Condition(v1alpha1.ConditionSSOConfigured, HaveField("Message", ContainSubstring("Passed over: signing certificate 1 cannot be read"))),
			HaveField("Status.SignOn.SAML.Certificates", HaveLen(1)),
		))
	})

	DescribeTable("is not configured, and SCIM stays off, by metadata that is",
		func(ctx SpecContext, source v1alpha1.SAMLMetadataSource, reason string) {
			idp := newProvider(namespace, source, v1alpha1.ProvisioningEnabled)
			env.Create(ctx, idp)
			Eventually(observed(ctx, idp)).Should(And(
				testenv.IsFalse(v1alpha1.ConditionSSOConfigured, reason),
				testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonSSONotConfigured),
				testenv.StalledBecause(reason),
				HaveField("Status.SignOn", BeNil()),
				HaveField("Status.Connection", BeNil()),
			))
			Eventually(warnings(ctx, namespace, reason)).Should(Equal(1))
			Expect(noEndpoint(ctx, namespace)()).To(Satisfy(apierrors.IsNotFound))
		},
		Entry("not XML", inline("hello"), v1alpha1.ReasonMetadataInvalid),
		Entry("a service provider's", inline(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="a"/>`),
			v1alpha1.ReasonMetadataInvalid),
		Entry("behind plain http", v1alpha1.SAMLMetadataSource{URL: "http://acme.okta.com/metadata"}, v1alpha1.ReasonMetadataURLForbidden),
	)

	It("waits for its ConfigMap, and follows every change of it", func(ctx SpecContext) {
		idp := newProvider(namespace, fromConfigMap(), v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataNotFound),
			testenv.ReconcilingBecause(v1alpha1.ReasonMetadataNotFound),
			testenv.Condition(v1alpha1.ConditionReady, HaveField("Message", ContainSubstring("ConfigMap saml"))),
		))
		data := configMap(namespace, map[string]string{"other.xml": "x"})
		env.Create(ctx, data)
		Eventually(observed(ctx, idp)).Should(testenv.Condition(v1alpha1.ConditionReady, HaveField("Message", ContainSubstring(`no key "metadata.xml"`))))
		testenv.Change(ctx, env, data, func(c *corev1.ConfigMap) { c.Data = map[string]string{"metadata.xml": metadata(year)} })
		Eventually(observed(ctx, idp)).Should(ssoConfigured())
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.Replicas", HaveValue(BeEquivalentTo(2))))
		uid := endpoint(ctx, namespace)(Default).UID

		testenv.Change(ctx, env, data, func(c *corev1.ConfigMap) { c.Data = map[string]string{"metadata.xml": "<broken"} })
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataInvalid),
			HaveField("Status.SignOn.SAML.EntityID", entityID),
		))
		Expect(env.Client.Delete(ctx, data)).To(Succeed())
		Eventually(observed(ctx, idp)).Should(testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataNotFound))
		Expect(endpoint(ctx, namespace)(Default).UID).To(Equal(uid))
	})

	It("never takes down an endpoint that serves because metadata became unreachable", func(ctx SpecContext) {
		idp := newProvider(namespace, fromURL(), v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled))
		before := endpoint(ctx, namespace)(Default)

		By("not asking again before the hour is over")
		asked := website.asked.Load()
		env.Touch(ctx, idp)
		Consistently(website.asked.Load, time.Second).Should(Equal(asked))

		By("asking again then, in vain")
		website.down.Store(true)
		ahead.Store(int64(2 * time.Hour))
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonMetadataUnreachable),
			testenv.ReconcilingBecause(v1alpha1.ReasonMetadataUnreachable),
			serving(),
			testenv.Condition(v1alpha1.ConditionScimReady, HaveField("Message", ContainSubstring("not taken down"))),
			HaveField("Status.SignOn.SAML.EntityID", entityID),
			HaveField("Status.Connection.BaseURL", "https://scim.example.com/scim/v2"),
		))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonMetadataUnreachable)).Should(Equal(1))
		after := endpoint(ctx, namespace)(Default)
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.ResourceVersion).To(Equal(before.ResourceVersion))

		By("healing when it is reachable again")
		website.down.Store(false)
		ahead.Store(int64(4 * time.Hour))
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(ssoConfigured(), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled)))
	})

	It("warns once before the certificate expires, and keeps what serves when it has", func(ctx SpecContext) {
		idp := newProvider(namespace, inline(metadata(20*24*time.Hour)), v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonCertificateExpiring))
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled))
		env.Touch(ctx, idp)
		Consistently(warnings(ctx, namespace, v1alpha1.ReasonCertificateExpiring), testenv.Quiet).Should(BeNumerically("<=", 1))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonCertificateExpiring)).Should(Equal(1))

		ahead.Store(int64(21 * 24 * time.Hour))
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionSSOConfigured, v1alpha1.ReasonCertificateExpired),
			testenv.StalledBecause(v1alpha1.ReasonCertificateExpired),
			serving(),
		))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonCertificateExpired)).Should(Equal(1))

		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SignOn.SAML.Metadata.XML = metadata(year) })
		Eventually(observed(ctx, idp)).Should(And(ssoConfigured(), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled)))
	})
})

var _ = Describe("Provisioning", func() {
	var (
		namespace string
		idp       *v1alpha1.IdentityProvider
	)

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ahead.Store(0)
		idp = newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
	})

	It("names the newest token's Secret until that has been deleted", func(ctx SpecContext) {
		env.Create(ctx, idp)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-scim-token-2"}}
		Eventually(endpoint(ctx, namespace)).ShouldNot(BeNil())
		env.Create(ctx, secret, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-scim-token"}})
		reportEndpoint(ctx, namespace, endpointRollingOut()...)
		Eventually(observed(ctx, idp)).Should(HaveField("Status.Connection.TokenSecretName", secret.Name))
		Expect(env.Client.Delete(ctx, secret)).To(Succeed())
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(func(g Gomega) *v1alpha1.IdentityProvider {
			// The endpoint's controller reports the deletion from the same cache; here none does.
			env.Touch(ctx, idp)
			return observed(ctx, idp)(g)
		}).Should(And(serving(), HaveField("Status.Connection.TokenSecretName", BeEmpty())))
	})

	It("applies the endpoint, and is ready when the endpoint is", func(ctx SpecContext) {
		env.Create(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(And(
			HaveField("Spec.Provisioning", v1alpha1.ProvisioningEnabled),
			HaveField("Spec.OrganizationID", "42"),
			HaveField("Spec.Replicas", HaveValue(BeEquivalentTo(2))),
			HaveField("Spec.Exposure.Ingress.Host", "scim.example.com"),
			WithTransform(func(ep *v1alpha1.ScimEndpoint) bool { return metav1.IsControlledBy(ep, idp) }, BeTrue()),
		))
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonEndpointNotReady),
			testenv.ReconcilingBecause(v1alpha1.ReasonEndpointNotReady),
			HaveField("Status.Provisioning", v1alpha1.ProvisioningEnabled),
			HaveField("Status.Connection", HaveValue(Equal(v1alpha1.ConnectionStatus{
				BaseURL: "https://scim.example.com/scim/v2", OrganizationID: "42", SAMLEntityID: entityID,
			}))),
		))
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(serving(), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled)))

		By("the endpoint rolling out, which goes on serving")
		reportEndpoint(ctx, namespace, endpointRollingOut()...)
		Eventually(observed(ctx, idp)).Should(And(serving(), testenv.ReconcilingBecause(v1alpha1.ReasonEndpointNotReady)))

		By("the endpoint being stuck")
		reportEndpoint(ctx, namespace, endpointStalled()...)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonEndpointNotReady),
			testenv.StalledBecause(v1alpha1.ReasonEndpointNotReady),
		))
	})

	It("is switched on, paused, switched off and on again, and nobody is lost", func(ctx SpecContext) {
		idp.Spec.SCIM.Provisioning = ""
		env.Create(ctx, idp)
		disabled := And(
			testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonProvisioningDisabled),
			testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled),
			HaveField("Status.Provisioning", v1alpha1.ProvisioningDisabled),
			HaveField("Status.Connection", BeNil()),
		)
		set := func(p v1alpha1.Provisioning) {
			testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Provisioning = p })
		}
		Eventually(observed(ctx, idp)).Should(disabled)
		Expect(noEndpoint(ctx, namespace)()).To(Satisfy(apierrors.IsNotFound))

		set(v1alpha1.ProvisioningEnabled)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(serving(), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled)))
		user := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "barbara"},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "barbara"},
		}
		env.Create(ctx, user)
		first := endpoint(ctx, namespace)(Default).UID

		set(v1alpha1.ProvisioningPaused)
		Eventually(endpoint(ctx, namespace)).Should(And(HaveField("UID", first), HaveField("Spec.Provisioning", v1alpha1.ProvisioningPaused)))
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonProvisioningPaused),
			testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningPaused),
			HaveField("Status.Provisioning", v1alpha1.ProvisioningPaused),
		))

		set(v1alpha1.ProvisioningDisabled)
		Eventually(noEndpoint(ctx, namespace)).Should(Satisfy(apierrors.IsNotFound))
		Eventually(observed(ctx, idp)).Should(disabled)
		Expect(env.Get(ctx, namespace, "barbara", user)).To(Succeed())

		set(v1alpha1.ProvisioningEnabled)
		Eventually(endpoint(ctx, namespace)).Should(And(Not(HaveField("UID", first)), HaveField("Spec.Provisioning", v1alpha1.ProvisioningEnabled)))
	})

	It("is disabled when the spec does not speak of it", func(ctx SpecContext) {
		idp.Spec.SCIM = nil
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled))
	})

	It("corrects what somebody changes in the endpoint, and makes it anew when it is deleted", func(ctx SpecContext) {
		env.Create(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.Replicas", HaveValue(BeEquivalentTo(2))))
		ep := endpoint(ctx, namespace)(Default)
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Replicas = ptr.To[int32](9) })
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.Replicas", HaveValue(BeEquivalentTo(2))))
		Expect(env.Client.Delete(ctx, ep)).To(Succeed())
		Eventually(endpoint(ctx, namespace)).Should(Not(HaveField("UID", ep.UID)))

		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Endpoint = nil })
		Eventually(endpoint(ctx, namespace)).Should(And(HaveField("Spec.Replicas", BeNil()), HaveField("Spec.Exposure", BeNil())))
	})

	It("owns the endpoint's whole spec, and writes it when there is something to correct alone", func(ctx SpecContext) {
		env.Create(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.Replicas", HaveValue(BeEquivalentTo(2))))
		ep := endpoint(ctx, namespace)(Default)
		for _, patch := range []string{
			`{"spec":{"oauth":{"issuer":"https://issuer.example.com","audiences":["mine"],"subjects":["me"]}}}`,
			`{"spec":{"consistency":"Eventual"}}`,
		} {
			Expect(env.Client.Patch(ctx, ep, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
			Eventually(endpoint(ctx, namespace)).Should(And(HaveField("Spec.OAuth", BeNil()), HaveField("Spec.Consistency", BeEmpty())))
		}
		Expect(endpoint(ctx, namespace)(Default)).To(HaveField("Spec.Replicas", HaveValue(BeEquivalentTo(2))))

		before, looks := env.AllWrites(namespace), testenv.Reconciles("identityprovider")
		for range 3 {
			env.Touch(ctx, idp)
		}
		Eventually(func() float64 { return testenv.Reconciles("identityprovider") }).Should(BeNumerically(">", looks))
		Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet).Should(Equal(before))
	})

	It("does not look at an endpoint again for a heartbeat of its servers", func(ctx SpecContext) {
		env.Create(ctx, idp)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(serving())
		settled := func(g Gomega) {
			writes := env.AllWrites(namespace)
			g.Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet/3).Should(Equal(writes))
		}
		Eventually(settled).Should(Succeed())
		env.ForgetWrites()
		ep := endpoint(ctx, namespace)(Default)
		now := metav1.Now()
		ep.Status.LastRequestTime, ep.Status.Tokens[0].LastUsedTime = &now, &now
		Expect(env.Client.Status().Update(ctx, ep)).To(Succeed())
		Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet).Should(BeEmpty())
	})

	It("leaves an endpoint alone that somebody wrote by hand", func(ctx SpecContext) {
		byHand := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		env.Create(ctx, byHand, idp)
		Eventually(observed(ctx, idp)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonChildConflict),
			testenv.StalledBecause(v1alpha1.ReasonChildConflict),
			HaveField("Status.Connection", BeNil()),
		))
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Provisioning = v1alpha1.ProvisioningDisabled })
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled))
		uid, version := byHand.UID, byHand.Generation
		Expect(env.Get(ctx, namespace, name, byHand)).To(Succeed())
		Expect(byHand.UID).To(Equal(uid))
		Expect(byHand.Generation).To(Equal(version))

		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Provisioning = v1alpha1.ProvisioningEnabled })
		Eventually(observed(ctx, idp)).Should(testenv.StalledBecause(v1alpha1.ReasonChildConflict))
		Expect(env.Client.Delete(ctx, byHand)).To(Succeed())
		env.Touch(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(WithTransform(
			func(ep *v1alpha1.ScimEndpoint) bool { return metav1.IsControlledBy(ep, idp) }, BeTrue()))
	})

	It("is adopted back when a restore has left it without an owner", func(ctx SpecContext) {
		idp.Spec.SignOn.SAML.Metadata = fromConfigMap()
		source := configMap(namespace, map[string]string{"metadata.xml": metadata(year)})
		env.Create(ctx, source, idp)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(serving())
		stopManager()
		old := endpoint(ctx, namespace)(Default)
		env.Remove(ctx, old, idp, source)
		restored := func(obj client.Object) client.Object {
			obj.SetResourceVersion("")
			obj.SetUID("")
			obj.SetOwnerReferences(nil)
			return obj
		}
		env.Create(ctx, restored(idp))
		startManager()
		Eventually(observed(ctx, idp)).Should(testenv.IsFalse(v1alpha1.ConditionScimReady, v1alpha1.ReasonSSONotConfigured))
		env.Create(ctx, restored(old))
		Eventually(endpoint(ctx, namespace)).Should(WithTransform(
			func(ep *v1alpha1.ScimEndpoint) bool { return metav1.IsControlledBy(ep, idp) }, BeTrue()))
		env.Create(ctx, restored(source))
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(serving(), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled)))
	})

	It("does not come back to life while the provider is being deleted", func(ctx SpecContext) {
		env.Create(ctx, idp)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(serving())
		Expect(env.Client.Delete(ctx, idp, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(observed(ctx, idp)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonTerminating))
		Expect(env.Client.Delete(ctx, endpoint(ctx, namespace)(Default))).To(Succeed())
		Consistently(noEndpoint(ctx, namespace), testenv.Quiet).Should(Satisfy(apierrors.IsNotFound))
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Finalizers = nil })
	})

	It("is left alone at rest, and by a manager that knows nothing yet", func(ctx SpecContext) {
		idp.Spec.SignOn.SAML.Metadata = fromURL()
		env.Create(ctx, idp)
		reportEndpoint(ctx, namespace, endpointReady()...)
		env.Create(ctx, &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "barbara"},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "barbara"},
		})
		Eventually(observed(ctx, idp)).Should(And(serving(), HaveField("Status.Users", HaveValue(BeEquivalentTo(1)))))
		versions := func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.IdentityProviderList{}, &v1alpha1.ScimEndpointList{})
		}
		rest := versions()
		Consistently(versions, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
		stopManager()
		startManager()
		Consistently(versions, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
	})
})

var _ = Describe("The counts", func() {
	It("follow the directory, and are written rarely while it changes", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ahead.Store(0)
		idp := newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		env.Create(ctx, idp)
		show := func(users, technicians, groups int64) OmegaMatcher {
			return And(
				HaveField("Status.Users", HaveValue(Equal(users))),
				HaveField("Status.Technicians", HaveValue(Equal(technicians))),
				HaveField("Status.Groups", HaveValue(Equal(groups))),
			)
		}
		Eventually(observed(ctx, idp)).Should(show(0, 0, 0))

		newUser := func(id, endpoint string) *v1alpha1.ScimUser {
			return &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
				Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: endpoint}, UserName: id},
			}
		}
		alice, barbara := newUser("alice", name), newUser("barbara", name)
		env.Create(ctx, alice, barbara, newUser("stranger", "entra"), &v1alpha1.ScimGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"},
			Spec:       v1alpha1.ScimGroupSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, DisplayName: "Staff"},
		})
		Eventually(observed(ctx, idp)).Should(show(2, 0, 1))

		By("changing at once, which is not written before the interval is over")
		written := observed(ctx, idp)(Default).ResourceVersion
		technician := client.MergeFrom(alice.DeepCopy())
		alice.Status.UserType = v1alpha1.AccountTechnician
		Expect(env.Client.Status().Patch(ctx, alice, technician)).To(Succeed())
		for _, id := range []string{"carol", "dave", "eve"} {
			env.Create(ctx, newUser(id, name))
		}
		Consistently(func() string { return observed(ctx, idp)(Default).ResourceVersion }, testenv.Quiet).Should(Equal(written))
		Eventually(observed(ctx, idp)).Should(show(5, 1, 1))

		By("leaving")
		ahead.Store(int64(time.Minute))
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = ptr.To(metav1.NowMicro()) })
		Expect(env.Client.Delete(ctx, alice)).To(Succeed())
		Eventually(observed(ctx, idp)).Should(show(3, 0, 1))
	})
})

var _ = Describe("An e-mail domain that two providers of a namespace claim", func() {
	It("is told of with both, until one of them leaves it to the other", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		claiming := func(namespace, name string, domains ...string) *v1alpha1.IdentityProvider {
			idp := newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningDisabled)
			idp.Name, idp.Spec.EmailDomains = name, domains
			env.Create(ctx, idp)
			return idp
		}
		conflict := func(with string) OmegaMatcher {
			return And(testenv.IsTrue(v1alpha1.ConditionDomainConflict, v1alpha1.ReasonDomainClaimedTwice),
				testenv.Condition(v1alpha1.ConditionDomainConflict, HaveField("Message", ContainSubstring(with))),
				testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled))
		}
		alone := testenv.Condition(v1alpha1.ConditionDomainConflict, HaveField("Type", BeEmpty()))
		okta := claiming(namespace, "okta", "acme.com", "acme.org")
		elsewhere := claiming(env.Namespace(ctx), "okta", "acme.com")
		Eventually(observed(ctx, okta)).Should(alone)
		entra := claiming(namespace, "entra", "umbrella.com", "acme.org")
		Eventually(observed(ctx, okta)).Should(conflict("acme.org by entra"))
		Eventually(observed(ctx, entra)).Should(conflict("acme.org by okta"))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonDomainClaimedTwice)).Should(Equal(2))
		testenv.Change(ctx, env, entra, func(idp *v1alpha1.IdentityProvider) { idp.Spec.EmailDomains = []string{"umbrella.com"} })
		Eventually(observed(ctx, okta)).Should(alone)
		Eventually(observed(ctx, entra)).Should(alone)
		Expect(observed(ctx, elsewhere)(Default)).To(alone)
	})
})
