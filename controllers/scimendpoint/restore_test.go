// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/test/backup"
)

var _ = Describe("A restored endpoint", func() {
	var (
		ep     *v1alpha1.ScimEndpoint
		before map[string]string
	)
	tokens := func(ctx context.Context) func(Gomega) map[string]string {
		return func(g Gomega) map[string]string {
			found := map[string]string{}
			var secrets corev1.SecretList
			g.Expect(env.Client.List(ctx, &secrets, client.InNamespace(ep.Namespace))).To(Succeed())
			for _, s := range secrets.Items {
				if s.Type == v1alpha1.TokenSecretType {
					found[s.Name] = string(s.Data[v1alpha1.TokenKey])
				}
			}
			return found
		}
	}
	take := func(ctx context.Context) backup.Backup {
		GinkgoHelper()
		var kinds []schema.GroupVersionKind
		for _, list := range childLists() {
			kind, err := apiutil.GVKForObject(list, env.Client.Scheme())
			Expect(err).NotTo(HaveOccurred())
			kinds = append(kinds, kind.GroupVersion().WithKind(kind.Kind[:len(kind.Kind)-len("List")]))
		}
		b, err := backup.Take(ctx, env.Client, ep.Namespace, kinds)
		Expect(err).NotTo(HaveOccurred())
		return b
	}
	owned := func(ctx context.Context) func(Gomega) {
		return func(g Gomega) {
			current := observed(ctx, ep)(g)
			for _, o := range take(ctx) {
				if o.GetKind() == "ScimEndpoint" || o.GetLabels()[v1alpha1.EndpointLabel] == "" {
					continue
				}
				child := &metav1.PartialObjectMetadata{}
				child.SetGroupVersionKind(o.GroupVersionKind())
				g.Expect(env.Get(ctx, ep.Namespace, o.GetName(), child)).To(Succeed())
				g.Expect(metav1.IsControlledBy(child, current)).To(BeTrue(), "%s %s", o.GetKind(), o.GetName())
			}
		}
	}
	atWork := And(
		testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued),
		testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied),
		testenv.ReconcilingBecause(v1alpha1.ReasonReplicasUnready),
	)

	BeforeEach(func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep = newEndpoint(namespace, throughIngress(namespace))
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(atWork)
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Token = &v1alpha1.TokenPolicy{Generation: new(int64(2))}
		})
		Eventually(observed(ctx, ep)).Should(HaveField("Status.TokenGeneration", HaveValue(BeEquivalentTo(2))))
		before = tokens(ctx)(Default)
		Expect(before).To(HaveLen(2))
	})

	DescribeTable("takes its children back and issues no other token",
		func(ctx SpecContext, lost func(*unstructured.Unstructured) bool, endpointFirst, managerRuns bool) {
			Eventually(func(g Gomega) {
				g.Expect(endpointNamed(ctx, ep)(g).Annotations).To(HaveKey(v1alpha1.EndpointRecordAnnotation))
			}).Should(Succeed())
			b := take(ctx)
			restore := func() {
				parts := []backup.Backup{b.Only(func(o *unstructured.Unstructured) bool { return !lost(o) })}
				if endpointFirst {
					parts = []backup.Backup{b.Only(isEndpoint), parts[0]}
				}
				for _, part := range parts {
					Expect(part.Restore(ctx, env.Client)).To(BeEmpty())
					if endpointFirst && managerRuns {
						Eventually(observed(ctx, ep)).Should(Not(BeNil()))
					}
				}
			}
			withoutManager(func() {
				Expect(b.Erase(ctx, env.Client)).To(Succeed())
				if !managerRuns {
					restore()
				}
			})
			if managerRuns {
				restore()
			}
			Eventually(observed(ctx, ep)).Should(atWork)
			Eventually(owned(ctx)).Should(Succeed())
			Expect(tokens(ctx)(Default)).To(Equal(before))
			for _, plaintext := range before {
				Expect(accepts(ctx, ep, plaintext)(Default)).To(BeTrue())
			}
			Consistently(tokens(ctx), testenv.Quiet).Should(Equal(before))
		},
		Entry("of everything", nothing, false, false),
		Entry("of everything, while the manager runs", nothing, false, true),
		Entry("of the endpoint before everything else, while the manager runs", nothing, true, true),
		Entry("of everything but the digests", isDigests, false, false),
	)

	It("is remembered again when somebody takes the annotation away", func(ctx SpecContext) {
		Eventually(endpointNamed(ctx, ep)).Should(HaveField("Annotations", HaveKey(v1alpha1.EndpointRecordAnnotation)))
		record := endpointNamed(ctx, ep)(Default).Annotations[v1alpha1.EndpointRecordAnnotation]
		Expect(record).To(And(ContainSubstring(ep.Route()), ContainSubstring("okta-scim-token-2")))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { delete(ep.Annotations, v1alpha1.EndpointRecordAnnotation) })
		Eventually(endpointNamed(ctx, ep)).Should(HaveField("Annotations", HaveKeyWithValue(v1alpha1.EndpointRecordAnnotation, record)))
	})

	It("waits for the Secrets of its tokens when none of them has been restored", func(ctx SpecContext) {
		b := take(ctx)
		withoutManager(func() {
			Expect(b.Erase(ctx, env.Client)).To(Succeed())
			Expect(b.Only(func(o *unstructured.Unstructured) bool { return o.GetKind() != "Secret" }).Restore(ctx, env.Client)).To(BeEmpty())
		})
		Eventually(observed(ctx, ep)).Should(testenv.StalledBecause(v1alpha1.ReasonTokenDigestsLost))
		Expect(tokens(ctx)(Default)).To(BeEmpty())
		Expect(b.Restore(ctx, env.Client)).To(BeEmpty())
		Eventually(observed(ctx, ep)).Should(atWork)
		Expect(tokens(ctx)(Default)).To(Equal(before))
	})

	It("has its host still, of which another that waits cannot get hold meanwhile", func(ctx SpecContext) {
		rival := newEndpoint(env.Namespace(ctx), throughIngress(ep.Namespace))
		env.Create(ctx, rival)
		Eventually(observed(ctx, rival)).Should(testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHostInUse))
		b := take(ctx)
		withoutManager(func() {
			Expect(b.Erase(ctx, env.Client)).To(Succeed())
			Expect(b.Restore(ctx, env.Client)).To(BeEmpty())
		})
		Eventually(observed(ctx, ep)).Should(atWork)
		Consistently(observed(ctx, rival), testenv.Quiet).Should(testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHostInUse))
	})
})

func nothing(*unstructured.Unstructured) bool { return false }

func isEndpoint(o *unstructured.Unstructured) bool { return o.GetKind() == "ScimEndpoint" }

func isDigests(o *unstructured.Unstructured) bool {
	kind, _, _ := unstructured.NestedString(o.Object, "type")
	return kind == string(v1alpha1.DigestSecretType)
}

func endpointNamed(ctx context.Context, ep *v1alpha1.ScimEndpoint) func(Gomega) *v1alpha1.ScimEndpoint {
	return fetch(ctx, ep.Namespace, ep.Name, ep)
}
