// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// grant gives somebody verbs on the kinds that a person decides about, in one namespace.
func grant(ctx context.Context, namespace, role, who string, verbs ...string) {
	Expect(env.Client.Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"identityproviders", "scimendpoints", "scimusers"}, Verbs: verbs,
		}},
	})).To(Succeed())
	Expect(env.Client.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: who}},
	})).To(Succeed())
}

var _ = Describe("Who decides about people", func() {
	var namespace string
	annotation := func(key string, value any) client.Patch {
		return mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}})
	}
	note := func(value string) client.Patch { return annotation("example.com/note", value) }
	objects := map[string]func(annotations map[string]string) client.Object{
		"IdentityProvider": func(annotations map[string]string) client.Object {
			idp := newProvider(namespace)
			idp.Name, idp.Annotations = "entra", annotations
			idp.Spec.SCIM = nil
			return idp
		},
		"ScimEndpoint": func(annotations map[string]string) client.Object {
			return &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tools", Annotations: annotations}}
		},
		"ScimUser": func(annotations map[string]string) client.Object {
			return &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada", Annotations: annotations},
				Spec:       v1alpha1.ScimUserSpec{UserName: "ada"},
			}
		},
	}

	BeforeEach(func(ctx SpecContext) { namespace = env.Namespace(ctx) })

	DescribeTable("is who has the verb approve on what bears the decision",
		func(ctx SpecContext, kind, key string, who func() string) {
			obj := objects[kind](nil)
			Expect(env.Client.Create(ctx, obj)).To(Succeed())
			somebody := env.As(who())
			grant(ctx, namespace, "writer", who(), "get", "list", "create", "update", "patch", "delete")
			Eventually(func() error { return somebody.Patch(ctx, obj, note("x")) }).Should(Succeed(), "everything else is theirs to write")
			refused := And(Satisfy(apierrors.IsForbidden), MatchError(And(ContainSubstring("the verb approve on "), ContainSubstring("scim-operator-approve"))))
			Expect(somebody.Patch(ctx, obj, annotation(key, "hold-1"))).To(refused)

			By("having the verb")
			grant(ctx, namespace, "approver", who(), "approve")
			Eventually(func() error { return somebody.Patch(ctx, obj, annotation(key, "hold-1")) }).Should(Succeed())
			Expect(somebody.Patch(ctx, obj, annotation(key, "hold-1,hold-2"))).To(Succeed())

			By("not having it any more")
			Expect(env.Client.Delete(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "approver"}})).To(Succeed())
			for n := 3; ; n++ { // the API server goes on with the old binding for a moment
				err := somebody.Patch(ctx, obj, annotation(key, fmt.Sprintf("hold-%d", n)))
				if err != nil {
					Expect(err).To(refused)
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			Expect(somebody.Patch(ctx, obj, annotation(key, nil))).To(refused, "taking it back is a decision, too")
			Expect(somebody.Patch(ctx, obj, note("y"))).To(Succeed())
		},
		Entry("a hold, at a provider", "IdentityProvider", v1alpha1.ApproveHeldAnnotation, func() string { return "jane" }),
		Entry("a hold, rejected at a provider", "IdentityProvider", v1alpha1.RejectHeldAnnotation, func() string { return "jane" }),
		Entry("a hold, at an endpoint", "ScimEndpoint", v1alpha1.ApproveHeldAnnotation, func() string { return "jane" }),
		Entry("a single user", "ScimUser", v1alpha1.ApproveHeldAnnotation, func() string { return "jane" }),
		Entry("a single user, rejected", "ScimUser", v1alpha1.RejectHeldAnnotation, func() string { return "jane" }),
		Entry("an adoption", "ScimUser", v1alpha1.ApproveAdoptionAnnotation, func() string { return "jane" }),
	)

	It("is no server, which may write users and lacks the verb", func(ctx SpecContext) {
		user := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada", Finalizers: []string{v1alpha1.ClaimsFinalizer}},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "ada"},
		}
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		grant(ctx, namespace, "server", serverOf(namespace, name), "get", "list", "create", "update", "patch", "delete")
		server := env.As(serverOf(namespace, name))
		Eventually(func() error { return server.Patch(ctx, user, note("x")) }).Should(Succeed())
		for _, key := range []string{v1alpha1.ApproveHeldAnnotation, v1alpha1.RejectHeldAnnotation, v1alpha1.ApproveAdoptionAnnotation, v1alpha1.DepartureAnnotation, v1alpha1.RoleLossAnnotation} {
			Expect(server.Patch(ctx, user.DeepCopy(), annotation(key, name))).To(Satisfy(apierrors.IsForbidden), key)
		}
		born := user.DeepCopy()
		born.ResourceVersion, born.Name, born.Spec.UserName, born.Annotations = "", "bob", "bob", map[string]string{v1alpha1.ApproveHeldAnnotation: "hold-1"}
		Expect(server.Create(ctx, born)).To(And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("the verb approve"))))
	})

	DescribeTable("does not write what the manager remembers",
		func(ctx SpecContext, kind, key string) {
			obj := objects[kind](nil)
			Expect(env.Client.Create(ctx, obj)).To(Succeed())
			grant(ctx, namespace, "approver", "jane", "get", "list", "create", "update", "patch", "delete", "approve")
			jane := env.As("jane")
			Eventually(func() error { return jane.Patch(ctx, obj, note("x")) }).Should(Succeed())
			refused := And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("the manager's memory of who is held")))
			Expect(jane.Patch(ctx, obj.DeepCopyObject().(client.Object), annotation(key, "{}"))).To(refused)
			Expect(env.As(manager).Patch(ctx, obj, annotation(key, "{}"))).To(Succeed())
			Expect(jane.Patch(ctx, obj, annotation(key, nil))).To(refused)

			By("restoring it")
			Expect(env.Client.Delete(ctx, obj)).To(Succeed())
			backup := map[string]string{key: "{}", v1alpha1.ApproveHeldAnnotation: "hold-1"}
			Expect(jane.Create(ctx, objects[kind](backup))).To(refused)
			grant(ctx, namespace, "restorer", "velero", "get", "create", "restore")
			Eventually(func() error { return env.As("velero").Create(ctx, objects[kind](backup)) }).Should(Succeed())
		},
		Entry("of a user", "ScimUser", v1alpha1.DepartureAnnotation),
		Entry("of a user's roles", "ScimUser", v1alpha1.RoleLossAnnotation),
		Entry("of a provider", "IdentityProvider", v1alpha1.HoldsAnnotation),
		Entry("of an endpoint", "ScimEndpoint", v1alpha1.HoldsAnnotation),
	)
})
