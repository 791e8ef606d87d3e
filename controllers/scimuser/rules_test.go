// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

func newGroup(namespace, id, displayName string, members ...string) *v1alpha1.ScimGroup {
	return &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
		Spec: v1alpha1.ScimGroupSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: endpointName}, DisplayName: displayName, Members: membersNamed(members...),
		},
	}
}

func newSlice(namespace, id, group string, members ...string) *v1alpha1.ScimGroupSlice {
	return &v1alpha1.ScimGroupSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
		Spec: v1alpha1.ScimGroupSliceSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: endpointName}, GroupRef: v1alpha1.ObjectReference{Name: group}, Members: membersNamed(members...),
		},
	}
}

func membersNamed(ids ...string) []v1alpha1.GroupMember {
	var members []v1alpha1.GroupMember
	for _, id := range ids {
		members = append(members, v1alpha1.GroupMember{Value: id})
	}
	return members
}

// endpointWith is an endpoint with rules.
func endpointWith(namespace string, policy v1alpha1.AccountPolicy) *v1alpha1.ScimEndpoint {
	ep := newEndpoint(namespace, "42")
	ep.Spec.AccountPolicy = policy
	return ep
}

func rules(r v1alpha1.AccountRules) v1alpha1.AccountPolicy {
	return v1alpha1.AccountPolicy{AccountRules: r}
}

func techniciansAre(m v1alpha1.UserMatcher) *v1alpha1.UserTypeRules {
	return &v1alpha1.UserTypeRules{Technicians: &m}
}

func byGroups(names ...string) v1alpha1.UserMatcher { return v1alpha1.UserMatcher{Groups: names} }

func byExpression(e string) v1alpha1.UserMatcher { return v1alpha1.UserMatcher{Expression: e} }

func beTechnician(rule string) OmegaMatcher {
	return And(HaveField("UserType", v1alpha1.AccountTechnician), HaveField("UserTypeRule", rule))
}

func beEndUser() OmegaMatcher {
	return And(HaveField("UserType", v1alpha1.AccountEndUser), HaveField("UserTypeRule", "default"))
}

func withheld(matchers ...OmegaMatcher) OmegaMatcher {
	return WithTransform(func(s v1alpha1.ScimUserStatus) metav1.Condition {
		return ptr.Deref(meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionWithheld), metav1.Condition{})
	}, And(matchers...))
}

// rulesOf polls how far the rules of the endpoint have been applied.
func rulesOf(ctx context.Context, namespace string) func(Gomega) *v1alpha1.RulesStatus {
	return func(g Gomega) *v1alpha1.RulesStatus {
		var ep v1alpha1.ScimEndpoint
		g.Expect(env.Get(ctx, namespace, endpointName, &ep)).To(Succeed())
		return ep.Status.Rules
	}
}

// beApplied is true when every user has been decided by the rules.
func beApplied() OmegaMatcher {
	return WithTransform(func(s *v1alpha1.RulesStatus) bool { return s != nil && s.Applied(s.ObservedRules) }, BeTrue())
}

func warnings(ctx context.Context, namespace, reason string) func(Gomega) []string {
	return func(g Gomega) []string {
		var events eventsv1.EventList
		g.Expect(env.Client.List(ctx, &events, client.InNamespace(namespace))).To(Succeed())
		var notes []string
		for _, e := range events.Items {
			if e.Reason != reason || e.Type != corev1.EventTypeWarning {
				continue
			}
			notes = append(notes, e.Regarding.Name+": "+e.Note)
			if e.Series != nil {
				notes = append(notes, "again")
			}
		}
		return notes
	}
}

