// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

// patient is how long thousands of users may take on a busy machine.
const patient = 5 * time.Minute

// newCrowd makes users of whom every fourth works in IT.
func newCrowd(ctx context.Context, namespace string, size int) {
	var makers sync.WaitGroup
	names := make(chan int)
	for range 8 {
		makers.Go(func() {
			defer GinkgoRecover()
			for n := range names {
				env.Create(ctx, newUser(namespace, userNo(n), func(u *v1alpha1.ScimUser) {
					u.Finalizers = nil
					u.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: map[bool]string{true: "IT", false: "Sales"}[n%4 == 0]}
				}))
			}
		})
	}
	for n := range size {
		names <- n
	}
	close(names)
	makers.Wait()
}

func userNo(n int) string { return fmt.Sprintf("user-%04d", n) }

func userTypes(ctx context.Context, namespace string) func(Gomega) map[v1alpha1.AccountType]int {
	return func(g Gomega) map[v1alpha1.AccountType]int {
		var users v1alpha1.ScimUserList
		g.Expect(env.Client.List(ctx, &users, client.InNamespace(namespace))).To(Succeed())
		found := map[v1alpha1.AccountType]int{}
		for i := range users.Items {
			found[users.Items[i].Status.UserType]++
		}
		return found
	}
}

var _ = Describe("The progress of rules", func() {
	It("counts who was there when they were applied, and not who has come since", func(ctx SpecContext) {
		const size = 5
		ahead.Store(0)
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, "42")
		env.Create(ctx, ep)
		counting := func(n int) OmegaMatcher {
			return And(beApplied(), HaveField("UsersToDecide", HaveValue(BeEquivalentTo(n))), HaveField("UsersDecided", HaveValue(BeEquivalentTo(n))))
		}
		Eventually(rulesOf(ctx, namespace), patient).Should(counting(0))
		newCrowd(ctx, namespace, size)
		Eventually(userTypes(ctx, namespace), patient).Should(Equal(map[v1alpha1.AccountType]int{v1alpha1.AccountEndUser: size}))
		Consistently(rulesOf(ctx, namespace), testenv.Quiet).Should(counting(0))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.OrganizationID = "7" })
		Eventually(rulesOf(ctx, namespace), patient).Should(counting(size))
	})
})

var _ = Describe("A change of rules", Ordered, func() {
	const size = 2048
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
		written   = func() map[string]int { return env.Writes(namespace, "scimusers") }
	)

	BeforeAll(func(ctx SpecContext) {
		ahead.Store(0)
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, "42")
		env.Create(ctx, ep)
		newCrowd(ctx, namespace, size)
		Eventually(userTypes(ctx, namespace), patient).Should(Equal(map[v1alpha1.AccountType]int{v1alpha1.AccountEndUser: size}))
		Eventually(rulesOf(ctx, namespace), patient).Should(beApplied())
	})

	It("writes exactly the users whom it changes, once each, shows how far it has got, and rests", func(ctx SpecContext) {
		env.ForgetWrites()
		began, before := time.Now(), rulesOf(ctx, namespace)(Default).ObservedRules
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.UserTypes = techniciansAre(byExpression(`user.enterprise.department == "IT"`))
		})
		Eventually(rulesOf(ctx, namespace), patient).Should(And(
			HaveField("ObservedRules", Not(Equal(before))), beApplied(), HaveField("UsersToDecide", HaveValue(BeEquivalentTo(size)))))
		Expect(userTypes(ctx, namespace)(Default)).To(Equal(map[v1alpha1.AccountType]int{
			v1alpha1.AccountTechnician: size / 4, v1alpha1.AccountEndUser: size - size/4,
		}))
		want := map[string]int{}
		for n := 0; n < size; n += 4 {
			want[userNo(n)] = 1
		}
		Expect(written()).To(Equal(want))
		Consistently(written, testenv.Quiet).Should(Equal(want))
		// Progress is written at most once in ten seconds.
		most := 1 + int(time.Since(began)/reportInterval)
		Expect(env.Writes(namespace, "scimendpoints")[endpointName]).To(And(BeNumerically(">", 0), BeNumerically("<=", most)))
	})

	It("does not keep one user waiting for the others", func(ctx SpecContext) {
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.UserTypes = techniciansAre(byExpression("true")) })
		leaver := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: userNo(size - 1)}}
		testenv.Change(ctx, env, leaver, func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(false) })
		Eventually(statusOf(ctx, leaver)).Should(activeBecause(metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider))
		Expect(userTypes(ctx, namespace)(Default)[v1alpha1.AccountEndUser]).To(BeNumerically(">", 0), "the others are still under way")
		Eventually(userTypes(ctx, namespace), patient).Should(Equal(map[v1alpha1.AccountType]int{v1alpha1.AccountTechnician: size}))
		Eventually(rulesOf(ctx, namespace), patient).Should(beApplied())
	})

	It("goes on where another manager takes over", func(ctx SpecContext) {
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.UserTypes = nil })
		Eventually(userTypes(ctx, namespace), patient).Should(HaveKey(v1alpha1.AccountEndUser))
		stopManager()
		left := userTypes(ctx, namespace)(Default)
		startManager()
		Expect(left[v1alpha1.AccountTechnician]).To(BeNumerically(">", 0), "the first manager was done")
		Eventually(userTypes(ctx, namespace), patient).Should(Equal(map[v1alpha1.AccountType]int{v1alpha1.AccountEndUser: size}))
		Eventually(rulesOf(ctx, namespace), patient).Should(beApplied())
	})

	It("reaches everybody in a large group that a change touches", func(ctx SpecContext) {
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.UserTypes = techniciansAre(byGroups("IT")) })
		group := newGroup(namespace, "large", "Everybody")
		for s := range 2 {
			ids := make([]string, 700)
			for n := range ids {
				ids[n] = userNo(s*700 + n)
			}
			name := fmt.Sprintf("large-%d", s)
			env.Create(ctx, newSlice(namespace, name, "large", ids...))
			group.Spec.Slices = append(group.Spec.Slices, name)
		}
		env.Create(ctx, group)
		Eventually(rulesOf(ctx, namespace), patient).Should(beApplied())
		env.ForgetWrites()
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "IT" })
		Eventually(userTypes(ctx, namespace), patient).Should(HaveKeyWithValue(v1alpha1.AccountTechnician, 1400))
		Expect(written()).To(And(HaveLen(1400), HaveEach(1)))
	})
})

