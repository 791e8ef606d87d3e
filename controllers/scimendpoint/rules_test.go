// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/identity"
)

var _ = Describe("Rules for users", func() {
	It("keep the endpoint from being Ready until they are understood and applied, and serving goes on", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		technicians := func(expression string) func(*v1alpha1.ScimEndpoint) {
			return func(ep *v1alpha1.ScimEndpoint) {
				ep.Spec.UserTypes = &v1alpha1.UserTypeRules{Technicians: &v1alpha1.UserMatcher{Expression: expression}}
			}
		}
		// Another controller applies rules; here none does.
		applied := func(decided int64) {
			testenv.Change(ctx, env, ep, func(*v1alpha1.ScimEndpoint) {})
			patch := client.MergeFrom(ep.DeepCopy())
			ep.Status.Rules = &v1alpha1.RulesStatus{
				ObservedRules: identity.Digest(ep.Spec.OrganizationID, ep.Spec.AccountPolicy),
				UsersToDecide: ptr.To[int64](9), UsersDecided: ptr.To(decided),
			}
			Expect(env.Client.Status().Patch(ctx, ep, patch)).To(Succeed())
		}
		applied(9)
		Eventually(observed(ctx, ep)).Should(And(ready(), HaveField("Status.Rules.UsersToDecide", HaveValue(BeEquivalentTo(9)))))

		testenv.Change(ctx, env, ep, technicians("user.departmnt"))
		Eventually(observed(ctx, ep)).Should(And(
			testenv.StalledBecause(v1alpha1.ReasonInvalidExpression),
			testenv.Condition(v1alpha1.ConditionReady, HaveField("Message",
				ContainSubstring("userTypes.technicians.expression is not valid: line 1, column 5: undefined field 'departmnt'"))),
			testenv.IsTrue(v1alpha1.ConditionAvailable, v1alpha1.ReasonReplicasReady),
		))
		testenv.Change(ctx, env, ep, technicians("user.active"))
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonApplyingRules))
		applied(5)
		Eventually(observed(ctx, ep)).Should(And(testenv.ReconcilingBecause(v1alpha1.ReasonApplyingRules), HaveField("Status.Rules.UsersDecided", HaveValue(BeEquivalentTo(5)))))
		applied(9)
		Eventually(observed(ctx, ep)).Should(ready())
	})
})
