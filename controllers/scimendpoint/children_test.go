// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("The children of a ScimEndpoint", func() {
	It("writes no child that is as it should be", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, throughIngress(namespace))
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		env.Touch(ctx, ep)
		var before map[string]int
		Eventually(func() map[string]int { // until the cache has what was written
			defer func() { before = env.AllWrites(namespace) }()
			return before
		}, testenv.Bound, time.Second).Should(WithTransform(func(then map[string]int) bool {
			return maps.Equal(then, env.AllWrites(namespace))
		}, BeTrue()))

		looks := testenv.Reconciles("scimendpoint")
		env.Touch(ctx, ep)
		Eventually(func() float64 { return testenv.Reconciles("scimendpoint") }).Should(BeNumerically(">", looks))
		Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet).Should(Equal(before))

		By("having the servers change")
		reportDeployment(ctx, ep, 0)
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonReplicasUnready))
		written := env.AllWrites(namespace)
		maps.DeleteFunc(written, func(object string, n int) bool { return before[object] == n })
		Expect(written).To(HaveLen(1), "%v", written)
		Expect(written).To(HaveKey("scimendpoints/" + name))
	})
})
