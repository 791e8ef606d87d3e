// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

// newEndpointOf is the endpoint that the controller of providers would make.
func newEndpointOf(idp *v1alpha1.IdentityProvider) *v1alpha1.ScimEndpoint {
	ep := newEndpoint(idp.Namespace, "42")
	ep.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(idp, v1alpha1.GroupVersion.WithKind("IdentityProvider"))}
	ep.Spec.Deprovisioning = idp.Spec.SCIM.Deprovisioning
	return ep
}

var _ = Describe("The end of provisioning", func() {
	var (
		namespace string
		idp       *v1alpha1.IdentityProvider
	)

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		namespace = env.Namespace(ctx)
		idp = &v1alpha1.IdentityProvider{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName},
			Spec: v1alpha1.IdentityProviderSpec{
				Type:   v1alpha1.ProviderOkta,
				SignOn: v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: v1alpha1.SAMLMetadataSource{XML: "<E/>"}}},
				SCIM:   &v1alpha1.SCIMSpec{Provisioning: v1alpha1.ProvisioningEnabled, DirectoryPolicy: v1alpha1.DirectoryPolicy{Deprovisioning: guardOf(1)}},
			},
		}
	})
	provision := func(p v1alpha1.Provisioning, onDisable v1alpha1.OnDisable) func(*v1alpha1.IdentityProvider) {
		return func(idp *v1alpha1.IdentityProvider) {
			idp.Spec.SCIM.Provisioning, idp.Spec.SCIM.OnDisable = p, onDisable
		}
	}

	It("leaves users as they are unless Deactivate is asked for, which enabling takes back", func(ctx SpecContext) {
		env.Create(ctx, idp)
		staff(ctx, namespace, 8)
		fire(ctx, namespace, 0, 3)
		before := map[string]int{provisioned: 5, deletedFor: 1, heldByGuard: 2}
		Eventually(standing(ctx, namespace)).Should(Equal(before))
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, ""))
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(Equal(before))
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{disabledFor: 7, deletedFor: 1}), "without the guard")
		stopManager()
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningEnabled, v1alpha1.OnDisableDeactivate))
		env.Create(ctx, newEndpointOf(idp))
		startManager()
		Eventually(standing(ctx, namespace)).Should(Equal(before))
	})

	It("is taken back by serving alone, not by another onDisable nor by another provider", func(ctx SpecContext) {
		env.Create(ctx, idp)
		staff(ctx, namespace, 3)
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate))
		off := map[string]int{disabledFor: 3}
		Eventually(standing(ctx, namespace)).Should(Equal(off))
		looked := func() {
			for n := range 3 {
				env.Touch(ctx, userNamed(namespace, n))
			}
			ConsistentlyWithOffset(1, standing(ctx, namespace), testenv.Quiet).Should(Equal(off))
		}
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableKeep))
		looked()
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM = nil })
		looked()
		env.Remove(ctx, idp)
		idp.ResourceVersion, idp.UID = "", ""
		env.Create(ctx, idp)
		looked()
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) {
			idp.Spec.SCIM = &v1alpha1.SCIMSpec{Provisioning: v1alpha1.ProvisioningEnabled}
		})
		env.Create(ctx, newEndpointOf(idp))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: 3}))

		By("ending while the endpoint is still there")
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate))
		Eventually(standing(ctx, namespace)).Should(Equal(off))
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableKeep))
		looked()
	})

	It("shows with the provider who is held when nothing is served, until a person decides there", func(ctx SpecContext) {
		env.Create(ctx, idp)
		ep := newEndpointOf(idp)
		env.Create(ctx, ep)
		staff(ctx, namespace, 4)
		fire(ctx, namespace, 0, 3)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(2))
		id, ref := hold(ctx, namespace)(Default).HoldID, refTo(hold(ctx, namespace)(Default))
		shown := func(g Gomega) *v1alpha1.DeprovisioningStatus {
			var now v1alpha1.IdentityProvider
			g.Expect(env.Get(ctx, namespace, endpointName, &now)).To(Succeed())
			return now.Status.Deprovisioning
		}
		Expect(shown(Default)).To(BeNil(), "another controller shows it while something is served")
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, ""))
		env.Remove(ctx, ep)
		Eventually(shown).Should(HaveValue(And(holding(2), HaveField("HoldID", id), HaveField("Verdict", BeEmpty()))))
		rest := env.ResourceVersions(ctx, namespace, &v1alpha1.IdentityProviderList{}, &v1alpha1.ScimUserList{})
		stopManager()
		startManager()
		Consistently(func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.IdentityProviderList{}, &v1alpha1.ScimUserList{})
		}, testenv.Quiet).Should(Equal(rest))
		annotate(ctx, idp, v1alpha1.ApproveHeldAnnotation, ref)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: 1, deletedFor: 3}))
		Eventually(shown).Should(BeNil())
		Expect(warnings(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)(Default)).To(HaveLen(2), "one at the endpoint, one at the provider")
	})

	It("is held by a guard that covers it, until a person decides, and stays decided when the provider is gone", func(ctx SpecContext) {
		guarded := guardOf(1)
		guarded.Guard.OnDisable = v1alpha1.GuardOnDisableHold
		idp.Spec.SCIM.Deprovisioning, idp.Spec.SCIM.OnDisable = guarded, v1alpha1.OnDisableDeactivate
		idp.Finalizers = []string{v1alpha1.DepartureFinalizer}
		env.Create(ctx, idp)
		staff(ctx, namespace, 5)
		env.Remove(ctx, idp)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{disabledFor: 1, heldByGuard: 4}))
		var now v1alpha1.IdentityProvider
		shown := func(g Gomega) *v1alpha1.DeprovisioningStatus {
			g.Expect(env.Get(ctx, namespace, endpointName, &now)).To(Succeed())
			return now.Status.Deprovisioning
		}
		Eventually(shown, 2*reportInterval).Should(HaveValue(holding(4)))
		stopManager()
		startManager()
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(Equal(map[string]int{disabledFor: 1, heldByGuard: 4}))

		By("approving for one and rejecting for the others")
		var held []string
		for _, user := range users(ctx, namespace)(Default) {
			if user.Status.Departure.Held() {
				held = append(held, user.Name)
			}
		}
		one := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: held[0]}}
		annotate(ctx, one, v1alpha1.ApproveHeldAnnotation, now.Status.Deprovisioning.HoldID)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{disabledFor: 2, heldByGuard: 3}))
		annotate(ctx, idp, v1alpha1.RejectHeldAnnotation, refTo(*now.Status.Deprovisioning))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{disabledFor: 2, rejectedFor: 3}))
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Finalizers = nil })
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{disabledFor: 2, provisioned: 3}))
		Expect(users(ctx, namespace)(Default)).To(HaveEach(HaveField("Status.Departure", BeNil())))

		By("an endpoint of that name coming back")
		env.Create(ctx, newEndpoint(namespace, "42"))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: 5}))
	})

	It("goes on after a restart of the manager, and stays when the provider is gone", func(ctx SpecContext) {
		const size = 1200
		env.Create(ctx, idp)
		newCrowd(ctx, namespace, size)
		Eventually(standing(ctx, namespace), patient).Should(Equal(map[string]int{provisioned: size}))
		testenv.Change(ctx, env, idp, provision(v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate))
		Eventually(standing(ctx, namespace)).Should(HaveKey(disabledFor))
		Expect(standing(ctx, namespace)(Default)).To(HaveKey(provisioned), "not all at once")
		stopManager()
		startManager()
		Eventually(standing(ctx, namespace), patient).Should(Equal(map[string]int{disabledFor: size}))
		env.Remove(ctx, idp)
		env.Touch(ctx, userNamed(namespace, 7))
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(Equal(map[string]int{disabledFor: size}))

		By("an endpoint of that name coming back")
		env.Create(ctx, newEndpoint(namespace, "42"))
		Eventually(standing(ctx, namespace), patient).Should(Equal(map[string]int{provisioned: size}))
	})
})
