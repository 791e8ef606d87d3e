// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/assets"
)

var _ = Describe("The definition of a kind", func() {
	definition := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	// almighty may do everything, in an emergency as well.
	almighty := func() client.Client { return env.As("admin", "system:masters", "scim-operator.io:break-glass") }
	named := func(name string) *unstructured.Unstructured {
		crd := &unstructured.Unstructured{}
		crd.SetGroupVersionKind(definition)
		crd.SetName(name)
		return crd
	}
	say := func(value any) client.Patch {
		return mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{"scim-operator.io/delete-people": value}}})
	}

	It("is deleted by nobody who does not say that people go with it", func(ctx SpecContext) {
		files, err := filepath.Glob(filepath.Join(assets.Root(), "config", "crd", "bases", "*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		var all unstructured.UnstructuredList
		all.SetGroupVersionKind(definition)
		Expect(almighty().List(ctx, &all)).To(Succeed())
		found := 0
		for _, crd := range all.Items {
			if group, _, _ := unstructured.NestedString(crd.Object, "spec", "group"); group != "scim-operator.io" {
				continue
			}
			found++
			refused := And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("kubectl annotate crd "+crd.GetName()+" scim-operator.io/delete-people=yes")))
			Eventually(func() error { return almighty().Delete(ctx, named(crd.GetName()), client.DryRunAll) }).Should(refused, "the policy takes a moment to be in force")
			Expect(almighty().Patch(ctx, named(crd.GetName()), say("true"))).To(Succeed())
			Consistently(func() error { return almighty().Delete(ctx, named(crd.GetName()), client.DryRunAll) }, "300ms").Should(refused)
			Expect(almighty().Patch(ctx, named(crd.GetName()), say("yes"))).To(Succeed())
			Expect(almighty().Delete(ctx, named(crd.GetName()), client.DryRunAll)).To(Succeed())
			Expect(almighty().Patch(ctx, named(crd.GetName()), say(nil))).To(Succeed())
		}
		Expect(found).To(Equal(len(files)))
		Expect(almighty().DeleteAllOf(ctx, named(""), client.DryRunAll)).NotTo(Succeed(), "all at once")
	})
})

var _ = Describe("The finalizer that keeps an id", func() {
	It("is taken away by people in a namespace that is being deleted, of what goes with it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		user := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada", Finalizers: []string{v1alpha1.ClaimsFinalizer}},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "ada"},
		}
		Expect(env.Client.Create(ctx, user)).To(Succeed())
		release := func() error {
			return editor(ctx).Patch(ctx, user.DeepCopy(), mergePatch(map[string]any{"metadata": map[string]any{"finalizers": nil}}))
		}
		Expect(release()).To(Satisfy(apierrors.IsForbidden))
		Expect(editor(ctx).Delete(ctx, user.DeepCopy())).To(Succeed())
		Expect(release()).To(Satisfy(apierrors.IsForbidden), "the manager may come back")
		Expect(env.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		Eventually(release).Should(Succeed())
	})
})
