// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"errors"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/token"
)

// accepts says whether servers whose clock is the managers' take the token.
func accepts(ctx context.Context, ep *v1alpha1.ScimEndpoint, presented string) func(Gomega) bool {
	return func(g Gomega) bool {
		var secret corev1.Secret
		g.Expect(env.Get(ctx, ep.Namespace, ep.DigestSecretName(), &secret)).To(Succeed())
		digests, err := token.DecodeDigests(secret.Data[v1alpha1.DigestsKey])
		g.Expect(err).NotTo(HaveOccurred())
		wanted := token.NewDigest(token.Plaintext(presented), now())
		return slices.ContainsFunc(digests, func(d token.Digest) bool {
			return d.SHA256 == wanted.SHA256 && now().Before(d.ExpiresTime)
		})
	}
}

var _ = Describe("The token", func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
	)

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, throughIngress(namespace))
	})

	// issued makes the endpoint and waits for its token.
	issued := func(ctx context.Context) (plaintext string) {
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		secret := fetch(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{})
		Eventually(secret).Should(HaveField("Data", HaveKey(v1alpha1.TokenKey)))
		return string(secret(Default).Data[v1alpha1.TokenKey])
	}

	It("is delivered once, with what belongs to it, and only its digest goes to the servers", func(ctx SpecContext) {
		plaintext := issued(ctx)
		Expect(token.Check(plaintext)).To(Succeed())
		Eventually(accepts(ctx, ep, plaintext)).Should(BeTrue())

		var delivered, digests corev1.Secret
		Expect(env.Get(ctx, namespace, ep.TokenSecretName(1), &delivered)).To(Succeed())
		Expect(delivered.Immutable).To(HaveValue(BeTrue()))
		Expect(delivered.Type).To(Equal(v1alpha1.TokenSecretType))
		Expect(delivered.Data).To(HaveKeyWithValue(v1alpha1.BaseURLKey, []byte("https://"+hostFor(namespace)+"/scim/v2")))
		Expect(delivered.Data).To(HaveKeyWithValue(v1alpha1.OrganizationIDKey, []byte("42")))
		Expect(env.Get(ctx, namespace, ep.DigestSecretName(), &digests)).To(Succeed())
		Expect(string(digests.Data[v1alpha1.DigestsKey])).NotTo(ContainSubstring(plaintext))

		current := observed(ctx, ep)(Default)
		Expect(current.Status.Tokens).To(ConsistOf(And(
			HaveField("ID", HaveLen(12)),
			HaveField("SecretName", ep.TokenSecretName(1)),
		)))
		Eventually(func(g Gomega) []eventsv1.Event {
			var events eventsv1.EventList
			g.Expect(env.Client.List(ctx, &events, client.InNamespace(namespace))).To(Succeed())
			return events.Items
		}).Should(ContainElement(HaveField("Reason", v1alpha1.ReasonTokenIssued)))
	})

	It("does not come back when its Secret is deleted after copying", func(ctx SpecContext) {
		plaintext := issued(ctx)
		env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))})
		Eventually(observed(ctx, ep)).Should(testenv.Condition(v1alpha1.ConditionTokenReady,
			HaveField("Message", And(ContainSubstring("has been deleted"), Not(ContainSubstring(ep.TokenSecretName(1)))))))
		env.Touch(ctx, ep)
		Consistently(gone(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{}), testenv.Quiet).Should(Satisfy(apierrors.IsNotFound))
		Expect(accepts(ctx, ep, plaintext)(Default)).To(BeTrue())
		Expect(observed(ctx, ep)(Default)).To(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
	})

	It("survives the loss of the digests while its Secret is there", func(ctx SpecContext) {
		plaintext := issued(ctx)
		env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())})
		Eventually(accepts(ctx, ep, plaintext)).Should(BeTrue())
		testenv.Change(ctx, env, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())}, func(s *corev1.Secret) {
			s.Data = map[string][]byte{v1alpha1.DigestsKey: []byte("[]")}
		})
		Eventually(accepts(ctx, ep, plaintext)).Should(BeTrue())
	})

	It("is taken up by the next manager when one stopped before it wrote the digest", func(ctx SpecContext) {
		plaintext, err := token.Generate()
		Expect(err).NotTo(HaveOccurred())
		withoutManager(func() {
			env.Create(ctx, ep)
			env.Create(ctx, render.TokenSecret(ep, ep.TokenSecretName(1), string(plaintext)))
		})
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, string(plaintext))(Default)).To(BeTrue())
	})

	It("is not issued twice when the manager stopped before it wrote the status", func(ctx SpecContext) {
		plaintext := issued(ctx)
		withoutManager(func() {
			current := observed(ctx, ep)(Default)
			patch := client.MergeFrom(current.DeepCopy())
			current.Status.Tokens = nil
			Expect(env.Client.Status().Patch(ctx, current, patch)).To(Succeed())
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))})
		})
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveLen(1)))
		Expect(accepts(ctx, ep, plaintext)(Default)).To(BeTrue())
		Expect(gone(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{})()).To(Satisfy(apierrors.IsNotFound))
	})

	It("is not replaced unasked when both Secrets are lost, and a restored digest heals", func(ctx SpecContext) {
		plaintext := issued(ctx)
		var backup corev1.Secret
		Expect(env.Get(ctx, namespace, ep.DigestSecretName(), &backup)).To(Succeed())
		withoutManager(func() {
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))},
				&corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())})
		})
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenDigestsLost),
			testenv.StalledBecause(v1alpha1.ReasonTokenDigestsLost),
		))
		Expect(gone(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{})()).To(Satisfy(apierrors.IsNotFound))

		backup.ResourceVersion, backup.UID, backup.OwnerReferences = "", "", nil
		env.Create(ctx, &backup)
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, plaintext)(Default)).To(BeTrue())
	})

	It("is not taken from a Secret that was put in its place", func(ctx SpecContext) {
		issued(ctx)
		other, err := token.Generate()
		Expect(err).NotTo(HaveOccurred())
		withoutManager(func() {
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))},
				&corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())})
			env.Create(ctx, render.TokenSecret(ep, ep.TokenSecretName(1), string(other)))
		})
		Eventually(observed(ctx, ep)).Should(testenv.StalledBecause(v1alpha1.ReasonTokenDigestsLost))
		Expect(gone(ctx, namespace, ep.DigestSecretName(), &corev1.Secret{})()).To(Satisfy(apierrors.IsNotFound))
	})

	It("is never read from a stranger's Secret", func(ctx SpecContext) {
		foreign := &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1)), StringData: map[string]string{"token": "mine"}}
		env.Create(ctx, foreign, ep)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonChildConflict),
			testenv.StalledBecause(v1alpha1.ReasonChildConflict),
		))
		version := foreign.ResourceVersion
		Expect(env.Get(ctx, namespace, ep.TokenSecretName(1), foreign)).To(Succeed())
		Expect(foreign.ResourceVersion).To(Equal(version))
		env.Remove(ctx, foreign)
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
	})

	It("does not leak through an error that repeats it", func() {
		const plaintext = "scimop_plain"
		Expect(withoutToken(errors.New("denied: "+plaintext), plaintext).Error()).NotTo(ContainSubstring(plaintext))
		Expect(withoutToken(errors.New("denied: c2NpbW9wX3BsYWlu"), plaintext).Error()).NotTo(ContainSubstring("c2NpbW9w"))
		Expect(withoutToken(errors.New("quota exceeded"), plaintext)).To(MatchError("quota exceeded"))
	})
})
