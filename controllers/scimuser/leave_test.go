// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/identity"
)

const (
	provisioned = "True Provisioned"
	heldByGuard = "True HeldByGuard"
	rejectedFor = "True DeprovisioningRejected"
	deletedFor  = "False DeletedByProvider"
	stoppedFor  = "False DeactivatedByProvider"
	disabledFor = "False ProvisioningDisabled"
)

func guardOf(users int32) *v1alpha1.Deprovisioning {
	return &v1alpha1.Deprovisioning{Guard: &v1alpha1.DeprovisioningGuard{MaxUsers: &users}}
}

// endpointLeaving is an endpoint that says how people leave.
func endpointLeaving(namespace string, d *v1alpha1.Deprovisioning) *v1alpha1.ScimEndpoint {
	ep := newEndpoint(namespace, "42")
	ep.Spec.Deprovisioning = d
	return ep
}

// users are all users of a namespace.
func users(ctx context.Context, namespace string) func(Gomega) []v1alpha1.ScimUser {
	return func(g Gomega) []v1alpha1.ScimUser {
		var list v1alpha1.ScimUserList
		g.Expect(env.Client.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
		return list.Items
	}
}

// standing counts users by status and reason of Active.
func standing(ctx context.Context, namespace string) func(Gomega) map[string]int {
	return func(g Gomega) map[string]int {
		counts := map[string]int{}
		for _, user := range users(ctx, namespace)(g) {
			c := outcome.Find(&user, v1alpha1.ConditionActive)
			counts[string(c.Status)+" "+c.Reason]++
		}
		return counts
	}
}

// staff provisions active users.
func staff(ctx context.Context, namespace string, size int) {
	newCrowd(ctx, namespace, size)
	Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: size}))
}

func userNamed(namespace string, n int) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: userNo(n)}}
}

// fire does what the server does when the identity provider deletes users.
func fire(ctx context.Context, namespace string, from, to int) {
	for n := from; n < to; n++ {
		testenv.Change(ctx, env, userNamed(namespace, n), func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = ptr.To(metav1.NewMicroTime(now())) })
	}
}

// stop does what the server does when the identity provider deactivates users.
func stop(ctx context.Context, namespace string, from, to int) {
	for n := from; n < to; n++ {
		testenv.Change(ctx, env, userNamed(namespace, n), func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(false) })
	}
}

// hold polls what the endpoint says of who is held.
func hold(ctx context.Context, namespace string) func(Gomega) v1alpha1.DeprovisioningStatus {
	return func(g Gomega) v1alpha1.DeprovisioningStatus {
		var ep v1alpha1.ScimEndpoint
		g.Expect(env.Get(ctx, namespace, endpointName, &ep)).To(Succeed())
		g.Expect(ep.Status.Deprovisioning).NotTo(BeNil())
		return *ep.Status.Deprovisioning
	}
}

func holding(n int64) OmegaMatcher {
	return And(HaveField("HoldID", Not(BeEmpty())), HaveField("Held", HaveValue(Equal(n))))
}

// refTo names a hold as it is shown.
func refTo(d v1alpha1.DeprovisioningStatus) string { return v1alpha1.HoldRef(d.HoldID, d.Digest) }

// waiting matches how many wait for a person, in the hold that is shown or behind it.
func waiting(n int64) OmegaMatcher {
	return WithTransform(func(d v1alpha1.DeprovisioningStatus) int64 { return ptr.Deref(d.Held, 0) + ptr.Deref(d.Queued, 0) }, Equal(n))
}

func holdingNobody() OmegaMatcher {
	return And(HaveField("HoldID", BeEmpty()), HaveField("Held", BeNil()), HaveField("Examples", BeEmpty()))
}

func annotate[T client.Object](ctx context.Context, obj T, annotation, value string) {
	testenv.Change(ctx, env, obj, func(obj T) { testenv.Annotate(obj, annotation, value) })
}

