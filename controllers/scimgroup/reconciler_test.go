// SPDX-License-Identifier: Apache-2.0

package scimgroup

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/identity"
)

const endpointName = "okta"

func membersNamed(names ...string) []v1alpha1.GroupMember {
	var members []v1alpha1.GroupMember
	for _, name := range names {
		members = append(members, v1alpha1.GroupMember{Value: name})
	}
	return members
}

func newGroup(namespace, name string, members ...string) *v1alpha1.ScimGroup {
	return &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: []string{v1alpha1.ClaimsFinalizer}},
		Spec: v1alpha1.ScimGroupSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: endpointName},
			DisplayName: name,
			Members:     membersNamed(members...),
			MemberCount: ptr.To(int64(len(members))),
		},
	}
}

func newUser(namespace, name, endpoint string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: endpoint}, UserName: name},
	}
}

func newSlice(namespace, name, group string, members ...string) *v1alpha1.ScimGroupSlice {
	return &v1alpha1.ScimGroupSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.ScimGroupSliceSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: endpointName},
			GroupRef:    v1alpha1.ObjectReference{Name: group},
			Members:     membersNamed(members...),
		},
	}
}

// statusOf polls a group's status as the API server has it.
func statusOf(ctx context.Context, group *v1alpha1.ScimGroup) func(Gomega) v1alpha1.ScimGroupStatus {
	return func(g Gomega) v1alpha1.ScimGroupStatus {
		var current v1alpha1.ScimGroup
		g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(group), &current)).To(Succeed())
		g.Expect(current.Status.ObservedGeneration).To(HaveValue(Equal(current.Generation)))
		return current.Status
	}
}

func readyBecause(status metav1.ConditionStatus, reason string) OmegaMatcher {
	return WithTransform(func(s v1alpha1.ScimGroupStatus) metav1.Condition {
		return ptr.Deref(meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady), metav1.Condition{})
	}, And(HaveField("Status", status), HaveField("Reason", reason)))
}

func haveUnresolved(n int64) OmegaMatcher {
	reason := v1alpha1.ReasonMembersResolved
	if n > 0 {
		reason = v1alpha1.ReasonMembersUnresolved
	}
	return And(HaveField("UnresolvedMembers", HaveValue(Equal(n))), readyBecause(metav1.ConditionTrue, reason))
}

