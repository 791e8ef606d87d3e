// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

// bind gives a user a ClusterRole in a namespace.
func bind(ctx context.Context, namespace, role, user string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user + "-" + role, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})).To(Succeed())
}

var _ = Describe("who may write", Ordered, func() {
	var t *tenant
	var user *scimv1.ScimUser
	var eve client.Client
	spec := func(fields string) client.Patch {
		return client.RawPatch(types.MergePatchType, []byte(`{"spec":`+fields+`}`))
	}
	rename := spec(`{"displayName":"Somebody Else"}`)

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "policy", 1)
		id := t.scim().mustDo("POST", "/Users", userBody("guarded@e2e.example"), 201).id()
		user = &scimv1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: t.namespace}}
		bind(ctx, t.namespace, "admin", "eve")
		eve = impersonating("eve")
	})

	It("and who may see people, is not decided with the cluster's role admin", func(ctx context.Context) {
		Eventually(func() error { return eve.Get(ctx, client.ObjectKeyFromObject(t.provider), &scimv1.IdentityProvider{}) }).Should(Succeed())
		Expect(eve.Get(ctx, client.ObjectKeyFromObject(user), &scimv1.ScimUser{})).To(Satisfy(apierrors.IsForbidden))
		Expect(eve.List(ctx, &scimv1.ScimGroupList{}, client.InNamespace(t.namespace))).To(Satisfy(apierrors.IsForbidden))
		bind(ctx, t.namespace, "scim-operator-edit-people", "eve")
		Eventually(func() error { return eve.Get(ctx, client.ObjectKeyFromObject(user), &scimv1.ScimUser{}) }).Should(Succeed())
	})

	It("a cluster administrator may not change what the IdP said", func(ctx context.Context) {
		err := k8s.Patch(ctx, user.DeepCopy(), rename)
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring("change the user or group in the identity provider instead")))
	})

	It("somebody with the roles admin and edit-people in the namespace may not create a user by hand for an endpoint", func(ctx context.Context) {
		Eventually(func() error {
			return eve.Create(ctx, &scimv1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Name: "by-hand", Namespace: t.namespace},
				Spec:       scimv1.ScimUserSpec{EndpointRef: scimv1.EndpointReference{Name: "okta"}, UserName: "by-hand"},
			})
		}).Should(MatchError(ContainSubstring("ValidatingAdmissionPolicy")))
	})

	It("and may change preferences, and nothing else", func(ctx context.Context) {
		const preferences = `{"preferredLanguage":"fr-FR","locale":"fr-FR","timezone":"Europe/Paris","phoneNumbers":[{"value":"+33 1 23"}]}`
		Eventually(func() error { return eve.Patch(ctx, user.DeepCopy(), spec(preferences)) }).Should(Succeed())
		for _, change := range []string{
			`{"userName":"eve"}`, `{"active":false}`, `{"displayName":"Eve"}`, `{"emails":null}`, `{"title":"Queen","timezone":"Asia/Tokyo"}`,
			`{"account":{"userType":"technician"}}`, `{"deletedTime":"2026-01-01T00:00:00Z"}`, `{"endpointRef":{"name":"entra"}}`,
		} {
			err := eve.Patch(ctx, user.DeepCopy(), spec(change))
			Expect(apierrors.IsForbidden(err) || apierrors.IsInvalid(err)).To(BeTrue(), "%s: %v", change, err)
		}
		shown := t.scim().mustDo("GET", "/Users/"+user.Name, "", 200)
		Expect(shown.Body).To(And(HaveKeyWithValue("timezone", "Europe/Paris"), HaveKeyWithValue("active", true)))
	})

	It("the break-glass group may", func(ctx context.Context) {
		admin := impersonating("somebody", "system:masters", "scim-operator.io:break-glass")
		Expect(admin.Patch(ctx, user.DeepCopy(), rename)).To(Succeed())
	})

	It("the manager may not, nor another endpoint's server", func(ctx context.Context) {
		for _, name := range []string{
			"system:serviceaccount:scim-operator-system:scim-operator",
			"system:serviceaccount:" + t.namespace + ":entra-scim",
		} {
			// Even with every permission that RBAC could give.
			err := impersonating(name, "system:masters").Patch(ctx, user.DeepCopy(), spec(`{"displayName":"By another server"}`))
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", name, err)
		}
	})

	It("nobody strips the finalizer, because the id could then be given to another person", func(ctx context.Context) {
		err := k8s.Patch(ctx, user.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(get(ctx, user)()).To(HaveField("Finalizers", ContainElement(scimv1.ClaimsFinalizer)))
	})

	It("nobody deletes a claim by hand, because the userName could then be given twice", func(ctx context.Context) {
		claims := &scimv1.ScimClaimList{}
		Expect(k8s.List(ctx, claims, client.InNamespace(t.namespace))).To(Succeed())
		Expect(claims.Items).To(HaveLen(1))
		Expect(apierrors.IsForbidden(k8s.Delete(ctx, &claims.Items[0]))).To(BeTrue())
	})

	It("a server may not touch another endpoint's user, nor anything else", func(ctx context.Context) {
		other := impersonating("system:serviceaccount:"+t.namespace+":entra-scim", "system:masters")
		Expect(apierrors.IsForbidden(other.Delete(ctx, user.DeepCopy()))).To(BeTrue())

		own := impersonating("system:serviceaccount:" + t.namespace + ":okta-scim")
		allowed := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "okta-scim-digests", Namespace: t.namespace}}
		Expect(own.Get(ctx, client.ObjectKeyFromObject(allowed), allowed)).To(Succeed())
		for _, secret := range []string{"okta-scim-token", "scim-tls"} {
			err := own.Get(ctx, types.NamespacedName{Namespace: t.namespace, Name: secret}, &corev1.Secret{})
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", secret, err)
		}
		Expect(apierrors.IsForbidden(own.List(ctx, &corev1.SecretList{}, client.InNamespace(t.namespace)))).To(BeTrue())
		Expect(apierrors.IsForbidden(own.List(ctx, &corev1.PodList{}, client.InNamespace(t.namespace)))).To(BeTrue())
		Expect(apierrors.IsForbidden(own.List(ctx, &scimv1.ScimUserList{}, client.InNamespace(metav1.NamespaceDefault)))).To(BeTrue())
		endpoint := &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: t.namespace}}
		err := own.Patch(ctx, endpoint, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":9}}`)))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		err = own.Status().Patch(ctx, endpoint, client.RawPatch(types.MergePatchType, []byte(`{"status":{"baseURL":"https://elsewhere.example"}}`)))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})
})
