// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("The token of an identity provider that asks for one that does not expire", func() {
	const words = "asks for a token that does not expire"
	lifetime := func(t v1alpha1.TokenStatus) time.Duration {
		return t.ExpiresTime.Sub(t.CreatedTime.Time).Round(time.Hour)
	}

	DescribeTable("lives",
		func(ctx SpecContext, expiring v1alpha1.ExpiringTokens, decided *metav1.Duration, want time.Duration, told OmegaMatcher) {
			ahead.Store(0)
			ep := newEndpoint(env.Namespace(ctx), nil)
			ep.Spec.ExpiringTokens = expiring
			ep.Spec.Token = &v1alpha1.TokenPolicy{Lifetime: decided}
			env.Create(ctx, ep)
			Eventually(observed(ctx, ep)).Should(And(
				testenv.Condition(v1alpha1.ConditionTokenReady, And(
					HaveField("Reason", v1alpha1.ReasonTokenIssued), HaveField("Message", told))),
				HaveField("Status.Tokens", HaveLen(1)),
				WithTransform(func(ep *v1alpha1.ScimEndpoint) time.Duration { return lifetime(ep.Status.Tokens[0]) }, Equal(want)),
			))
		},
		Entry("ten years when nothing is said", v1alpha1.ExpiringTokensUnsupported, nil, v1alpha1.MaxTokenLifetime, ContainSubstring(words)),
		Entry("as long as is said, and the condition tells what happens then", v1alpha1.ExpiringTokensUnsupported,
			&metav1.Duration{Duration: 720 * time.Hour}, 720*time.Hour, And(ContainSubstring("It expires at "), ContainSubstring("quarantine"))),
		Entry("180 days where expiring tokens are supported", v1alpha1.ExpiringTokensSupported, nil, v1alpha1.DefaultTokenLifetime, Not(ContainSubstring(words))),
		Entry("180 days where nothing is known", v1alpha1.ExpiringTokens(""), nil, v1alpha1.DefaultTokenLifetime, Not(ContainSubstring(words))),
	)
})