var _ = Describe("People who leave", func() {
	var namespace string
	later := func(d time.Duration) { ahead.Store(int64(d)) }

	BeforeEach(func(ctx SpecContext) {
		later(0)
		DeferCleanup(func() { later(0) })
		namespace = env.Namespace(ctx)
	})

	It("become inactive up to the guard's limit, and the rest is held, across a restart of the manager in the middle", func(ctx SpecContext) {
		const size, limit = 60, 5
		env.Create(ctx, endpointLeaving(namespace, guardOf(limit)))
		staff(ctx, namespace, size)
		fire(ctx, namespace, 0, size/3)
		Eventually(standing(ctx, namespace)).Should(HaveKey(deletedFor))
		stopManager()
		between := standing(ctx, namespace)(Default)
		Expect(between[deletedFor]).To(BeNumerically("<=", limit))
		fire(ctx, namespace, size/3, size)
		startManager()
		want := map[string]int{deletedFor: limit, heldByGuard: size - limit}
		Eventually(standing(ctx, namespace)).Should(Equal(want))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(
			waiting(size-limit), HaveField("Digest", HaveLen(32)), HaveField("Examples", Not(BeEmpty())), HaveField("Since", Not(BeNil())),
			HaveField("Policy", v1alpha1.DeprovisioningDeactivate), HaveField("Window", HaveValue(HaveField("Duration", time.Hour)))))

		By("calling for a person once, and resting, also when another manager takes over")
		shown := hold(ctx, namespace)(Default)
		call := ConsistOf(endpointName + ": " + identity.HeldMessage(&shown))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)).Should(call)
		versions := func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimUserList{}, &v1alpha1.ScimEndpointList{})
		}
		rest := versions()
		stopManager()
		startManager()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))
		Expect(warnings(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)(Default)).To(call)
	})

	It("go once a person approves, and an old approval approves nothing", func(ctx SpecContext) {
		ep := endpointLeaving(namespace, guardOf(1))
		env.Create(ctx, ep)
		staff(ctx, namespace, 20)
		fire(ctx, namespace, 0, 10)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(9))
		first, firstID := refTo(hold(ctx, namespace)(Default)), hold(ctx, namespace)(Default).HoldID
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, "hold-of-last-year@0123")
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(HaveKeyWithValue(heldByGuard, 9))
		Expect(hold(ctx, namespace)(Default)).To(HaveField("RefusedVerdict", BeEmpty()), "it is about nobody who is held")
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, first)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 10, provisioned: 10}))
		Eventually(hold(ctx, namespace)).Should(holdingNobody())

		By("wanting more to leave while the approval is still there")
		fire(ctx, namespace, 10, 15)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 10, heldByGuard: 5, provisioned: 5}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(5), HaveField("HoldID", Not(Equal(firstID)))))
		second := refTo(hold(ctx, namespace)(Default))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)).Should(ConsistOf(ContainSubstring(first), ContainSubstring(second)))
		stopManager()
		startManager()
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(HaveKeyWithValue(heldByGuard, 5))

		By("approving that as well")
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, first+","+second)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 15, provisioned: 5}))
	})

	It("go as they were shown: who is held later waits in another hold, about which the approval says nothing", func(ctx SpecContext) {
		const size = 40
		ep := endpointLeaving(namespace, guardOf(0))
		env.Create(ctx, ep)
		staff(ctx, namespace, size)
		stop(ctx, namespace, 0, 3)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(3), HaveField("Members", HaveValue(BeEquivalentTo(3)))))
		shown := hold(ctx, namespace)(Default)
		stop(ctx, namespace, 3, size)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{heldByGuard: size}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(HaveField("Held", HaveValue(BeEquivalentTo(3))), HaveField("Queued", HaveValue(BeEquivalentTo(size-3)))))
		Expect(hold(ctx, namespace)(Default)).To(And(HaveField("HoldID", shown.HoldID), HaveField("Digest", shown.Digest), HaveField("Examples", shown.Examples)))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonHoldOpened)).Should(HaveLen(1))

		By("naming the hold without its digest, or with another")
		for _, verdict := range []string{shown.HoldID, v1alpha1.HoldRef(shown.HoldID, "00000000000000000000000000000000")} {
			annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, verdict)
			Eventually(hold(ctx, namespace)).Should(HaveField("RefusedVerdict", verdict))
		}
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(Equal(map[string]int{heldByGuard: size}))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonVerdictRefused)).Should(HaveLen(2))

		By("approving what was shown, after one of them has come back")
		testenv.Change(ctx, env, userNamed(namespace, 0), func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(true) })
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(2), HaveField("Digest", shown.Digest), HaveField("Members", HaveValue(BeEquivalentTo(3)))))
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, refTo(shown))
		want := map[string]int{provisioned: 1, stoppedFor: 2, heldByGuard: size - 3}
		Eventually(standing(ctx, namespace)).Should(Equal(want))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(size-3), HaveField("HoldID", Not(Equal(shown.HoldID))), HaveField("Queued", BeNil()), HaveField("RefusedVerdict", BeEmpty())))
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(Equal(want))
	})

	It("call for a person again when ten times as many are held as were", func(ctx SpecContext) {
		env.Create(ctx, endpointLeaving(namespace, guardOf(0)))
		staff(ctx, namespace, 14)
		stop(ctx, namespace, 0, 1)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(1))
		stop(ctx, namespace, 1, 2)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(waiting(2))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonHoldOpened)).Should(HaveLen(1))
		stopManager()
		startManager()
		stop(ctx, namespace, 2, 14)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(waiting(14))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonHoldGrown)).Should(HaveLen(1))
		Expect(warnings(ctx, namespace, v1alpha1.ReasonHoldOpened)(Default)).To(HaveLen(1))
	})

	It("stay once a person rejects it, until the identity provider wants them or asks for more", func(ctx SpecContext) {
		ep := endpointLeaving(namespace, guardOf(0))
		env.Create(ctx, ep)
		staff(ctx, namespace, 4)
		stop(ctx, namespace, 0, 4)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(4))
		first := hold(ctx, namespace)(Default).HoldID
		annotate(ctx, ep, v1alpha1.RejectHeldAnnotation, refTo(hold(ctx, namespace)(Default)))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{rejectedFor: 4}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holdingNobody(), HaveField("Rejected", HaveValue(BeEquivalentTo(4)))), "who was rejected stays in sight")

		By("being wanted again, and then not")
		testenv.Change(ctx, env, userNamed(namespace, 0), func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(true) })
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{rejectedFor: 3, provisioned: 1}))
		stop(ctx, namespace, 0, 1)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{rejectedFor: 3, heldByGuard: 1}))

		By("being deleted where a deactivation was rejected")
		fire(ctx, namespace, 1, 2)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{rejectedFor: 2, heldByGuard: 2}))
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(And(holding(2), HaveField("HoldID", Not(Equal(first)))))

		By("being approved alone after all")
		annotate(ctx, userNamed(namespace, 3), v1alpha1.ApproveHeldAnnotation, first)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{rejectedFor: 1, heldByGuard: 2, stoppedFor: 1}))
	})

	It("go or stay one by one, and are not held any more when the identity provider takes its wish back", func(ctx SpecContext) {
		env.Create(ctx, endpointLeaving(namespace, guardOf(0)))
		staff(ctx, namespace, 4)
		fire(ctx, namespace, 0, 4)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(4))
		id := hold(ctx, namespace)(Default).HoldID
		annotate(ctx, userNamed(namespace, 0), v1alpha1.ApproveHeldAnnotation, id)
		annotate(ctx, userNamed(namespace, 1), v1alpha1.RejectHeldAnnotation, id)
		annotate(ctx, userNamed(namespace, 2), v1alpha1.ApproveHeldAnnotation, "another")
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 1, rejectedFor: 1, heldByGuard: 2}))
		for n := range 4 {
			testenv.Change(ctx, env, userNamed(namespace, n), func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = nil })
		}
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: 4}))
		Expect(users(ctx, namespace)(Default)).To(HaveEach(HaveField("Status.Departure", BeNil())))
		Eventually(hold(ctx, namespace)).Should(holdingNobody())
	})

	It("are not waited for any more when somebody deletes their record, which another finalizer keeps", func(ctx SpecContext) {
		env.Create(ctx, endpointLeaving(namespace, guardOf(0)))
		staff(ctx, namespace, 2)
		fire(ctx, namespace, 0, 2)
		Eventually(hold(ctx, namespace), 2*reportInterval).Should(holding(2))
		for n := range 2 {
			kept := userNamed(namespace, n)
			testenv.Change(ctx, env, kept, func(u *v1alpha1.ScimUser) { u.Finalizers = append(u.Finalizers, "example.com/keeper") })
			env.Remove(ctx, kept)
		}
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{"False " + v1alpha1.ReasonTerminating: 2}))
		Eventually(hold(ctx, namespace)).Should(holdingNobody())
	})

	It("are counted within the window, and those who never were active are not", func(ctx SpecContext) {
		env.Create(ctx, endpointLeaving(namespace, guardOf(2)))
		for n := 10; n < 15; n++ {
			env.Create(ctx, newUser(namespace, fmt.Sprintf("inactive-%d", n), func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(false) }))
		}
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{stoppedFor: 5}))
		newCrowd(ctx, namespace, 6)
		Eventually(standing(ctx, namespace)).Should(HaveKeyWithValue(provisioned, 6))
		fire(ctx, namespace, 0, 2)
		Eventually(standing(ctx, namespace)).Should(And(HaveKeyWithValue(deletedFor, 2), HaveKeyWithValue(provisioned, 4)))
		later(61 * time.Minute)
		fire(ctx, namespace, 2, 5)
		Eventually(standing(ctx, namespace)).Should(And(HaveKeyWithValue(deletedFor, 4), HaveKeyWithValue(heldByGuard, 1)))
		later(3 * time.Hour)
		env.Touch(ctx, userNamed(namespace, 4))
		env.Touch(ctx, userNamed(namespace, 3))
		Consistently(standing(ctx, namespace), testenv.Quiet).Should(HaveKeyWithValue(heldByGuard, 1), "what is held waits for a person")
	})

	It("wait for approval when they are the last with a protected role, also without a guard", func(ctx SpecContext) {
		ep := endpointWith(namespace, rules(v1alpha1.AccountRules{
			Roles:          []v1alpha1.RoleRule{{Name: "SystemAdministrator", UserMatcher: v1alpha1.UserMatcher{Roles: []string{"root"}}}},
			ProtectedRoles: []string{"SystemAdministrator"},
		}))
		env.Create(ctx, ep)
		for n := range 3 {
			env.Create(ctx, newUser(namespace, userNo(n), func(u *v1alpha1.ScimUser) {
				if n < 2 {
					u.Spec.Roles = []v1alpha1.MultiValue{{Value: "root"}}
				}
			}))
		}
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: 3}))
		Eventually(statusOf(ctx, userNamed(namespace, 1))).Should(HaveField("WithheldRoles", ConsistOf("SystemAdministrator")))
		stop(ctx, namespace, 0, 3)
		last := "True " + v1alpha1.ReasonLastProtectedRoleHolder
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{stoppedFor: 2, last: 1}))
		Eventually(warnings(ctx, namespace, v1alpha1.ReasonLastProtectedRoleHolder)).Should(HaveLen(1))
		Eventually(hold(ctx, namespace)).Should(holding(1))
		annotate(ctx, ep, v1alpha1.ApproveHeldAnnotation, refTo(hold(ctx, namespace)(Default)))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{stoppedFor: 3}))
	})

	It("do not leave by leaving a group: what it gave goes, the account stays", func(ctx SpecContext) {
		group := newGroup(namespace, "g1", "IT", userNo(0))
		env.Create(ctx, endpointWith(namespace, rules(v1alpha1.AccountRules{
			UserTypes: techniciansAre(byGroups("IT")), Roles: []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: byGroups("IT")}},
		})), group, newUser(namespace, userNo(0), nil))
		Eventually(statusOf(ctx, userNamed(namespace, 0))).Should(And(beTechnician("userTypes.technicians.groups: IT"), HaveField("Roles", ConsistOf("Tier1"))))
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = nil })
		Eventually(statusOf(ctx, userNamed(namespace, 0))).Should(And(beEndUser(), HaveField("Roles", BeEmpty()),
			activeBecause(metav1.ConditionTrue, v1alpha1.ReasonProvisioned), HaveField("Departure", BeNil())))
	})
})

