// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

func TestOverlap(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"/scim/v2", "/scim/v2", true},
		{"", "/scim/v2", true},
		{"", "", true},
		{"/scim", "/scim/v2", true},
		{"/scim/v2", "/scim/v20", false},
		{"/acme/scim", "/umbrella/scim", false},
	} {
		if overlap(row.a, row.b) != row.want || overlap(row.b, row.a) != row.want {
			t.Errorf("%q and %q: want %t", row.a, row.b, row.want)
		}
	}
}

func TestOlder(t *testing.T) {
	born := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	endpoint := func(namespace, name string, age time.Duration) *v1alpha1.ScimEndpoint {
		ep := &v1alpha1.ScimEndpoint{ObjectMeta: objectMeta(namespace, name)}
		ep.CreationTimestamp = metav1.NewTime(born.Add(-age))
		return ep
	}
	for _, row := range []struct {
		name string
		a, b *v1alpha1.ScimEndpoint
	}{
		{"created before", endpoint("z", "z", time.Second), endpoint("a", "a", 0)},
		{"of the same second, by namespace", endpoint("a", "z", 0), endpoint("b", "a", 0)},
		{"of the same second and namespace, by name", endpoint("a", "a", 0), endpoint("a", "b", 0)},
	} {
		if !older(row.a, row.b) || older(row.b, row.a) {
			t.Errorf("%s: not in order", row.name)
		}
	}
}

var _ = Describe("A host that two namespaces ask for", func() {
	var first, second *v1alpha1.ScimEndpoint

	BeforeEach(func(ctx SpecContext) {
		// The second namespace comes after the first by name, too: both endpoints may be
		// of the same second.
		first = newEndpoint(env.Namespace(ctx), nil)
		first.Spec.Exposure = throughIngress(first.Namespace)
		second = newEndpoint(first.Namespace+"-z", throughIngress(first.Namespace))
		create(ctx, namespaceNamed(second.Namespace), first)
		Eventually(observed(ctx, first)).Should(isTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
	})

	ingressOf := func(ctx context.Context, ep *v1alpha1.ScimEndpoint) func() error {
		return gone(ctx, ep.Namespace, ep.ChildName(), &networkingv1.Ingress{})
	}
	givesWay := And(
		isFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHostInUse),
		stalledBecause(v1alpha1.ReasonHostInUse),
	)
	exposed := isTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied)

	It("stays with the older endpoint until that goes", func(ctx SpecContext) {
		create(ctx, second)
		Eventually(observed(ctx, second)).Should(givesWay)
		Expect(ingressOf(ctx, second)()).To(Satisfy(apierrors.IsNotFound))
		Expect(observed(ctx, first)(Default)).To(exposed)
		Expect(ingressOf(ctx, first)()).To(Succeed())
		Expect(observed(ctx, second)(Default)).To(condition(v1alpha1.ConditionExposed,
			HaveField("Message", And(ContainSubstring(first.Host()), Not(ContainSubstring(first.Namespace+"/"))))))

		remove(ctx, first)
		Eventually(observed(ctx, second)).Should(exposed)
		Eventually(ingressOf(ctx, second)).Should(Succeed())
	})

	It("is free once the older endpoint changes its own", func(ctx SpecContext) {
		second.Spec.Exposure.BaseURL = "https://" + first.Host() + "/scim"
		create(ctx, second)
		Eventually(observed(ctx, second)).Should(givesWay)
		change(ctx, first, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure.Ingress.Host = "elsewhere." + ep.Namespace })
		Eventually(observed(ctx, second)).Should(exposed)
		Eventually(observed(ctx, first)).Should(exposed)
	})

	It("may be shared under different paths, and an Ingress goes that is no longer so", func(ctx SpecContext) {
		second.Spec.Exposure.BaseURL = "https://" + first.Host() + "/second/scim"
		create(ctx, second)
		Eventually(observed(ctx, second)).Should(exposed)
		change(ctx, second, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure.BaseURL = "" })
		Eventually(observed(ctx, second)).Should(givesWay)
		Eventually(ingressOf(ctx, second)).Should(Satisfy(apierrors.IsNotFound))
	})
})
