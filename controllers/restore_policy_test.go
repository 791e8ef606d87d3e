// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// editors is the group of those who have every ordinary verb on the kinds, and no verb that
// the policies ask for. In system:masters one has those as well.
const editors = "editors"

// editor is a client of such a person.
func editor(ctx context.Context) client.Client {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: editors},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"},
			Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"},
		}},
	}
	Expect(client.IgnoreAlreadyExists(env.Client.Create(ctx, role))).To(Succeed())
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: editors},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: editors},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: editors}},
	}
	Expect(client.IgnoreAlreadyExists(env.Client.Create(ctx, binding))).To(Succeed())
	return env.As("editor", editors)
}

// restorer is a client of a backup tool's ServiceAccount that may restore in a namespace.
func restorer(ctx context.Context, namespace string) client.Client {
	GinkgoHelper()
	Expect(env.Client.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "backup-tool"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-restore"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "velero", Name: "velero"}},
	})).To(Succeed())
	return env.As("system:serviceaccount:velero:velero", "system:serviceaccounts", "system:authenticated")
}

var _ = Describe("Restoring a backup", func() {
	var namespace string
	okta := v1alpha1.EndpointReference{Name: name}
	meta := func(name string, annotations map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: namespace, Name: name, Annotations: annotations,
			Labels: map[string]string{v1alpha1.EndpointLabel: okta.Name}, Finalizers: []string{v1alpha1.ClaimsFinalizer},
		}
	}
	deleted := metav1.NowMicro()
	// saved are objects as only servers and the manager write them.
	saved := func() map[string]client.Object {
		return map[string]client.Object{
			"a user":         &v1alpha1.ScimUser{ObjectMeta: meta("ada", nil), Spec: v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "ada"}},
			"a record":       &v1alpha1.ScimUser{ObjectMeta: meta("eve", nil), Spec: v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "eve", DeletedTime: &deleted}},
			"an adopted one": &v1alpha1.ScimUser{ObjectMeta: meta("bob", nil), Spec: v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "bob", AdoptedTime: &deleted}},
			"an id given up": &v1alpha1.ScimUser{
				ObjectMeta: meta("nobody", map[string]string{v1alpha1.AbandonedAnnotation: "true"}),
				Spec:       v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "nobody"},
			},
			"an unlinked id given up": &v1alpha1.ScimUser{
				ObjectMeta: meta("no-one", map[string]string{v1alpha1.AbandonedAnnotation: "true"}),
				Spec:       v1alpha1.ScimUserSpec{UserName: "no-one"},
			},
			"a group": &v1alpha1.ScimGroup{ObjectMeta: meta("all", nil), Spec: v1alpha1.ScimGroupSpec{EndpointRef: okta, DisplayName: "all"}},
			"a slice": &v1alpha1.ScimGroupSlice{ObjectMeta: meta("all-1", nil), Spec: v1alpha1.ScimGroupSliceSpec{
				EndpointRef: okta, GroupRef: v1alpha1.ObjectReference{Name: "all"}, Members: []v1alpha1.GroupMember{{Value: "ada"}},
			}},
			"a claim": &v1alpha1.ScimClaim{ObjectMeta: meta("c1", nil), Spec: v1alpha1.ScimClaimSpec{
				EndpointRef: okta, Attribute: v1alpha1.ClaimUserName, Value: "ada", HolderRef: v1alpha1.ObjectReference{Name: "ada"},
			}},
			"an endpoint": &v1alpha1.ScimEndpoint{ObjectMeta: meta(name, map[string]string{
				v1alpha1.EndpointRecordAnnotation: `{"routes":["scim.acme.com/scim/v2"]}`,
			})},
		}
	}

	BeforeEach(func(ctx SpecContext) { namespace = env.Namespace(ctx) })

	It("takes the verb restore, and creates everything as it was", func(ctx SpecContext) {
		for _, what := range slices.Sorted(maps.Keys(saved())) {
			err := editor(ctx).Create(ctx, saved()[what])
			Expect(err).To(Satisfy(apierrors.IsForbidden), what)
		}
		tool := restorer(ctx, namespace)
		for _, what := range slices.Sorted(maps.Keys(saved())) {
			obj := saved()[what]
			Expect(tool.Create(ctx, obj)).To(Succeed(), what)
			Expect(obj.GetAnnotations()).To(Equal(saved()[what].GetAnnotations()), what)
		}
	})

	It("is granted for a namespace, and names the role where it is not", func(ctx SpecContext) {
		tool := restorer(ctx, namespace)
		namespace = env.Namespace(ctx)
		Expect(tool.Create(ctx, saved()["a user"])).To(MatchError(ContainSubstring("cannot create resource")))
		Expect(editor(ctx).Create(ctx, saved()["a user"])).To(MatchError(ContainSubstring("ClusterRole scim-operator-restore")))
	})

	It("changes nothing that exists, and is not a server's", func(ctx SpecContext) {
		user := saved()["a user"].(*v1alpha1.ScimUser)
		Expect(restorer(ctx, namespace).Create(ctx, user)).To(Succeed())
		// Somebody who has every verb there is.
		almighty := env.As("admin", "system:masters")
		Expect(almighty.Patch(ctx, user.DeepCopy(), mergePatch(map[string]any{"spec": map[string]any{"userName": "grace"}}))).To(Satisfy(apierrors.IsForbidden))
		server := env.As(serverOf(namespace, "entra"), "system:masters")
		Expect(server.Create(ctx, saved()["an adopted one"])).To(MatchError(ContainSubstring("another endpoint has no say over it")))
	})
})

var _ = Describe("What an endpoint must not forget", func() {
	It("is written by the manager alone", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		record := func(value any) client.Patch {
			return mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.EndpointRecordAnnotation: value}}})
		}
		ep := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		Expect(editor(ctx).Create(ctx, ep)).To(Succeed())
		Expect(editor(ctx).Patch(ctx, ep.DeepCopy(), record("{}"))).To(And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("the manager's memory"))))
		Expect(env.As(manager).Patch(ctx, ep.DeepCopy(), record(`{"routes":["a"]}`))).To(Succeed())
		Expect(editor(ctx).Patch(ctx, ep.DeepCopy(), record(`{"routes":["b"]}`))).To(Satisfy(apierrors.IsForbidden))
		Expect(env.As(serverOf(namespace, name), editors).Patch(ctx, ep.DeepCopy(), record(`{"routes":["b"]}`))).To(Satisfy(apierrors.IsForbidden))
		Expect(editor(ctx).Patch(ctx, ep.DeepCopy(), record(nil))).To(Succeed())
	})
})
