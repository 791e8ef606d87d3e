// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	applyv1alpha1 "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/identity"
)

const endpointName = "okta"

func newUser(namespace, name string, change func(*v1alpha1.ScimUser)) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: []string{v1alpha1.ClaimsFinalizer}},
		Spec: v1alpha1.ScimUserSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: endpointName},
			UserName:    name + "@example.com",
		},
	}
	if change != nil {
		change(user)
	}
	return user
}

func newEndpoint(namespace, organizationID string) *v1alpha1.ScimEndpoint {
	return &v1alpha1.ScimEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: endpointName},
		Spec:       v1alpha1.ScimEndpointSpec{DirectoryPolicy: v1alpha1.DirectoryPolicy{OrganizationID: organizationID}},
	}
}

func newClaim(namespace, name, holder string, attribute v1alpha1.ClaimedAttribute) *v1alpha1.ScimClaim {
	return &v1alpha1.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.ScimClaimSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: endpointName},
			Attribute:   attribute,
			Value:       name,
			HolderRef:   v1alpha1.ObjectReference{Name: holder},
		},
	}
}

// statusOf polls a user's status as the API server has it.
func statusOf(ctx context.Context, user *v1alpha1.ScimUser) func(Gomega) v1alpha1.ScimUserStatus {
	return func(g Gomega) v1alpha1.ScimUserStatus {
		var current v1alpha1.ScimUser
		g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(user), &current)).To(Succeed())
		g.Expect(current.Status.ObservedGeneration).To(HaveValue(Equal(current.Generation)))
		return current.Status
	}
}

func haveOrganizations(ids ...string) OmegaMatcher {
	return HaveField("Organizations", ConsistOf(ids))
}

func activeBecause(status metav1.ConditionStatus, reason string) OmegaMatcher {
	return conditionBecause(v1alpha1.ConditionActive, status, reason)
}

func readyBecause(status metav1.ConditionStatus, reason string) OmegaMatcher {
	return conditionBecause(v1alpha1.ConditionReady, status, reason)
}

func conditionBecause(conditionType string, status metav1.ConditionStatus, reason string) OmegaMatcher {
	return WithTransform(func(s v1alpha1.ScimUserStatus) metav1.Condition {
		return ptr.Deref(meta.FindStatusCondition(s.Conditions, conditionType), metav1.Condition{})
	}, And(HaveField("Status", status), HaveField("Reason", reason)))
}

