// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("People who lose roles because a group goes", func() {
	const size = 12
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
		group     *v1alpha1.ScimGroup
	)
	ids := func(from, to int) (names []string) {
		for n := from; n < to; n++ {
			names = append(names, userNo(n))
		}
		return names
	}
	// having counts users by type, roles and what keeps them.
	having := func(ctx context.Context) func(Gomega) map[string]int {
		return func(g Gomega) map[string]int {
			counts := map[string]int{}
			for _, user := range users(ctx, namespace)(g) {
				c := outcome.Find(&user, v1alpha1.ConditionRolesHeld)
				g.Expect(outcome.IsTrue(&user, v1alpha1.ConditionActive)).To(BeTrue(), "the account stays")
				counts[fmt.Sprint(user.Status.UserType, user.Status.Roles, c.Reason)]++
			}
			return counts
		}
	}
	const (
		all      = "Technician[Tier1]"
		none     = "EndUser[]"
		held     = all + v1alpha1.ReasonHeldByGuard
		rejected = all + v1alpha1.ReasonRoleLossRejected
	)
	provision := func(ctx context.Context, d *v1alpha1.Deprovisioning) {
		ep = endpointWith(namespace, rules(v1alpha1.AccountRules{
			UserTypes: techniciansAre(byGroups("Support")), Roles: []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: byGroups("Support")}},
		}))
		ep.Spec.Deprovisioning = d
		group = newGroup(namespace, "g1", "Support", ids(0, size)...)
		env.Create(ctx, ep, group)
		newCrowd(ctx, namespace, size)
		Eventually(having(ctx)).Should(Equal(map[string]int{all: size}))
	}

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		namespace = env.Namespace(ctx)
	})

	It("keep them above the guard's limit when the group is deleted, and lose them when a person approves", func(ctx SpecContext) {
		const limit = 3
		provision(ctx, guardOf(limit))
		Expect(env.Client.Delete(ctx, group)).To(Succeed())
		want := map[string]int{none: limit, held: size - limit}
		Eventually(having(ctx)).Should(Equal(want))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(
			holding(size-limit), HaveField("Loses", v1alpha1.LosesRoles), HaveField("Members", HaveValue(BeEquivalentTo(size-limit))),
			HaveField("Digest", HaveLen(32)), HaveField("Examples", HaveLen(size-limit))))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)).Should(ConsistOf(ContainSubstring("Users are to lose roles")))

		By("another manager taking over, and writing nothing")
		versions := func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimUserList{}, &v1alpha1.ScimEndpointList{})
		}
		rest := versions()
		stopManager()
		startManager()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))

		By("a verdict that names other users than were shown")
		shown := hold(ctx, namespace)(Default)
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, v1alpha1.HoldRef(shown.HoldID, "00000000000000000000000000000000"))
		Eventually(hold(ctx, namespace)).Should(HaveField("RefusedVerdict", Not(BeEmpty())))
		Expect(having(ctx)(Default)).To(Equal(want))

		By("approving what was shown")
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, refTo(shown))
		Eventually(having(ctx)).Should(Equal(map[string]int{none: size}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holdingNobody())
	})

	It("keep them when the group is emptied by degrees, until a person rejects that and beyond, and get them back with it", func(ctx SpecContext) {
		const limit = 2
		provision(ctx, guardOf(limit))
		for from := 0; from < size; from += 4 {
			testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed(ids(from+4, size)...) })
		}
		Eventually(having(ctx)).Should(Equal(map[string]int{none: limit, held: size - limit}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(waiting(size - limit))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(HaveField("Digest", Not(BeEmpty())))
		for len(having(ctx)(Default)) > 0 && having(ctx)(Default)[held] > 0 {
			shown := hold(ctx, namespace)(Default)
			var current v1alpha1.ScimEndpoint
			Expect(env.Get(ctx, namespace, endpointName, &current)).To(Succeed())
			annotate(ctx, ep, v1alpha1.RejectHeldAnnotation, v1alpha1.WithHold(current.Annotations[v1alpha1.RejectHeldAnnotation], refTo(shown)))
			Eventually(hold(ctx, namespace), 2*reportInterval).Should(HaveField("HoldID", Not(Equal(shown.HoldID))))
		}
		Eventually(having(ctx)).Should(Equal(map[string]int{none: limit, rejected: size - limit}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holdingNobody(), HaveField("Rejected", HaveValue(BeEquivalentTo(size-limit)))))

		By("the members coming back")
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed(ids(0, size)...) })
		Eventually(having(ctx)).Should(Equal(map[string]int{all: size}))
		Expect(users(ctx, namespace)(Default)).To(HaveEach(And(HaveField("Status.RoleLoss", BeNil()), HaveField("Annotations", Not(HaveKey(v1alpha1.RoleLossAnnotation))))))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(HaveField("Rejected", BeNil()))
	})

	It("lose them at once below the limit and without a guard, and whoever is inactive does not count", func(ctx SpecContext) {
		provision(ctx, guardOf(size))
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed(ids(0, 2)...) })
		Eventually(having(ctx)).Should(Equal(map[string]int{all: 2, none: size - 2}))
		Expect(hold(ctx, namespace)(Default)).To(holdingNobody())

		By("lowering the limit, after the window")
		ahead.Store(int64(2 * time.Hour))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Deprovisioning = guardOf(1) })
		stop(ctx, namespace, 0, 1)
		Eventually(standing(ctx, namespace)).Should(HaveKeyWithValue(stoppedFor, 1))
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = nil })
		Eventually(users(ctx, namespace)).Should(HaveEach(HaveField("Status.Roles", BeEmpty())))
		Expect(hold(ctx, namespace)(Default)).To(holdingNobody())
	})

	It("lose them at once when an administrator changes the rule, also when they are held", func(ctx SpecContext) {
		provision(ctx, guardOf(0))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Roles[0].Groups = []string{"Second Line"} })
		Eventually(having(ctx)).Should(Equal(map[string]int{"Technician[]": size}))
		Expect(hold(ctx, namespace)(Default)).To(holdingNobody())

		By("the group going, which gives the type")
		Expect(env.Client.Delete(ctx, group)).To(Succeed())
		Eventually(having(ctx)).Should(Equal(map[string]int{"Technician[]" + v1alpha1.ReasonHeldByGuard: size}))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.UserTypes = nil })
		Eventually(having(ctx)).Should(Equal(map[string]int{none: size}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holdingNobody())
	})

	It("keep them across a restore in the middle of the hold, which can be approved afterwards", func(ctx SpecContext) {
		provision(ctx, guardOf(0))
		Expect(env.Client.Delete(ctx, group)).To(Succeed())
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(size))
		shown := hold(ctx, namespace)(Default)
		var endpoint v1alpha1.ScimEndpoint
		Expect(env.Get(ctx, namespace, endpointName, &endpoint)).To(Succeed())
		people, _ := backUp(ctx, namespace)
		namespace = env.Namespace(ctx)
		for i := range people {
			people[i].Namespace = namespace
			env.Create(ctx, &people[i])
		}
		Eventually(having(ctx)).Should(Equal(map[string]int{held: size}), "there is no endpoint yet")
		ep = &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName, Annotations: endpoint.Annotations}, Spec: endpoint.Spec}
		env.Create(ctx, ep)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(size), HaveField("Digest", shown.Digest)))
		Expect(having(ctx)(Default)).To(Equal(map[string]int{held: size}))
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, refTo(shown))
		Eventually(having(ctx)).Should(Equal(map[string]int{none: size}))
	})

	It("lose them one by one when that is approved, and wait in another hold than those who leave", func(ctx SpecContext) {
		provision(ctx, guardOf(0))
		stop(ctx, namespace, 0, 2)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(2), HaveField("Loses", v1alpha1.LosesAccess)))
		leavers := hold(ctx, namespace)(Default)
		Expect(env.Client.Delete(ctx, group)).To(Succeed())
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(2), HaveField("Queued", HaveValue(BeEquivalentTo(size)))))
		annotate(ctx, ep, v1alpha1.RejectHeldAnnotation, refTo(leavers))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(size), HaveField("Loses", v1alpha1.LosesRoles), HaveField("Rejected", HaveValue(BeEquivalentTo(2)))))
		annotate(ctx, userNamed(namespace, 5), v1alpha1.ApproveHeldAnnotation, hold(ctx, namespace)(Default).HoldID)
		Eventually(having(ctx)).Should(Equal(map[string]int{none: 1, held: size - 1}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(size - 1))
		Expect(ptr.Deref(hold(ctx, namespace)(Default).Members, 0)).To(BeEquivalentTo(size))
	})
})
