// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("A user's manager", func() {
	managedBy := func(id string) func(*v1alpha1.ScimUser) {
		return func(u *v1alpha1.ScimUser) {
			u.Spec.Enterprise = &v1alpha1.EnterpriseUser{Manager: &v1alpha1.Manager{Value: id}}
		}
	}

	It("is told to be nobody until a user of that id is there", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		const size = 20
		for n := range size {
			env.Create(ctx, newUser(namespace, userNo(n), managedBy("grace")))
		}
		unresolved := func(g Gomega) (n int) {
			for _, user := range users(ctx, namespace)(g) {
				ok, _ := And(testenv.IsTrue(v1alpha1.ConditionUnresolvedReference, v1alpha1.ReasonManagerUnresolved),
					testenv.Condition(v1alpha1.ConditionUnresolvedReference, HaveField("Message", ContainSubstring(`"grace"`))),
					testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded)).Match(&user)
				if ok {
					n++
				}
			}
			return n
		}
		Eventually(unresolved).Should(Equal(size))
		versions := func() map[string]string { return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimUserList{}) }
		rest := versions()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))

		By("arriving")
		grace := newUser(namespace, "grace", nil)
		env.Create(ctx, grace)
		Eventually(unresolved).Should(BeZero())
		rest = versions()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))

		By("being deleted over SCIM while no manager runs")
		stopManager()
		testenv.Change(ctx, env, grace, func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = ptr.To(metav1.NowMicro()) })
		startManager()
		Eventually(unresolved).Should(Equal(size))

		By("returning")
		testenv.Change(ctx, env, grace, func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = nil })
		Eventually(unresolved).Should(BeZero())

		By("going for good")
		env.Remove(ctx, grace)
		Eventually(unresolved).Should(Equal(size))

		By("not being named any more, and by who has left")
		testenv.Change(ctx, env, userNamed(namespace, 0), func(u *v1alpha1.ScimUser) { u.Spec.Enterprise = nil })
		fire(ctx, namespace, 1, 2)
		Eventually(unresolved).Should(Equal(size - 2))
	})

	DescribeTable("is nobody when the id is that of",
		func(ctx SpecContext, change func(*v1alpha1.ScimUser)) {
			namespace := env.Namespace(ctx)
			ada := newUser(namespace, "ada", managedBy("grace"))
			env.Create(ctx, newUser(namespace, "grace", change), ada)
			Eventually(func(g Gomega) *v1alpha1.ScimUser {
				g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(ada), ada)).To(Succeed())
				return ada
			}).Should(testenv.IsTrue(v1alpha1.ConditionUnresolvedReference, v1alpha1.ReasonManagerUnresolved))
		},
		Entry("a user of another endpoint", func(u *v1alpha1.ScimUser) { u.Spec.EndpointRef.Name = "another" }),
		Entry("a user who belongs to no identity provider", func(u *v1alpha1.ScimUser) { u.Spec.EndpointRef = v1alpha1.EndpointReference{} }),
		Entry("a user who was deleted", func(u *v1alpha1.ScimUser) { u.Spec.DeletedTime = ptr.To(metav1.NowMicro()) }),
	)
})