var _ = Describe("A ScimUser", func() {
	var namespace string

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
	})

	DescribeTable("is active or not as the identity provider says",
		func(ctx SpecContext, change func(*v1alpha1.ScimUser), status metav1.ConditionStatus, reason string) {
			user := newUser(namespace, "barbara", change)
			Expect(env.Client.Create(ctx, user)).To(Succeed())
			Eventually(statusOf(ctx, user)).Should(activeBecause(status, reason))
		},
		Entry("active is left out", nil, metav1.ConditionTrue, v1alpha1.ReasonProvisioned),
		Entry("active is true", func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(true) },
			metav1.ConditionTrue, v1alpha1.ReasonProvisioned),
		Entry("active is false", func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(false) },
			metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider),
		Entry("deleted over SCIM", func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = ptr.To(metav1.NowMicro()) },
			metav1.ConditionFalse, v1alpha1.ReasonDeletedByProvider),
	)

	It("keeps what a server has noted about a refusal, until a later request is accepted", func(ctx SpecContext) {
		user := newUser(namespace, "barbara", nil)
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		Eventually(statusOf(ctx, user)).Should(activeBecause(metav1.ConditionTrue, v1alpha1.ReasonProvisioned))
		note := applyv1alpha1.ScimUser(user.Name, namespace).WithStatus(applyv1alpha1.ScimUserStatus().WithConditions(
			metav1ac.Condition().WithType(v1alpha1.ConditionRefused).WithStatus(metav1.ConditionTrue).
				WithReason(v1alpha1.ReasonMutability).WithMessage("x").WithObservedGeneration(1).WithLastTransitionTime(metav1.Now())))
		Expect(env.Client.Status().Apply(ctx, note, client.FieldOwner("scim-server-refusals"))).To(Succeed())

		// The manager writes the status again, for a reason of its own.
		Expect(env.Client.Create(ctx, newEndpoint(namespace, "acme"))).To(Succeed())
		Eventually(statusOf(ctx, user)).Should(And(haveOrganizations("acme"),
			conditionBecause(v1alpha1.ConditionRefused, metav1.ConditionTrue, v1alpha1.ReasonMutability)))

		// A person changes a preference, which is no request of the identity provider.
		testenv.Change(ctx, env, user, func(u *v1alpha1.ScimUser) { u.Spec.PreferredLanguage = "de" })
		Eventually(statusOf(ctx, user)).Should(And(HaveField("ObservedGeneration", HaveValue(Equal(user.Generation))),
			conditionBecause(v1alpha1.ConditionRefused, metav1.ConditionTrue, v1alpha1.ReasonMutability)))

		testenv.Change(ctx, env, user, func(u *v1alpha1.ScimUser) {
			u.Spec.Active, u.Spec.LastModifiedTime = ptr.To(false), ptr.To(metav1.NewMicroTime(time.Now().Add(time.Second)))
		})
		Eventually(statusOf(ctx, user)).Should(And(activeBecause(metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider),
			Not(HaveField("Conditions", ContainElement(HaveField("Type", v1alpha1.ConditionRefused))))))
	})

	It("is a technician when the identity provider says so, and the status names the rule", func(ctx SpecContext) {
		user := newUser(namespace, "barbara", func(u *v1alpha1.ScimUser) {
			u.Spec.Account = &v1alpha1.AccountExtension{UserType: "TECHNICIAN"}
		})
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		Eventually(statusOf(ctx, user)).Should(And(
			HaveField("UserType", v1alpha1.AccountTechnician),
			HaveField("UserTypeRule", Not(BeEmpty())),
		))
	})

	It("follows a deactivation and a return", func(ctx SpecContext) {
		user := newUser(namespace, "barbara", nil)
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		Eventually(statusOf(ctx, user)).Should(activeBecause(metav1.ConditionTrue, v1alpha1.ReasonProvisioned))
		for _, active := range []bool{false, true} {
			patch := client.MergeFrom(user.DeepCopy())
			user.Spec.Active = ptr.To(active)
			Expect(env.Client.Patch(ctx, user, patch)).To(Succeed())
			want := activeBecause(metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider)
			if active {
				want = activeBecause(metav1.ConditionTrue, v1alpha1.ReasonProvisioned)
			}
			Eventually(statusOf(ctx, user)).Should(want)
		}
	})

	It("gets the endpoint's organization, again when it changes, and keeps it when the endpoint goes", func(ctx SpecContext) {
		endUser := newUser(namespace, "barbara", nil)
		named := newUser(namespace, "carol", func(u *v1alpha1.ScimUser) {
			u.Spec.Account = &v1alpha1.AccountExtension{OrganizationIDs: []string{"7", "8"}}
		})
		Expect(env.Client.Create(ctx, endUser)).To(Succeed())
		Expect(env.Client.Create(ctx, named)).To(Succeed())
		Eventually(statusOf(ctx, endUser)).Should(haveOrganizations())
		Eventually(statusOf(ctx, named)).Should(haveOrganizations("7", "8"))

		endpoint := newEndpoint(namespace, "42")
		Expect(env.Client.Create(ctx, endpoint)).To(Succeed())
		Eventually(statusOf(ctx, endUser)).Should(haveOrganizations("42"))

		patch := client.MergeFrom(endpoint.DeepCopy())
		endpoint.Spec.OrganizationID = "43"
		Expect(env.Client.Patch(ctx, endpoint, patch)).To(Succeed())
		Eventually(statusOf(ctx, endUser)).Should(haveOrganizations("43"))
		Eventually(statusOf(ctx, named)).Should(haveOrganizations("7", "8"))

		Expect(env.Client.Delete(ctx, endpoint)).To(Succeed())
		deactivate := client.MergeFrom(endUser.DeepCopy())
		endUser.Spec.Active = ptr.To(false)
		Expect(env.Client.Patch(ctx, endUser, deactivate)).To(Succeed())
		Eventually(statusOf(ctx, endUser)).Should(And(
			activeBecause(metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider),
			haveOrganizations("43"),
		))
	})

	It("gives its claims back before it goes, and nobody else's", func(ctx SpecContext) {
		user := newUser(namespace, "barbara", nil)
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		for _, claim := range []*v1alpha1.ScimClaim{
			newClaim(namespace, identity.UserNameClaim(user), "barbara", v1alpha1.ClaimUserName),
			newClaim(namespace, "others", "carol", v1alpha1.ClaimUserName),
			newClaim(namespace, "group-of-that-name", "barbara", v1alpha1.ClaimGroupDisplayName),
		} {
			Expect(env.Client.Create(ctx, claim)).To(Succeed())
		}
		Expect(env.Client.Delete(ctx, user)).To(Succeed())
		Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(user), user) }).
			Should(Satisfy(apierrors.IsNotFound))
		var left v1alpha1.ScimClaimList
		Expect(env.Client.List(ctx, &left, client.InNamespace(namespace))).To(Succeed())
		Expect(left.Items).To(ConsistOf(HaveField("Name", "others"), HaveField("Name", "group-of-that-name")))
		Expect(env.Lists("scimclaims")).To(BeZero(), "the claims of a whole directory are looked through for one user")
	})

	It("leaves the claim on its name to who has taken it over", func(ctx SpecContext) {
		user := newUser(namespace, "barbara", nil)
		claim := newClaim(namespace, identity.UserNameClaim(user), "carol", v1alpha1.ClaimUserName)
		env.Create(ctx, user, claim)
		env.Remove(ctx, user)
		Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(user), user) }).
			Should(Satisfy(apierrors.IsNotFound))
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(claim), claim)).To(Succeed())
	})

	It("says that it is being deleted while somebody else keeps it", func(ctx SpecContext) {
		const keeper = "example.com/keeper"
		user := newUser(namespace, "barbara", func(u *v1alpha1.ScimUser) { u.Finalizers = append(u.Finalizers, keeper) })
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		Expect(env.Client.Delete(ctx, user)).To(Succeed())
		Eventually(statusOf(ctx, user)).Should(activeBecause(metav1.ConditionFalse, v1alpha1.ReasonTerminating))
		Eventually(func(g Gomega) {
			g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
			g.Expect(user.Finalizers).To(ConsistOf(keeper))
		}).Should(Succeed())
		patch := client.MergeFrom(user.DeepCopy())
		user.Finalizers = nil
		Expect(env.Client.Patch(ctx, user, patch)).To(Succeed())
	})

	It("stays for an hour when it keeps an id, also when it is deleted earlier, and then goes", func(ctx SpecContext) {
		DeferCleanup(func() { ahead.Store(0) })
		var kept []*v1alpha1.ScimUser
		for _, name := range []string{"left-alone", "deleted"} {
			user := newUser(namespace, name, func(u *v1alpha1.ScimUser) {
				u.Annotations = map[string]string{v1alpha1.AbandonedAnnotation: "true"}
			})
			Expect(env.Client.Create(ctx, user)).To(Succeed())
			kept = append(kept, user)
			Eventually(statusOf(ctx, user)).Should(activeBecause(metav1.ConditionFalse, v1alpha1.ReasonTerminating))
		}
		Expect(env.Client.Delete(ctx, kept[1])).To(Succeed())
		Consistently(func(g Gomega) {
			var users v1alpha1.ScimUserList
			g.Expect(env.Client.List(ctx, &users, client.InNamespace(namespace))).To(Succeed())
			g.Expect(users.Items).To(HaveLen(2))
			g.Expect(users.Items).To(HaveEach(HaveField("Finalizers", ConsistOf(v1alpha1.ClaimsFinalizer))))
		}, testenv.Quiet).Should(Succeed())
		ahead.Store(int64(claims.AbandonedAge + time.Minute))
		for _, user := range kept {
			touch := client.MergeFrom(user.DeepCopy())
			user.Labels = map[string]string{"example.com/touched": "true"}
			Expect(env.Client.Patch(ctx, user, touch)).To(Succeed())
			Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(user), user) }).
				Should(Satisfy(apierrors.IsNotFound))
		}
	})

	It("goes with its namespace when it keeps an id, whichever is deleted first", func(ctx SpecContext) {
		// No namespace controller runs here: what it would delete is deleted by hand.
		var kept []*v1alpha1.ScimUser
		for _, name := range []string{"before", "after"} {
			user := newUser(namespace, name, func(u *v1alpha1.ScimUser) {
				u.Annotations = map[string]string{v1alpha1.AbandonedAnnotation: "true"}
			})
			Expect(env.Client.Create(ctx, user)).To(Succeed())
			kept = append(kept, user)
		}
		Expect(env.Client.Delete(ctx, kept[0])).To(Succeed())
		Eventually(statusOf(ctx, kept[0])).Should(readyBecause(metav1.ConditionFalse, v1alpha1.ReasonTerminating))
		Expect(env.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		Expect(env.Client.Delete(ctx, kept[1])).To(Succeed())
		for _, user := range kept {
			Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(user), user) }).
				Should(Satisfy(apierrors.IsNotFound))
		}
	})

	It("is left alone at rest", func(ctx SpecContext) {
		Expect(env.Client.Create(ctx, newEndpoint(namespace, "42"))).To(Succeed())
		for _, name := range []string{"alice", "barbara", "carol"} {
			user := newUser(namespace, name, nil)
			Expect(env.Client.Create(ctx, user)).To(Succeed())
			Eventually(statusOf(ctx, user)).Should(haveOrganizations("42"))
		}
		Eventually(rulesOf(ctx, namespace)).Should(beApplied())
		rest := env.ResourceVersions(ctx, namespace, &v1alpha1.ScimUserList{}, &v1alpha1.ScimEndpointList{})
		Consistently(func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimUserList{}, &v1alpha1.ScimEndpointList{})
		}, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
	})
})
