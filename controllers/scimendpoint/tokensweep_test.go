// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/token"
)

var _ = Describe("The Secrets of tokens", func() {
	var ep *v1alpha1.ScimEndpoint

	issued := func(ctx context.Context, serial int64) string {
		GinkgoHelper()
		secret := fetch(ctx, ep.Namespace, ep.TokenSecretName(serial), &corev1.Secret{})
		Eventually(secret).Should(HaveField("Data", HaveKey(v1alpha1.TokenKey)))
		return string(secret(Default).Data[v1alpha1.TokenKey])
	}
	rotate := func(ctx context.Context, generation int64) string {
		GinkgoHelper()
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Token.Generation = ptr.To(generation) })
		return issued(ctx, generation)
	}
	record := func(ctx context.Context) func(Gomega) *token.Record {
		return func(g Gomega) *token.Record {
			digests := fetch(ctx, ep.Namespace, ep.DigestSecretName(), &corev1.Secret{})(g)
			r, err := token.DecodeRecord(digests.Data[v1alpha1.TokenRecordKey])
			g.Expect(err).NotTo(HaveOccurred())
			return r
		}
	}

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		ep = newEndpoint(env.Namespace(ctx), nil)
		ep.Spec.Token = &v1alpha1.TokenPolicy{Overlap: &metav1.Duration{}}
		env.Create(ctx, ep)
		issued(ctx, 1)
	})

	It("are neither listed nor watched by the manager", func(ctx SpecContext) {
		manager := env.As("system:serviceaccount:scim-operator-system:scim-operator")
		digests := client.ObjectKey{Namespace: ep.Namespace, Name: ep.DigestSecretName()} // written after the token
		Eventually(func() error { return manager.Get(ctx, digests, &corev1.Secret{}) }).Should(Succeed())
		Expect(manager.List(ctx, &corev1.SecretList{}, client.InNamespace(ep.Namespace))).To(Satisfy(apierrors.IsForbidden))
		_, err := manager.Watch(ctx, &corev1.SecretList{}, client.InNamespace(ep.Namespace))
		Expect(err).To(Satisfy(apierrors.IsForbidden))
	})

	It("are swept once, whatever came between", func(ctx SpecContext) {
		rotate(ctx, 2)
		rotate(ctx, 3)
		Eventually(record(ctx)).Should(HaveField("Swept", BeEquivalentTo(2)))
		Eventually(tokenSecrets(ctx, ep.Namespace)).Should(ConsistOf(ep.DigestSecretName(), ep.TokenSecretName(3)))
		version := record(ctx)(Default)
		Consistently(record(ctx), testenv.Quiet, time.Second).Should(Equal(version))
	})

	It("have numbers that are not given twice, although the digests are lost and no token is left", func(ctx SpecContext) {
		first := issued(ctx, 1)
		rotate(ctx, 2)
		Eventually(endpointNamed(ctx, ep)).Should(HaveField("Annotations",
			HaveKeyWithValue(v1alpha1.EndpointRecordAnnotation, ContainSubstring(`"tokenSerial":2`))))
		ahead.Store(int64(200 * day))
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(And(testenv.StalledBecause(v1alpha1.ReasonTokenExpired), HaveField("Status.Tokens", BeEmpty())))
		withoutManager(func() {
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(ep.Namespace, ep.DigestSecretName())})
			env.Create(ctx, render.TokenSecret(ep, ep.TokenSecretName(1), first))
		})
		rotate(ctx, 3)
		Eventually(accepts(ctx, ep, issued(ctx, 3))).Should(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Eventually(tokenSecrets(ctx, ep.Namespace)).Should(ConsistOf(ep.DigestSecretName(), ep.TokenSecretName(3)))
	})
})
