// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("A user who was here before", func() {
	var namespace string
	var user *v1alpha1.ScimUser

	current := func(ctx context.Context) func() *v1alpha1.ScimUser {
		return func() *v1alpha1.ScimUser {
			u := &v1alpha1.ScimUser{}
			Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(user), u)).To(Succeed())
			return u
		}
	}
	annotate := func(ctx context.Context, annotations map[string]string) {
		testenv.Change(ctx, env, user, func(u *v1alpha1.ScimUser) { u.Annotations = annotations })
	}
	told := func(ctx context.Context) func() []string {
		return func() []string {
			events := &eventsv1.EventList{}
			Expect(env.Client.List(ctx, events, client.InNamespace(namespace))).To(Succeed())
			var reasons []string
			for i := range events.Items {
				if events.Items[i].Regarding.Name == user.Name {
					reasons = append(reasons, events.Items[i].Reason)
				}
			}
			return reasons
		}
	}

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		user = &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"},
			Spec:       v1alpha1.ScimUserSpec{UserName: "ada"},
		}
	})

	It("has a status, and goes without a finalizer", func(ctx SpecContext) {
		env.Create(ctx, user)
		Eventually(current(ctx)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded),
			testenv.IsTrue(v1alpha1.ConditionActive, v1alpha1.ReasonUnlinked),
			HaveField("Status.UserType", v1alpha1.AccountEndUser),
			HaveField("Status.Origin", BeEmpty()),
			HaveField("Finalizers", BeEmpty()),
		))
		testenv.Change(ctx, env, user, func(u *v1alpha1.ScimUser) {
			u.Spec.Active, u.Spec.Account = ptr.To(false), &v1alpha1.AccountExtension{UserType: "technician"}
		})
		Eventually(current(ctx)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionActive, v1alpha1.ReasonDeactivated),
			HaveField("Status.UserType", v1alpha1.AccountTechnician),
		))
		env.Remove(ctx, user)
		Eventually(func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(user), user) }).ShouldNot(Succeed())
	})

	It("says who waits for an approval, and what came of it", func(ctx SpecContext) {
		env.Create(ctx, user)
		annotate(ctx, map[string]string{v1alpha1.AdoptionRequestedAnnotation: "okta"})
		command := "kubectl annotate scimuser ada -n " + namespace + " scim-operator.io/approve-adoption=okta"
		Eventually(current(ctx)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionAdoptionRequested, v1alpha1.ReasonApprovalRequired),
			testenv.Condition(v1alpha1.ConditionAdoptionRequested, HaveField("Message", ContainSubstring(command))),
		))
		Eventually(told(ctx)).Should(ContainElement(v1alpha1.ReasonApprovalRequired))

		annotate(ctx, map[string]string{v1alpha1.AdoptionRequestedAnnotation: "entra,okta"})
		Eventually(current(ctx)).Should(testenv.Condition(v1alpha1.ConditionAdoptionRequested, HaveField("Message", ContainSubstring("ScimEndpoints entra, okta"))))

		annotate(ctx, map[string]string{v1alpha1.AdoptionRequestedAnnotation: "okta", v1alpha1.ApproveAdoptionAnnotation: "okta"})
		Eventually(current(ctx)).Should(testenv.Condition(v1alpha1.ConditionAdoptionRequested, HaveField("Message", ContainSubstring("okta may adopt this user"))))

		now := metav1.NowMicro()
		testenv.Change(ctx, env, user, func(u *v1alpha1.ScimUser) {
			u.Annotations, u.Spec.EndpointRef.Name, u.Spec.AdoptedTime = nil, endpointName, &now
		})
		Eventually(current(ctx)).Should(And(
			HaveField("Status.Origin", v1alpha1.OriginAdopted),
			testenv.IsTrue(v1alpha1.ConditionActive, v1alpha1.ReasonProvisioned),
			testenv.Condition(v1alpha1.ConditionAdoptionRequested, BeZero()),
		))
		Eventually(told(ctx)).Should(ContainElement(v1alpha1.ReasonAdopted))
	})

	It("shows when it was given back to a user who had been deleted", func(ctx SpecContext) {
		user = newUser(namespace, "grace", nil)
		env.Create(ctx, user)
		Eventually(current(ctx)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionActive, v1alpha1.ReasonProvisioned), HaveField("Status.ReturnedTime", BeNil())))
		Expect(told(ctx)()).NotTo(ContainElement(v1alpha1.ReasonReturned))
		now := metav1.NowMicro()
		testenv.Change(ctx, env, user, func(u *v1alpha1.ScimUser) { u.Spec.ReturnedTime = &now })
		Eventually(current(ctx)).Should(HaveField("Status.ReturnedTime", HaveValue(WithTransform(metav1.MicroTime.UnixMicro, Equal(now.UnixMicro())))))
		Eventually(told(ctx)).Should(ContainElement(v1alpha1.ReasonReturned))
	})

	It("is not mistaken for one who was provisioned, who may be several who were here before", func(ctx SpecContext) {
		user = newUser(namespace, "grace", func(u *v1alpha1.ScimUser) {
			u.Annotations = map[string]string{v1alpha1.AmbiguousMatchAnnotation: "a,b"}
		})
		env.Create(ctx, user)
		Eventually(current(ctx)).Should(And(
			HaveField("Status.Origin", v1alpha1.OriginProvisioned),
			testenv.IsTrue(v1alpha1.ConditionAmbiguousMatch, v1alpha1.ReasonSeveralMatch),
			testenv.Condition(v1alpha1.ConditionAmbiguousMatch, HaveField("Message", ContainSubstring("a, b"))),
		))
		Eventually(told(ctx)).Should(ContainElement(v1alpha1.ReasonSeveralMatch))
		annotate(ctx, nil)
		Eventually(current(ctx)).Should(testenv.Condition(v1alpha1.ConditionAmbiguousMatch, BeZero()))
	})
})
