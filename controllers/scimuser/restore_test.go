// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

// backUp does what a backup tool does: it keeps neither status nor owners.
func backUp(ctx context.Context, namespace string) (users []v1alpha1.ScimUser, providers []v1alpha1.IdentityProvider) {
	var people v1alpha1.ScimUserList
	var idps v1alpha1.IdentityProviderList
	Expect(env.Client.List(ctx, &people, client.InNamespace(namespace))).To(Succeed())
	Expect(env.Client.List(ctx, &idps, client.InNamespace(namespace))).To(Succeed())
	for i := range people.Items {
		strip(&people.Items[i])
		people.Items[i].Status = v1alpha1.ScimUserStatus{}
	}
	for i := range idps.Items {
		strip(&idps.Items[i])
		idps.Items[i].Status = v1alpha1.IdentityProviderStatus{}
	}
	return people.Items, idps.Items
}

func strip(obj client.Object) {
	obj.SetUID("")
	obj.SetResourceVersion("")
	obj.SetGeneration(0)
	obj.SetCreationTimestamp(metav1.Time{})
	obj.SetOwnerReferences(nil)
	obj.SetManagedFields(nil)
}

var _ = Describe("A backup that is restored without any status", func() {
	It("changes nobody in the middle of a hold, and the approval of what was shown works afterwards", func(ctx SpecContext) {
		ahead.Store(0)
		namespace, elsewhere := env.Namespace(ctx), env.Namespace(ctx)
		idp := &v1alpha1.IdentityProvider{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName},
			Spec: v1alpha1.IdentityProviderSpec{
				Type:   v1alpha1.ProviderOkta,
				SignOn: v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: v1alpha1.SAMLMetadataSource{XML: "<E/>"}}},
				SCIM:   &v1alpha1.SCIMSpec{Provisioning: v1alpha1.ProvisioningEnabled, DirectoryPolicy: v1alpha1.DirectoryPolicy{Deprovisioning: guardOf(1)}},
			},
		}
		env.Create(ctx, idp)
		env.Create(ctx, newEndpointOf(idp))
		staff(ctx, namespace, 12)
		fire(ctx, namespace, 0, 4)
		stop(ctx, namespace, 4, 6)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(5))
		shown := hold(ctx, namespace)(Default)
		var one *v1alpha1.ScimUser
		for _, user := range users(ctx, namespace)(Default) {
			if user.Status.Departure.Held() {
				one = user.DeepCopy()
			}
		}
		annotate(ctx, one, v1alpha1.RejectHeldAnnotation, shown.HoldID)
		stop(ctx, namespace, 6, 8)
		standsAs := func(ctx context.Context, namespace string) map[string]string {
			stands := map[string]string{}
			for _, user := range users(ctx, namespace)(Default) {
				for _, c := range user.Status.Conditions {
					if c.Type == v1alpha1.ConditionActive {
						stands[user.Name] = string(c.Status) + " " + c.Reason
					}
				}
			}
			return stands
		}
		Eventually(standing(ctx, namespace)).Should(And(HaveKeyWithValue(provisioned, 4), HaveKeyWithValue(heldByGuard, 6), HaveKeyWithValue(rejectedFor, 1)))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(HaveField("Queued", HaveValue(BeEquivalentTo(2))))
		before := standsAs(ctx, namespace)

		By("restoring people first, then the provider, and its endpoint as somebody's at first")
		people, providers := backUp(ctx, namespace)
		Expect(people).To(HaveLen(12))
		for i := range people {
			people[i].Namespace = elsewhere
			env.Create(ctx, &people[i])
		}
		same := func() map[string]string { return standsAs(ctx, elsewhere) }
		Eventually(same).Should(Equal(before))
		Expect(providers).To(HaveLen(1))
		providers[0].Namespace = elsewhere
		env.Create(ctx, &providers[0])
		ep := newEndpointOf(&providers[0])
		owners := ep.OwnerReferences
		ep.OwnerReferences = nil
		env.Create(ctx, ep)
		Consistently(same, 2*testenv.Quiet).Should(Equal(before))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.OwnerReferences = owners })
		Eventually(hold(ctx, elsewhere), 2*reportInterval).Should(And(holding(4), HaveField("HoldID", shown.HoldID), HaveField("Digest", shown.Digest),
			HaveField("Members", HaveValue(BeEquivalentTo(5))), HaveField("Queued", HaveValue(BeEquivalentTo(2))), HaveField("Rejected", HaveValue(BeEquivalentTo(1)))))
		Expect(same()).To(Equal(before))

		By("approving there what was shown before the backup")
		annotate(ctx, &providers[0], v1alpha1.ApproveHeldAnnotation, refTo(shown))
		Eventually(standing(ctx, elsewhere)).Should(And(HaveKeyWithValue(provisioned, 4), HaveKeyWithValue(heldByGuard, 2), HaveKeyWithValue(rejectedFor, 1)))
	})

	It("lets nobody in for whom provisioning has ended", func(ctx SpecContext) {
		ahead.Store(0)
		namespace, elsewhere := env.Namespace(ctx), env.Namespace(ctx)
		env.Create(ctx, &v1alpha1.IdentityProvider{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName},
			Spec: v1alpha1.IdentityProviderSpec{
				Type:   v1alpha1.ProviderOkta,
				SignOn: v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: v1alpha1.SAMLMetadataSource{XML: "<E/>"}}},
				SCIM:   &v1alpha1.SCIMSpec{Provisioning: v1alpha1.ProvisioningEnabled, OnDisable: v1alpha1.OnDisableDeactivate},
			},
		})
		staff(ctx, namespace, 2)
		testenv.Change(ctx, env, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName}},
			func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Provisioning = v1alpha1.ProvisioningDisabled })
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{disabledFor: 2}))
		people, _ := backUp(ctx, namespace)
		for i := range people {
			people[i].Namespace, people[i].Spec.Active = elsewhere, ptr.To(true)
			env.Create(ctx, &people[i])
		}
		Eventually(standing(ctx, elsewhere)).Should(Equal(map[string]int{disabledFor: 2}), "the provider is not there")
		env.Create(ctx, newEndpoint(elsewhere, "42"))
		Eventually(standing(ctx, elsewhere)).Should(Equal(map[string]int{provisioned: 2}))
	})

	It("goes on counting who left before it, so that the guard holds as if nothing had happened", func(ctx SpecContext) {
		ahead.Store(0)
		const size, limit = 12, 4
		namespace, elsewhere := env.Namespace(ctx), env.Namespace(ctx)
		ep := endpointLeaving(namespace, guardOf(limit))
		env.Create(ctx, ep)
		staff(ctx, namespace, size)
		leave := func(namespace string, from, to int) {
			for n := from; n < to; n++ {
				testenv.Change(ctx, env, userNamed(namespace, n), func(u *v1alpha1.ScimUser) {
					u.Spec.Active, u.Spec.LastModifiedTime = ptr.To(false), ptr.To(metav1.NewMicroTime(now().Add(-time.Minute)))
				})
			}
		}
		leave(namespace, 0, limit+2)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(2))
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, refTo(hold(ctx, namespace)(Default)))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{stoppedFor: limit + 2, provisioned: size - limit - 2}))
		people, _ := backUp(ctx, namespace)
		for i := range people {
			people[i].Namespace = elsewhere
			env.Create(ctx, &people[i])
		}
		restored := endpointLeaving(elsewhere, guardOf(limit))
		env.Create(ctx, restored)
		Eventually(standing(ctx, elsewhere)).Should(Equal(map[string]int{stoppedFor: limit + 2, provisioned: size - limit - 2}))
		leave(elsewhere, limit+2, limit+3)
		Eventually(standing(ctx, elsewhere)).Should(HaveKeyWithValue(heldByGuard, 1))

		By("whom a person had let go not being counted")
		testenv.Change(ctx, env, restored, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Deprovisioning = guardOf(limit + 1) })
		leave(elsewhere, limit+3, limit+5)
		Eventually(standing(ctx, elsewhere)).Should(Equal(map[string]int{stoppedFor: limit + 3, heldByGuard: 2, provisioned: size - limit - 5}))
	})

	It("decides about users by the rules of a provider that is disabled", func(ctx SpecContext) {
		ahead.Store(0)
		namespace := env.Namespace(ctx)
		idp := &v1alpha1.IdentityProvider{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName},
			Spec: v1alpha1.IdentityProviderSpec{
				Type: v1alpha1.ProviderOkta, SignOn: v1alpha1.SignOnSpec{None: &v1alpha1.NoSignOnSpec{}},
				SCIM: &v1alpha1.SCIMSpec{Provisioning: v1alpha1.ProvisioningDisabled, DirectoryPolicy: v1alpha1.DirectoryPolicy{
					OrganizationID: "42", AccountPolicy: rules(v1alpha1.AccountRules{
						UserTypes: techniciansAre(byExpression(`user.enterprise.department == "IT"`)),
						Roles:     []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: v1alpha1.UserMatcher{Roles: []string{"agent"}}}},
					}),
				}},
			},
		}
		env.Create(ctx, idp)
		barbara := newUser(namespace, "barbara", func(u *v1alpha1.ScimUser) {
			u.Spec.Enterprise, u.Spec.Roles = &v1alpha1.EnterpriseUser{Department: "IT"}, []v1alpha1.MultiValue{{Value: "agent"}}
		})
		carol := newUser(namespace, "carol", nil)
		env.Create(ctx, barbara, carol)
		Eventually(statusOf(ctx, barbara)).Should(And(beTechnician("userTypes.technicians.expression"), HaveField("Roles", ConsistOf("Tier1"))))
		Eventually(statusOf(ctx, carol)).Should(And(beEndUser(), haveOrganizations("42"), HaveField("Roles", BeEmpty())))

		By("changing nobody afterwards")
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.UserTypes, idp.Spec.SCIM.OrganizationID = nil, "7" })
		testenv.Change(ctx, env, carol, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Dr" })
		Eventually(statusOf(ctx, carol)).Should(haveOrganizations("42"))
		Consistently(statusOf(ctx, carol), testenv.Quiet).Should(haveOrganizations("42"))
	})
})
