// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("The record of the tokens after a rollback", func() {
	It("keeps what a newer release has put there, through a rotation", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		first := string(fetch(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{})(Default).Data[v1alpha1.TokenKey])

		digests := fetch(ctx, namespace, ep.DigestSecretName(), &corev1.Secret{})
		testenv.Change(ctx, env, digests(Default), func(s *corev1.Secret) {
			for _, key := range []string{v1alpha1.TokenRecordKey, v1alpha1.DigestsKey} {
				s.Data[key] = []byte(strings.ReplaceAll(string(s.Data[key]), `"id":`, `"newer":"of a token","id":`))
			}
			s.Data[v1alpha1.TokenRecordKey] = append([]byte(`{"newest":"of the record",`), s.Data[v1alpha1.TokenRecordKey][1:]...)
			s.Data["newer.json"] = []byte("of the Secret")
		})
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Token = &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)}
		})
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveLen(2)))
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
		text := func(key string) OmegaMatcher {
			return WithTransform(func(s *corev1.Secret) string { return string(s.Data[key]) }, ContainSubstring(`"newer":"of a token"`))
		}
		Expect(digests(Default)).To(And(
			text(v1alpha1.TokenRecordKey), text(v1alpha1.DigestsKey),
			WithTransform(func(s *corev1.Secret) string { return string(s.Data[v1alpha1.TokenRecordKey]) }, ContainSubstring(`"newest":"of the record"`)),
			HaveField("Data", HaveKeyWithValue("newer.json", []byte("of the Secret")))))
	})
})