var _ = Describe("The rules of an endpoint", func() {
	var (
		namespace string
		barbara   *v1alpha1.ScimUser
	)

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		namespace = env.Namespace(ctx)
		barbara = newUser(namespace, "barbara", nil)
	})

	It("make technicians of a group's members when they join, and end users when they leave", func(ctx SpecContext) {
		group := newGroup(namespace, "g1", "IT Support", "alice")
		env.Create(ctx, endpointWith(namespace, rules(v1alpha1.AccountRules{UserTypes: techniciansAre(byGroups("it support"))})), barbara, group)
		Eventually(statusOf(ctx, barbara)).Should(And(beEndUser(), haveOrganizations("42")))
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed("alice", "barbara") })
		Eventually(statusOf(ctx, barbara)).Should(And(beTechnician("userTypes.technicians.groups: it support"), haveOrganizations()))
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed("alice") })
		Eventually(statusOf(ctx, barbara)).Should(And(beEndUser(), haveOrganizations("42"), activeBecause(metav1.ConditionTrue, v1alpha1.ReasonProvisioned)))
	})

	It("reach the members of groups in groups, as these come, change, are renamed and go", func(ctx SpecContext) {
		top := newGroup(namespace, "g1", "IT", "g2")
		middle, bottom := newGroup(namespace, "g2", "Support", "g3"), newGroup(namespace, "g3", "Berlin", "barbara")
		env.Create(ctx, endpointWith(namespace, rules(v1alpha1.AccountRules{UserTypes: techniciansAre(byGroups("IT"))})), barbara, top, bottom)
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
		technician := beTechnician("userTypes.technicians.groups: IT")

		By("the group between them arriving")
		env.Create(ctx, middle)
		Eventually(statusOf(ctx, barbara)).Should(technician)
		By("it losing and regaining the lower group")
		testenv.Change(ctx, env, middle, func(g *v1alpha1.ScimGroup) { g.Spec.Members = nil })
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
		testenv.Change(ctx, env, middle, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed("g3", "g1") }) // a circle
		Eventually(statusOf(ctx, barbara)).Should(technician)
		By("the upper group giving up its name and taking it again")
		testenv.Change(ctx, env, top, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "IT (old)" })
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
		testenv.Change(ctx, env, top, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "it" })
		Eventually(statusOf(ctx, barbara)).Should(technician)
		By("she herself leaving the lower group")
		testenv.Change(ctx, env, bottom, func(g *v1alpha1.ScimGroup) { g.Spec.Members = nil })
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
		testenv.Change(ctx, env, bottom, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed("barbara") })
		Eventually(statusOf(ctx, barbara)).Should(technician)
		By("the group between them being deleted")
		Expect(env.Client.Delete(ctx, middle)).To(Succeed())
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
	})

	It("know a group by its id, whatever it is called, and no group of another endpoint", func(ctx SpecContext) {
		strangers := newGroup(namespace, "g2", "IT", "carol")
		strangers.Spec.EndpointRef.Name = "entra"
		carol := newUser(namespace, "carol", nil)
		env.Create(ctx, endpointWith(namespace, rules(v1alpha1.AccountRules{UserTypes: techniciansAre(byGroups("g1", "IT"))})),
			barbara, carol, newGroup(namespace, "g1", "Whatever", "barbara"), strangers)
		Eventually(statusOf(ctx, barbara)).Should(beTechnician("userTypes.technicians.groups: g1"))
		Eventually(statusOf(ctx, carol)).Should(beEndUser())
	})

	It("reach the members in slices, whichever comes first", func(ctx SpecContext) {
		carol := newUser(namespace, "carol", nil)
		group := newGroup(namespace, "g1", "IT")
		group.Spec.Slices = []string{"s1"}
		technician := beTechnician("userTypes.technicians.groups: IT")
		env.Create(ctx, endpointWith(namespace, rules(v1alpha1.AccountRules{UserTypes: techniciansAre(byGroups("IT"))})), barbara, carol, group)
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
		By("the slice arriving after the group that names it")
		env.Create(ctx, newSlice(namespace, "s1", "g1", "barbara"))
		Eventually(statusOf(ctx, barbara)).Should(technician)
		By("a slice that the group names later, in place of the first")
		env.Create(ctx, newSlice(namespace, "s2", "g1", "carol"))
		Consistently(statusOf(ctx, carol), testenv.Quiet).Should(beEndUser())
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Slices = []string{"s2"} })
		Eventually(statusOf(ctx, carol)).Should(technician)
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
	})

	It("follow the user: a SCIM role, a department, an attribute that overrules them all", func(ctx SpecContext) {
		matcher := v1alpha1.UserMatcher{Roles: []string{"agent"}, Expression: `user.enterprise.department == "IT"`}
		env.Create(ctx, endpointWith(namespace, rules(v1alpha1.AccountRules{UserTypes: techniciansAre(matcher)})), barbara)
		Eventually(statusOf(ctx, barbara)).Should(beEndUser())
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: "IT"} })
		Eventually(statusOf(ctx, barbara)).Should(beTechnician("userTypes.technicians.expression"))
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Roles = []v1alpha1.MultiValue{{Value: "Agent"}} })
		Eventually(statusOf(ctx, barbara)).Should(beTechnician("userTypes.technicians.roles: agent"))
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Account = &v1alpha1.AccountExtension{UserType: "END USER"} })
		Eventually(statusOf(ctx, barbara)).Should(And(
			HaveField("UserType", v1alpha1.AccountEndUser), HaveField("UserTypeRule", "spec.account.userType")))
	})

	It("give roles, and never a protected one, of which a person is told once", func(ctx SpecContext) {
		group := newGroup(namespace, "g1", "Root", "barbara")
		ep := endpointWith(namespace, rules(v1alpha1.AccountRules{
			Roles: []v1alpha1.RoleRule{
				{Name: "Tier1", UserMatcher: byExpression(`user.userName.endsWith("@example.com")`)},
				{Name: "SystemAdministrator", UserMatcher: byGroups("Root")},
			},
			ProtectedRoles: []string{"SystemAdministrator", "Billing"},
		}))
		env.Create(ctx, ep, group, barbara)
		Eventually(statusOf(ctx, barbara)).Should(And(
			HaveField("Roles", ConsistOf("Tier1")), HaveField("WithheldRoles", ConsistOf("SystemAdministrator")),
			withheld(HaveField("Reason", v1alpha1.ReasonRoleProtected), HaveField("Message", ContainSubstring("the protected role SystemAdministrator"))),
		))
		told := warnings(ctx, namespace, v1alpha1.ReasonRoleProtected)
		Eventually(told).Should(ConsistOf(And(HavePrefix("barbara: "), ContainSubstring("SystemAdministrator"))))

		By("looking at her again, also by another manager")
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Head of IT" })
		Eventually(statusOf(ctx, barbara)).Should(HaveField("WithheldRoles", HaveLen(1)))
		stopManager()
		startManager()
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Chief" })
		Eventually(statusOf(ctx, barbara)).Should(HaveField("WithheldRoles", HaveLen(1)))
		Consistently(told, testenv.Quiet).Should(HaveLen(1))

		By("the identity provider asking for another")
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Roles = []v1alpha1.MultiValue{{Value: "billing"}} })
		Eventually(statusOf(ctx, barbara)).Should(HaveField("WithheldRoles", ConsistOf("SystemAdministrator", "Billing")))
		Eventually(told).Should(ConsistOf(ContainSubstring("SystemAdministrator"), And(ContainSubstring("Billing"), Not(ContainSubstring("System")))))

		By("nobody asking any more")
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Roles = nil })
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = nil })
		Eventually(statusOf(ctx, barbara)).Should(And(
			HaveField("WithheldRoles", BeEmpty()), withheld(HaveField("Type", BeEmpty())), HaveField("Roles", ConsistOf("Tier1"))))
	})

	It("leave a user without an organization that is not allowed, and say so", func(ctx SpecContext) {
		barbara.Spec.Account = &v1alpha1.AccountExtension{OrganizationIDs: []string{"7", "99"}}
		ep := endpointWith(namespace, v1alpha1.AccountPolicy{AllowedOrganizationIDs: []string{"42", "7"}})
		env.Create(ctx, ep, barbara)
		Eventually(statusOf(ctx, barbara)).Should(And(
			haveOrganizations("7"), activeBecause(metav1.ConditionTrue, v1alpha1.ReasonProvisioned),
			withheld(HaveField("Reason", v1alpha1.ReasonOrganizationNotAllowed), HaveField("Message", ContainSubstring("organization 99"))),
		))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.AllowedOrganizationIDs = append(ep.Spec.AllowedOrganizationIDs, "99")
		})
		Eventually(statusOf(ctx, barbara)).Should(And(haveOrganizations("7", "99"), withheld(HaveField("Type", BeEmpty()))))
	})

	It("take nothing away by an expression that is not valid, nor by going with their endpoint", func(ctx SpecContext) {
		barbara.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: "IT"}
		department := `user.enterprise.department == "IT"`
		ep := endpointWith(namespace, rules(v1alpha1.AccountRules{
			UserTypes: techniciansAre(byExpression(department)),
			Roles:     []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: byExpression(department)}},
		}))
		env.Create(ctx, ep, barbara)
		technician := And(beTechnician("userTypes.technicians.expression"), HaveField("Roles", ConsistOf("Tier1")))
		Eventually(statusOf(ctx, barbara)).Should(technician)
		var before v1alpha1.ScimUser
		Expect(env.Get(ctx, namespace, "barbara", &before)).To(Succeed())

		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.UserTypes.Technicians.Expression, ep.Spec.Roles[0].Expression = "user.departmnt == 1", "user."
		})
		newcomer := newUser(namespace, "carol", func(u *v1alpha1.ScimUser) { u.Spec.Enterprise = barbara.Spec.Enterprise })
		env.Create(ctx, newcomer)
		Eventually(statusOf(ctx, newcomer)).Should(And(beEndUser(), HaveField("Roles", BeEmpty())))
		Consistently(func(g Gomega) string {
			var current v1alpha1.ScimUser
			g.Expect(env.Get(ctx, namespace, "barbara", &current)).To(Succeed())
			return current.ResourceVersion
		}, testenv.Quiet).Should(Equal(before.ResourceVersion))

		Expect(env.Client.Delete(ctx, ep)).To(Succeed())
		testenv.Change(ctx, env, barbara, func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(false) })
		Eventually(statusOf(ctx, barbara)).Should(And(technician, activeBecause(metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider)))
	})
})