var _ = Describe("A ScimGroup", func() {
	var namespace string

	BeforeEach(func(ctx SpecContext) {
		SetDefaultEventuallyTimeout(testenv.Bound)
		SetDefaultEventuallyPollingInterval(testenv.Poll)
		namespace = env.Namespace(ctx)
	})

	It("resolves its members as they arrive, and loses them as they go", func(ctx SpecContext) {
		group := newGroup(namespace, "staff", "alice", "barbara", "nested")
		env.Create(ctx, group)
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(3))

		alice := newUser(namespace, "alice", endpointName)
		env.Create(ctx, alice)
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(2))
		env.Create(ctx, newUser(namespace, "barbara", endpointName), newGroup(namespace, "nested"))
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(0))

		deleted := client.MergeFrom(alice.DeepCopy())
		alice.Spec.DeletedTime = ptr.To(metav1.NowMicro())
		Expect(env.Client.Patch(ctx, alice, deleted)).To(Succeed())
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(1))
		Expect(env.Client.Delete(ctx, newUser(namespace, "barbara", endpointName))).To(Succeed())
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(2))
	})

	It("does not take another endpoint's user for a member", func(ctx SpecContext) {
		env.Create(ctx, newUser(namespace, "alice", "entra"), newUser(namespace, "barbara", endpointName))
		group := newGroup(namespace, "staff", "alice", "barbara")
		env.Create(ctx, group)
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(1))
	})

	It("resolves the members in its slices", func(ctx SpecContext) {
		env.Create(ctx, newUser(namespace, "alice", endpointName),
			newSlice(namespace, "slice-1", "large", "alice", "barbara"),
			newSlice(namespace, "slice-2", "large", "carol"))
		group := newGroup(namespace, "large")
		group.Spec.Slices = []string{"slice-1", "slice-2"}
		group.Spec.MemberCount = ptr.To[int64](3)
		env.Create(ctx, group)
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(2))
		env.Create(ctx, newUser(namespace, "carol", endpointName))
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(1))
	})

	It("says so when a slice that it names was deleted, and recovers when it is there again", func(ctx SpecContext) {
		group := newGroup(namespace, "large")
		group.Spec.Slices = []string{"slice-1"}
		env.Create(ctx, group)
		Eventually(statusOf(ctx, group)).Should(readyBecause(metav1.ConditionFalse, v1alpha1.ReasonMembersLost))
		env.Create(ctx, newSlice(namespace, "slice-1", "large", "alice"))
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(1))
	})

	It("collects slices that no group names, once they are old enough", func(ctx SpecContext) {
		DeferCleanup(func() { ahead.Store(0) })
		env.Create(ctx, newSlice(namespace, "named", "large", "alice"), newSlice(namespace, "unused", "large", "bob"),
			newSlice(namespace, "orphan", "vanished", "carol"))
		group := newGroup(namespace, "large")
		group.Spec.Slices = []string{"named"}
		env.Create(ctx, group)
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(1))
		slices := func(g Gomega) []v1alpha1.ScimGroupSlice {
			var list v1alpha1.ScimGroupSliceList
			g.Expect(env.Client.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
			return list.Items
		}
		Consistently(slices, testenv.Quiet).Should(HaveLen(3), "young slices may belong to a write under way")

		ahead.Store(int64(sliceGrace + time.Minute))
		env.Create(ctx, newSlice(namespace, "news", "large", "dave"), newSlice(namespace, "news-of-vanished", "vanished", "dave"))
		Eventually(slices).Should(ConsistOf(HaveField("Name", "named")))
	})

	It("takes its slices and its claims with it", func(ctx SpecContext) {
		group := newGroup(namespace, "large")
		group.Spec.Slices = []string{"slice-1"}
		env.Create(ctx, newSlice(namespace, "slice-1", "large", "alice"), newSlice(namespace, "elsewhere", "other", "alice"), group)
		for name, attribute := range map[string]v1alpha1.ClaimedAttribute{
			identity.DisplayNameClaim(group): v1alpha1.ClaimGroupDisplayName, "of-a-user": v1alpha1.ClaimUserName,
		} {
			env.Create(ctx, &v1alpha1.ScimClaim{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec: v1alpha1.ScimClaimSpec{
					EndpointRef: v1alpha1.EndpointReference{Name: endpointName}, Attribute: attribute,
					Value: name, HolderRef: v1alpha1.ObjectReference{Name: "large"},
				},
			})
		}
		Expect(env.Client.Delete(ctx, group)).To(Succeed())
		Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(group), group) }).
			Should(Satisfy(apierrors.IsNotFound))
		var slices v1alpha1.ScimGroupSliceList
		Expect(env.Client.List(ctx, &slices, client.InNamespace(namespace))).To(Succeed())
		Expect(slices.Items).To(ConsistOf(HaveField("Name", "elsewhere")))
		var left v1alpha1.ScimClaimList
		Expect(env.Client.List(ctx, &left, client.InNamespace(namespace))).To(Succeed())
		Expect(left.Items).To(ConsistOf(HaveField("Name", "of-a-user")))
	})

	It("stays for an hour when it keeps an id, also when it is deleted earlier, and then goes", func(ctx SpecContext) {
		DeferCleanup(func() { ahead.Store(0) })
		var kept []*v1alpha1.ScimGroup
		for _, name := range []string{"left-alone", "deleted"} {
			group := newGroup(namespace, name)
			group.Annotations = map[string]string{v1alpha1.AbandonedAnnotation: "true"}
			env.Create(ctx, group)
			kept = append(kept, group)
			Eventually(statusOf(ctx, group)).Should(readyBecause(metav1.ConditionTrue, v1alpha1.ReasonSucceeded))
		}
		Expect(env.Client.Delete(ctx, kept[1])).To(Succeed())
		Eventually(statusOf(ctx, kept[1])).Should(readyBecause(metav1.ConditionFalse, v1alpha1.ReasonTerminating))
		Consistently(func(g Gomega) {
			var groups v1alpha1.ScimGroupList
			g.Expect(env.Client.List(ctx, &groups, client.InNamespace(namespace))).To(Succeed())
			g.Expect(groups.Items).To(HaveEach(HaveField("Finalizers", ConsistOf(v1alpha1.ClaimsFinalizer))))
			g.Expect(groups.Items).To(HaveLen(2))
		}, testenv.Quiet).Should(Succeed())
		ahead.Store(int64(claims.AbandonedAge + time.Minute))
		for _, group := range kept {
			touch := client.MergeFrom(group.DeepCopy())
			group.Labels = map[string]string{"example.com/touched": "true"}
			Expect(env.Client.Patch(ctx, group, touch)).To(Succeed())
			Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(group), group) }).
				Should(Satisfy(apierrors.IsNotFound))
		}
	})

	It("goes with its namespace when it keeps an id, whichever is deleted first", func(ctx SpecContext) {
		// No namespace controller runs here: what it would delete is deleted by hand.
		var kept []*v1alpha1.ScimGroup
		for _, name := range []string{"before", "after"} {
			group := newGroup(namespace, name)
			group.Annotations = map[string]string{v1alpha1.AbandonedAnnotation: "true"}
			env.Create(ctx, group)
			kept = append(kept, group)
		}
		Expect(env.Client.Delete(ctx, kept[0])).To(Succeed())
		Eventually(statusOf(ctx, kept[0])).Should(readyBecause(metav1.ConditionFalse, v1alpha1.ReasonTerminating))
		Expect(env.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		Expect(env.Client.Delete(ctx, kept[1])).To(Succeed())
		for _, group := range kept {
			Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(group), group) }).
				Should(Satisfy(apierrors.IsNotFound))
		}
	})

	It("is left alone at rest", func(ctx SpecContext) {
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("user-%d", i))
			env.Create(ctx, newUser(namespace, names[i], endpointName))
		}
		group, waiting := newGroup(namespace, "staff", names...), newGroup(namespace, "waiting", "nobody")
		env.Create(ctx, group, waiting)
		Eventually(statusOf(ctx, group)).Should(haveUnresolved(0))
		Eventually(statusOf(ctx, waiting)).Should(haveUnresolved(1))
		rest := env.ResourceVersions(ctx, namespace, &v1alpha1.ScimGroupList{}, &v1alpha1.ScimUserList{})
		Consistently(func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimGroupList{}, &v1alpha1.ScimUserList{})
		}, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
	})
})
