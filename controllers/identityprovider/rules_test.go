// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/identity"
)

var _ = Describe("What an IdentityProvider says of users who were here before", func() {
	It("is passed on to its endpoint, and shown as it is in force", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		idp := newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		idp.Spec.SCIM = nil
		env.Create(ctx, idp)
		inForce := func(linking v1alpha1.Linking, approval v1alpha1.LinkingApproval) OmegaMatcher {
			return And(HaveField("Status.Linking", linking), HaveField("Status.LinkingApproval", approval), HaveField("Status.OtherEmailDomains", v1alpha1.OtherEmailDomainsAllowed))
		}
		Eventually(observed(ctx, idp)).Should(inForce(v1alpha1.LinkingNever, v1alpha1.LinkingAutomatic))
		env.Remove(ctx, idp)
		Eventually(func() error { return env.Get(ctx, namespace, idp.Name, &v1alpha1.IdentityProvider{}) }).Should(Satisfy(apierrors.IsNotFound))

		idp = newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		idp.Spec.EmailDomains = []string{"acme.com"}
		idp.Spec.SCIM.LinkingPolicy = v1alpha1.LinkingPolicy{Linking: v1alpha1.LinkingByEmail, LinkingApproval: v1alpha1.LinkingApprovalRequired}
		env.Create(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(And(
			HaveField("Spec.EmailDomains", Equal(idp.Spec.EmailDomains)), HaveField("Spec.LinkingPolicy", Equal(idp.Spec.SCIM.LinkingPolicy))))
		Eventually(observed(ctx, idp)).Should(inForce(v1alpha1.LinkingByEmail, v1alpha1.LinkingApprovalRequired))
	})
})

var _ = Describe("What is known of an identity provider", func() {
	It("becomes its endpoint's unless the spec decides otherwise, and is shown as it is in force", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		known := v1alpha1.ProviderBehavior{
			ExternalIDs: v1alpha1.ExternalIDsReassignable, UnknownAttributes: v1alpha1.UnknownAttributesIgnored, ExpiringTokens: v1alpha1.ExpiringTokensUnsupported,
		}
		inForce := func(b v1alpha1.ProviderBehavior) OmegaMatcher {
			return And(HaveField("Status.ExternalIDs", b.ExternalIDs), HaveField("Status.UnknownAttributes", b.UnknownAttributes),
				HaveField("Status.ExpiringTokens", b.ExpiringTokens))
		}
		idp := newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		idp.Spec.Type = v1alpha1.ProviderEntraID
		env.Create(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.ProviderBehavior", known))
		Eventually(observed(ctx, idp)).Should(inForce(known))

		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) {
			idp.Spec.SCIM.Endpoint.ExternalIDs = v1alpha1.ExternalIDsImmutable
		})
		known.ExternalIDs = v1alpha1.ExternalIDsImmutable
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.ProviderBehavior", known))
		Eventually(observed(ctx, idp)).Should(inForce(known))
	})
})

var _ = Describe("Rules for users", func() {
	It("become the endpoint's, and the provider shows how far they have been applied", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ahead.Store(0)
		idp := newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		idp.Spec.SCIM.AccountPolicy = v1alpha1.AccountPolicy{
			AccountRules: v1alpha1.AccountRules{
				UserTypes:      &v1alpha1.UserTypeRules{Technicians: &v1alpha1.UserMatcher{Groups: []string{"IT"}}},
				Roles:          []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: v1alpha1.UserMatcher{Expression: "user.active"}}},
				ProtectedRoles: []string{"SystemAdministrator"},
			},
			AllowedOrganizationIDs: []string{"42", "7"},
			Preview:                &v1alpha1.AccountRules{},
		}
		env.Create(ctx, idp)
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.AccountPolicy", Equal(idp.Spec.SCIM.AccountPolicy)))
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled))

		// The controller of users applies them; here none does.
		applied := func(decided int64, conditions ...metav1.Condition) {
			reportEndpoint(ctx, namespace, conditions...)
			ep := endpoint(ctx, namespace)(Default)
			patch := client.MergeFrom(ep.DeepCopy())
			ep.Status.Rules = &v1alpha1.RulesStatus{
				ObservedRules: identity.Digest(ep.Spec.OrganizationID, ep.Spec.AccountPolicy),
				UsersToDecide: ptr.To[int64](9), UsersDecided: ptr.To(decided),
				Preview: &v1alpha1.PreviewStatus{Users: ptr.To[int64](9), Changed: ptr.To[int64](2)},
			}
			Expect(env.Client.Status().Patch(ctx, ep, patch)).To(Succeed())
		}
		applying := endpointRollingOut()
		for i := range applying {
			if applying[i].Reason == v1alpha1.ReasonProgressing {
				applying[i].Reason = v1alpha1.ReasonApplyingRules
			}
		}
		applied(4, applying...)
		shows := func(decided int64) OmegaMatcher {
			return And(HaveField("Status.Rules.UsersDecided", HaveValue(Equal(decided))), HaveField("Status.Rules.Preview.Changed", HaveValue(BeEquivalentTo(2))))
		}
		Eventually(observed(ctx, idp)).Should(And(serving(), testenv.ReconcilingBecause(v1alpha1.ReasonApplyingRules), shows(4)))

		By("being Ready no sooner than the status says that they are applied")
		ahead.Store(int64(-30 * time.Minute)) // the interval between two writes is not over
		applied(9, endpointReady()...)
		Consistently(observed(ctx, idp), testenv.Quiet).Should(And(testenv.ReconcilingBecause(v1alpha1.ReasonApplyingRules), shows(4)))
		ahead.Store(int64(time.Minute))
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled), shows(9)))

		By("the endpoint not understanding an expression")
		stalled := endpointStalled()
		for i := range stalled {
			stalled[i].Reason = v1alpha1.ReasonInvalidExpression
		}
		applied(9, append(servingConditions(), stalled...)...)
		Eventually(observed(ctx, idp)).Should(And(serving(), testenv.StalledBecause(v1alpha1.ReasonInvalidExpression)))
	})
})