var _ = Describe("A preview of rules", func() {
	It("says whom the rules would change, and changes nobody", func(ctx SpecContext) {
		ahead.Store(0)
		namespace := env.Namespace(ctx)
		ep := endpointWith(namespace, rules(v1alpha1.AccountRules{Roles: []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: byGroups("IT")}}}))
		group := newGroup(namespace, "g1", "IT", userNo(0))
		env.Create(ctx, ep, group)
		newCrowd(ctx, namespace, 60)
		Eventually(userTypes(ctx, namespace)).Should(Equal(map[v1alpha1.AccountType]int{v1alpha1.AccountEndUser: 60}))
		Eventually(rulesOf(ctx, namespace)).Should(And(beApplied(), HaveField("Preview", BeNil())))
		env.ForgetWrites()

		By("trying technicians by an expression, without the role in force")
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Preview = &v1alpha1.AccountRules{UserTypes: techniciansAre(byExpression(`user.enterprise.department == "IT"`))}
		})
		preview := func(g Gomega) v1alpha1.PreviewStatus {
			s := rulesOf(ctx, namespace)(g)
			g.Expect(s).To(beApplied())
			g.Expect(s.Preview).NotTo(BeNil())
			return *s.Preview
		}
		Eventually(preview).Should(And(
			HaveField("Users", HaveValue(BeEquivalentTo(60))), HaveField("Changed", HaveValue(BeEquivalentTo(15))),
			HaveField("Examples", HaveLen(10)),
			HaveField("Examples", HaveExactElements(append([]any{
				v1alpha1.PreviewExample{UserName: "user-0000@example.com", Change: "EndUser becomes Technician; loses role Tier1; organizations 42 become none"},
				v1alpha1.PreviewExample{UserName: "user-0004@example.com", Change: "EndUser becomes Technician; organizations 42 become none"},
			}, anything(8)...)...)),
		))

		By("the directory changing")
		testenv.Change(ctx, env, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members = membersNamed(userNo(1)) })
		Eventually(preview).Should(HaveField("Changed", HaveValue(BeEquivalentTo(16))))
		Eventually(func() map[string]int { return env.Writes(namespace, "scimusers") }).Should(Equal(map[string]int{userNo(0): 1, userNo(1): 1}), "only what the rules in force change")

		By("trying what cannot be understood")
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Preview.UserTypes.Technicians.Expression = "user.departmnt" })
		Eventually(preview).Should(And(HaveField("Message", ContainSubstring("undefined field 'departmnt'")), HaveField("Changed", BeNil())))

		By("resting, and by a manager that knows nothing yet")
		versions := func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimUserList{}, &v1alpha1.ScimEndpointList{})
		}
		rest := versions()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))
		stopManager()
		startManager()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))

		By("being given up")
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Preview = nil })
		Eventually(rulesOf(ctx, namespace)).Should(HaveField("Preview", BeNil()))
	})
})

func anything(n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = Not(BeZero())
	}
	return all
}