var _ = Describe("The record of a deleted user", func() {
	var namespace string
	there := func(ctx context.Context) func() error {
		return func() error { return env.Get(ctx, namespace, userNo(0), &v1alpha1.ScimUser{}) }
	}
	beGone := Satisfy(apierrors.IsNotFound)

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		namespace = env.Namespace(ctx)
	})

	leaver := func(ctx context.Context, d *v1alpha1.Deprovisioning, finalizers ...string) *v1alpha1.ScimEndpoint {
		ep := endpointLeaving(namespace, d)
		env.Create(ctx, ep, newUser(namespace, userNo(0), func(u *v1alpha1.ScimUser) { u.Finalizers = append(u.Finalizers, finalizers...) }),
			newClaim(namespace, identity.UserNameClaim(newUser(namespace, userNo(0), nil)), userNo(0), v1alpha1.ClaimUserName))
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{provisioned: 1}))
		fire(ctx, namespace, 0, 1)
		return ep
	}

	It("stays for ever when nobody says otherwise, and goes with its claims when its retention ends", func(ctx SpecContext) {
		ep := leaver(ctx, nil)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 1}))
		ahead.Store(int64(1000 * time.Hour))
		env.Touch(ctx, userNamed(namespace, 0))
		Consistently(there(ctx), testenv.Quiet).Should(Succeed())
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Deprovisioning = &v1alpha1.Deprovisioning{Retention: &metav1.Duration{Duration: 1001 * time.Hour}}
		})
		Consistently(there(ctx), testenv.Quiet).Should(Succeed())
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Deprovisioning.Retention.Duration = 999 * time.Hour })
		Eventually(there(ctx)).Should(beGone)
		var claims v1alpha1.ScimClaimList
		Expect(env.Client.List(ctx, &claims, client.InNamespace(namespace))).To(Succeed())
		Expect(claims.Items).To(BeEmpty())
	})

	It("goes by itself when its retention ends, without anybody touching anything", func(ctx SpecContext) {
		leaver(ctx, &v1alpha1.Deprovisioning{Retention: &metav1.Duration{Duration: 4 * time.Second}})
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 1}))
		Eventually(there(ctx)).Should(beGone)
	})

	It("goes with the policy Delete, as soon as an application lets it", func(ctx SpecContext) {
		const keeper = "example.com/keeper"
		leaver(ctx, &v1alpha1.Deprovisioning{Policy: v1alpha1.DeprovisioningDelete}, keeper)
		kept := userNamed(namespace, 0)
		Eventually(func(g Gomega) {
			g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(kept), kept)).To(Succeed())
			g.Expect(kept.DeletionTimestamp).NotTo(BeNil())
			g.Expect(kept.Finalizers).To(ConsistOf(keeper), "the name is free")
			g.Expect(kept.Live()).To(BeFalse())
			g.Expect(outcome.IsTrue(kept, v1alpha1.ConditionActive)).To(BeFalse())
		}).Should(Succeed())
		testenv.Change(ctx, env, kept, func(u *v1alpha1.ScimUser) { u.Finalizers = nil })
		Eventually(there(ctx)).Should(beGone)
	})

	It("stays, with the policy Delete, for as long as a guard counts it", func(ctx SpecContext) {
		d := guardOf(5)
		d.Policy = v1alpha1.DeprovisioningDelete
		leaver(ctx, d)
		Eventually(standing(ctx, namespace)).Should(Equal(map[string]int{deletedFor: 1}))
		Consistently(there(ctx), testenv.Quiet).Should(Succeed())
		ahead.Store(int64(61 * time.Minute))
		env.Touch(ctx, userNamed(namespace, 0))
		Eventually(there(ctx)).Should(beGone)
	})
})
