// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"encoding/json"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/render"
)

func TestHostAllowed(t *testing.T) {
	for _, row := range []struct {
		list, host string
		want       bool
	}{
		{"scim.acme.com", "scim.acme.com", true},
		{" Scim.Acme.com , b.example", "scim.acme.com", true},
		{"a.example,b.example", "b.example", true},
		{"*.acme.com", "scim.acme.com", true},
		{"*.acme.com", "scim.eu.acme.com", true},
		{"*.acme.com", "acme.com", false},
		{"*.acme.com", "scim.notacme.com", false},
		{"*acme.com", "scim.acme.com", false},
		{"*", "anything.example", true},
		{"", "scim.acme.com", false},
		{",", "scim.acme.com", false},
		{"scim.acme.com.evil.example", "scim.acme.com", false},
	} {
		if got := hostAllowed(row.list, row.host); got != row.want {
			t.Errorf("%q allows %s: %t", row.list, row.host, got)
		}
	}
}

func TestCheckIngress(t *testing.T) {
	for _, row := range []struct {
		name    string
		allowed []string
		ingress v1alpha1.IngressExposure
		want    string
	}{
		{"a certificate", nil, v1alpha1.IngressExposure{TLSSecretName: "a"}, ""},
		{"no certificate", nil, v1alpha1.IngressExposure{}, v1alpha1.ReasonTLSRequired},
		{"no certificate, and the word for it", nil, v1alpha1.IngressExposure{TLS: v1alpha1.IngressInsecurePlaintext}, ""},
		{"an allowed annotation", []string{"a/b"}, v1alpha1.IngressExposure{TLSSecretName: "a", Annotations: map[string]string{"a/b": "x"}}, ""},
		{"another annotation", []string{"a/b"}, v1alpha1.IngressExposure{TLSSecretName: "a", Annotations: map[string]string{"a/bc": "x"}}, v1alpha1.ReasonAnnotationNotAllowed},
		{"an allowed prefix", []string{"a/*"}, v1alpha1.IngressExposure{TLSSecretName: "a", Annotations: map[string]string{"a/bc": "x"}}, ""},
		{"all annotations", []string{"*"}, v1alpha1.IngressExposure{TLSSecretName: "a", Annotations: map[string]string{"x": "x"}}, ""},
		{"a snippet, by default", DefaultIngressAnnotations, v1alpha1.IngressExposure{TLSSecretName: "a", Annotations: map[string]string{"nginx.ingress.kubernetes.io/server-snippet": "x"}}, v1alpha1.ReasonAnnotationNotAllowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			if failure := (ExposureRules{Annotations: row.allowed}).checkIngress(&row.ingress); failure != nil {
				got = failure.Reason
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

var _ = Describe("What administrators allow", func() {
	var ep *v1alpha1.ScimEndpoint

	BeforeEach(func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep = newEndpoint(namespace, throughIngress(namespace))
	})

	ingressOf := func(ctx context.Context, ep *v1alpha1.ScimEndpoint) func() error {
		return gone(ctx, ep.Namespace, ep.ChildName(), &networkingv1.Ingress{})
	}
	allow := func(ctx context.Context, namespace string, hosts any) {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AllowedHostsAnnotation: hosts}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(env.Client.Patch(ctx, namespaceNamed(namespace), client.RawPatch(types.MergePatchType, patch))).To(Succeed())
	}
	exposed := testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied)
	notAllowed := And(
		testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHostNotAllowed),
		testenv.StalledBecause(v1alpha1.ReasonHostNotAllowed),
		HaveField("Status.Routes", BeEmpty()),
	)

	It("decides which annotations an Ingress has, and none is there with another", func(ctx SpecContext) {
		ep.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/note": "x", "cert-manager.io/issuer": "acme"}
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(exposed)
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Exposure.Ingress.Annotations["nginx.ingress.kubernetes.io/server-snippet"] = "return 200;"
		})
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonAnnotationNotAllowed),
			testenv.StalledBecause(v1alpha1.ReasonAnnotationNotAllowed),
			testenv.Condition(v1alpha1.ConditionExposed, HaveField("Message", ContainSubstring("nginx.ingress.kubernetes.io/server-snippet"))),
		))
		Eventually(ingressOf(ctx, ep)).Should(Satisfy(apierrors.IsNotFound))
	})

	It("decides which hosts a namespace has, at once", func(ctx SpecContext) {
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(exposed)
		allow(ctx, ep.Namespace, "elsewhere.example")
		Eventually(observed(ctx, ep)).Should(notAllowed)
		Eventually(ingressOf(ctx, ep)).Should(Satisfy(apierrors.IsNotFound))
		allow(ctx, ep.Namespace, "elsewhere.example, *.example.com")
		Eventually(observed(ctx, ep)).Should(exposed)
		allow(ctx, ep.Namespace, "")
		Eventually(observed(ctx, ep)).Should(notAllowed)
		allow(ctx, ep.Namespace, nil)
		Eventually(observed(ctx, ep)).Should(exposed)
	})

	It("keeps a host from who waits for it, when its owner goes, for the one who may have it", func(ctx SpecContext) {
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(exposed)
		squatter := newEndpoint(env.Namespace(ctx), throughIngress(ep.Namespace))
		env.Create(ctx, squatter)
		Eventually(observed(ctx, squatter)).Should(testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHostInUse))
		allow(ctx, squatter.Namespace, "squatter.example")
		Eventually(observed(ctx, squatter)).Should(notAllowed)
		env.Remove(ctx, ep)
		heir := newEndpoint(env.Namespace(ctx), throughIngress(ep.Namespace))
		env.Create(ctx, heir)
		Eventually(observed(ctx, heir)).Should(exposed)
		Consistently(observed(ctx, squatter), testenv.Quiet).Should(notAllowed)
	})

	It("can be that no namespace has any host unless its annotation says so", func(ctx SpecContext) {
		stopManager()
		stop := env.Run(setupWith(render.Options{Image: testenv.Image}, ExposureRules{RequireAllowedHosts: true}))
		DeferCleanup(startManager)
		DeferCleanup(stop)
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(notAllowed)
		allow(ctx, ep.Namespace, ep.Host())
		Eventually(observed(ctx, ep)).Should(exposed)
	})
})
