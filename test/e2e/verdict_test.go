// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("who decides with kubectl scim about people who are held", Ordered, func() {
	const (
		size    = 12
		leavers = 8
		limit   = 2
		root    = "root@e2e.example"
	)
	var (
		t    *tenant
		scim *scimClient
		ids  []string
	)
	// held are the userNames of those who are.
	held := func(ctx context.Context) (names []string) {
		GinkgoHelper()
		list := &scimv1.ScimUserList{}
		Expect(k8s.List(ctx, list, client.InNamespace(t.namespace))).To(Succeed())
		for _, user := range list.Items {
			if c := meta.FindStatusCondition(user.Status.Conditions, scimv1.ConditionActive); c != nil && c.Reason == scimv1.ReasonHeldByGuard {
				names = append(names, user.Spec.UserName)
			}
		}
		return names
	}

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "verdict", 1, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.Deprovisioning = &scimv1.Deprovisioning{Guard: &scimv1.DeprovisioningGuard{
				MaxUsers: ptr.To[int32](limit), Window: &metav1.Duration{Duration: time.Hour},
			}}
			s.SCIM.Roles = []scimv1.RoleRule{{Name: "SystemAdministrator", UserMatcher: scimv1.UserMatcher{Expression: `user.title == "Root"`}}}
			s.SCIM.ProtectedRoles = []string{"SystemAdministrator"}
		})
		scim = t.scim()
		for i := range size {
			ids = append(ids, scim.mustDo("POST", "/Users", userBody(fmt.Sprintf("verdict-%d@e2e.example", i)), 201).id())
		}
		id := scim.mustDo("POST", "/Users", userBody(root), 201).id()
		scim.mustDo("PATCH", "/Users/"+id, patchBody(`{"op":"replace","path":"title","value":"Root"}`), 200)
		ids = append(ids, id)
		Eventually(t.standing(ctx)).Should(Equal(map[string]int{"True Provisioned": size + 1}))
		admin := &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: t.namespace}}
		Eventually(get(ctx, admin)).Should(HaveField("Status.WithheldRoles", ConsistOf("SystemAdministrator")))
	})

	It("is shown what is wrong and what to do", func(ctx context.Context) {
		for _, id := range ids[:leavers] {
			scim.mustDo("DELETE", "/Users/"+id, "", 204)
		}
		Eventually(t.standing(ctx)).Should(Equal(map[string]int{
			"True Provisioned": size + 1 - leavers, "False DeletedByProvider": limit, "True HeldByGuard": leavers - limit,
		}))
		Eventually(func() string { return plugin(ctx, t.namespace, "status", "okta") }).Should(And(
			ContainSubstring("Guard, HeldByGuard"), ContainSubstring("kubectl scim approve")))
	})

	It("rejects for one user, who stays active", func(ctx context.Context) {
		who := held(ctx)[0]
		Expect(plugin(ctx, t.namespace, "reject", "okta", "--user", strings.ToUpper(who), "--yes")).To(ContainSubstring("Rejected: the deactivation of 1 user"))
		Eventually(t.standing(ctx)).Should(HaveKeyWithValue("True DeprovisioningRejected", 1))
		Expect(held(ctx)).NotTo(ContainElement(who))
		Expect(plugin(ctx, t.namespace, "explain", who)).To(ContainSubstring("Active"))
	})

	It("changes nothing without an answer", func(ctx context.Context) {
		out, err := pluginCommand(ctx, t.namespace, "approve", "okta").CombinedOutput()
		Expect(err).To(MatchError("exit status 1"))
		Expect(string(out)).To(And(ContainSubstring("Go on? [y/N]"), ContainSubstring("nothing was changed")))
		Expect(get(ctx, t.provider)()).To(HaveField("Annotations", Not(HaveKey(scimv1.ApproveHeldAnnotation))))
		Expect(held(ctx)).To(HaveLen(leavers - limit - 1))
	})

	It("approves for the others, who become inactive", func(ctx context.Context) {
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Held", HaveValue(BeEquivalentTo(leavers-limit-1))))
		Expect(plugin(ctx, t.namespace, "approve", "okta", "--yes")).To(ContainSubstring(fmt.Sprintf("Approved: the deactivation of %d users", leavers-limit-1)))
		Eventually(t.standing(ctx)).Should(Equal(map[string]int{
			"True Provisioned": size + 1 - leavers, "False DeletedByProvider": leavers - 1, "True DeprovisioningRejected": 1,
		}))
		t.awaitReady(ctx)
	})

	It("approves what was shown, and nobody who is held later", func(ctx context.Context) {
		var later []string
		for i := range 6 {
			later = append(later, scim.mustDo("POST", "/Users", userBody(fmt.Sprintf("later-%d@e2e.example", i)), 201).id())
		}
		Eventually(t.standing(ctx)).Should(HaveKeyWithValue("True Provisioned", size+1-leavers+6))
		for _, id := range later[:2] {
			scim.mustDo("DELETE", "/Users/"+id, "", 204)
		}
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Held", HaveValue(BeEquivalentTo(2))))
		for _, id := range later[2:] {
			scim.mustDo("DELETE", "/Users/"+id, "", 204)
		}
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Queued", HaveValue(BeEquivalentTo(4))))
		Expect(plugin(ctx, t.namespace, "status", "okta")).To(ContainSubstring("4 users held since then wait in another hold"))

		Expect(plugin(ctx, t.namespace, "approve", "okta", "--yes")).To(ContainSubstring("Approved: the deactivation of 2 users"))
		Eventually(t.standing(ctx)).Should(And(HaveKeyWithValue("False DeletedByProvider", leavers-1+2), HaveKeyWithValue("True HeldByGuard", 4)))
		Consistently(t.standing(ctx), 5*time.Second).Should(HaveKeyWithValue("True HeldByGuard", 4))
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Held", HaveValue(BeEquivalentTo(4))))
		plugin(ctx, t.namespace, "approve", "okta", "--yes")
		Eventually(t.standing(ctx)).Should(HaveKeyWithValue("False DeletedByProvider", leavers-1+6))
	})

	It("is nobody who lacks the verb approve, which kubectl scim says", func(ctx context.Context) {
		grant := func(name string, verbs ...string) {
			GinkgoHelper()
			for _, o := range []client.Object{
				&rbacv1.Role{
					ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name},
					Rules: []rbacv1.PolicyRule{{
						APIGroups: []string{scimv1.GroupVersion.Group}, Resources: []string{"identityproviders", "scimendpoints", "scimusers"}, Verbs: verbs,
					}},
				},
				&rbacv1.RoleBinding{
					ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name},
					RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
					Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "jane"}},
				},
			} {
				Expect(k8s.Create(ctx, o)).To(Succeed())
			}
		}
		scim.mustDo("DELETE", "/Users/"+ids[leavers], "", 204)
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Held", HaveValue(BeEquivalentTo(1))))
		grant("writer", "get", "list", "patch")
		jane := func() string {
			out, _ := pluginCommand(ctx, t.namespace, "approve", "okta", "--yes", "--as", "jane").CombinedOutput()
			return string(out)
		}
		Eventually(jane).Should(ContainSubstring(`you lack the verb "approve" on identityproviders.scim-operator.io`))
		Expect(t.standing(ctx)()).To(HaveKeyWithValue("True HeldByGuard", 1))
		grant("approver", "approve")
		Eventually(jane).Should(ContainSubstring("Approved: the deactivation of 1 user"))
		Eventually(t.standing(ctx)).ShouldNot(HaveKey("True HeldByGuard"))
	})

	It("approves that the last one goes who has a protected role", func(ctx context.Context) {
		scim.mustDo("PATCH", "/Users/"+ids[size], patchBody(`{"op":"replace","value":{"active":false}}`), 200)
		Eventually(t.standing(ctx)).Should(HaveKeyWithValue("True LastProtectedRoleHolder", 1))
		Eventually(func() string { return plugin(ctx, t.namespace, "explain", root) }).Should(And(
			ContainSubstring("the last active one with a protected role"), ContainSubstring("SystemAdministrator")))
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Deprovisioning.Examples", ConsistOf(root)))
		plugin(ctx, t.namespace, "approve", "okta", "--user", root, "--yes")
		Eventually(t.standing(ctx)).Should(HaveKeyWithValue("False DeactivatedByProvider", 1))
		t.awaitReady(ctx)
	})
})
