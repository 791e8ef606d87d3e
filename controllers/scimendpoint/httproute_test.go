// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

func gatewayCondition(conditionType string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
}

// reportRoute does what the Gateway's controller would: it says what it thinks of the HTTPRoute as it is now.
func reportRoute(ctx context.Context, ep *v1alpha1.ScimEndpoint, conditions ...metav1.Condition) {
	Eventually(func(g Gomega) {
		var route gatewayv1.HTTPRoute
		g.Expect(env.Get(ctx, ep.Namespace, ep.ChildName(), &route)).To(Succeed())
		for i := range conditions {
			conditions[i].ObservedGeneration = route.Generation
		}
		route.Status.Parents = []gatewayv1.RouteParentStatus{{
			ParentRef: route.Spec.ParentRefs[0], ControllerName: "example.com/gateway", Conditions: conditions,
		}}
		g.Expect(env.Client.Status().Update(ctx, &route)).To(Succeed())
	}).Should(Succeed())
}

func acceptRoute(ctx context.Context, ep *v1alpha1.ScimEndpoint) {
	reportRoute(ctx, ep, gatewayCondition("Accepted", metav1.ConditionTrue, "Accepted", ""), gatewayCondition("ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs", ""))
}

func TestAcceptance(t *testing.T) {
	condition := func(conditionType string, status metav1.ConditionStatus, reason string, generation int64) metav1.Condition {
		return metav1.Condition{Type: conditionType, Status: status, Reason: reason, ObservedGeneration: generation}
	}
	parent := func(name, section string, conditions ...metav1.Condition) gatewayv1.RouteParentStatus {
		ref := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(name)}
		if section != "" {
			ref.SectionName = ptr.To(gatewayv1.SectionName(section))
		}
		return gatewayv1.RouteParentStatus{ParentRef: ref, Conditions: conditions}
	}
	accepted := condition("Accepted", "True", "Accepted", 2)
	resolved := condition("ResolvedRefs", "True", "ResolvedRefs", 2)
	for _, row := range []struct {
		name     string
		gateways []v1alpha1.GatewayReference
		parents  []gatewayv1.RouteParentStatus
		want     string
	}{
		{"nobody has said anything", []v1alpha1.GatewayReference{{Name: "a"}}, nil, "HTTPRoutePending"},
		{"accepted", []v1alpha1.GatewayReference{{Name: "a"}}, []gatewayv1.RouteParentStatus{parent("a", "", accepted, resolved)}, ""},
		{"accepted, as it was before", []v1alpha1.GatewayReference{{Name: "a"}},
			[]gatewayv1.RouteParentStatus{parent("a", "", condition("Accepted", "True", "Accepted", 1))}, "HTTPRoutePending"},
		{"accepted by another Gateway", []v1alpha1.GatewayReference{{Name: "a"}},
			[]gatewayv1.RouteParentStatus{parent("b", "", accepted, resolved)}, "HTTPRoutePending"},
		{"accepted by another listener", []v1alpha1.GatewayReference{{Name: "a", SectionName: "https"}},
			[]gatewayv1.RouteParentStatus{parent("a", "http", accepted, resolved)}, "HTTPRoutePending"},
		{"in a namespace of the same name", []v1alpha1.GatewayReference{{Name: "a", Namespace: "elsewhere"}},
			[]gatewayv1.RouteParentStatus{parent("a", "", accepted, resolved)}, "HTTPRoutePending"},
		{"accepted by one of two", []v1alpha1.GatewayReference{{Name: "a"}, {Name: "b"}},
			[]gatewayv1.RouteParentStatus{parent("a", "", accepted, resolved)}, "HTTPRoutePending"},
		{"not accepted by the second, nothing from the first", []v1alpha1.GatewayReference{{Name: "a"}, {Name: "b"}},
			[]gatewayv1.RouteParentStatus{parent("b", "", condition("Accepted", "False", "NoMatchingListenerHostname", 2))}, "HTTPRouteNotAccepted"},
		{"not accepted for now", []v1alpha1.GatewayReference{{Name: "a"}},
			[]gatewayv1.RouteParentStatus{parent("a", "", condition("Accepted", "False", "Pending", 2))}, "HTTPRoutePending"},
		{"not resolved", []v1alpha1.GatewayReference{{Name: "a"}},
			[]gatewayv1.RouteParentStatus{parent("a", "", accepted, condition("ResolvedRefs", "False", "RefNotPermitted", 2))}, "HTTPRouteNotResolved"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ep := newEndpoint("acme", &v1alpha1.Exposure{HTTPRoute: &v1alpha1.HTTPRouteExposure{Host: "h", ParentRefs: row.gateways}})
			route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
			route.Status.Parents = row.parents
			got := ""
			if failure := acceptance(ep, route); failure != nil {
				got = failure.Reason
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// The Gateway API is installed in the course of this.
var _ = Describe("An HTTPRoute", Ordered, func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
	)

	BeforeAll(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, throughHTTPRoute(namespace))
		env.Create(ctx, ep)
	})

	It("is missed when the Gateway API is not installed", func(ctx SpecContext) {
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonGatewayAPIMissing),
			testenv.StalledBecause(v1alpha1.ReasonGatewayAPIMissing),
		))
	})

	It("is made once the Gateway API is there", func(ctx SpecContext) {
		env.InstallCRDs("sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml")
		env.Touch(ctx, ep)
		var route gatewayv1.HTTPRoute
		Eventually(func() error { return env.Get(ctx, namespace, ep.ChildName(), &route) }).Should(Succeed())
		Expect(metav1.IsControlledBy(&route, ep)).To(BeTrue())
		Expect(route.Spec.Hostnames).To(ConsistOf(BeEquivalentTo(hostFor(namespace))))
	})

	It("exposes nothing before its Gateway has accepted it and can follow it", func(ctx SpecContext) {
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHTTPRoutePending),
			testenv.ReconcilingBecause(v1alpha1.ReasonHTTPRoutePending),
		))
		reportRoute(ctx, ep, gatewayCondition("Accepted", metav1.ConditionFalse, "NotAllowedByListeners", strings.Repeat("no listener allows this namespace ", 100)))
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHTTPRouteNotAccepted),
			testenv.StalledBecause(v1alpha1.ReasonHTTPRouteNotAccepted),
			testenv.Condition(v1alpha1.ConditionExposed, HaveField("Message", And(
				ContainSubstring("NotAllowedByListeners: no listener allows this namespace"), Satisfy(func(m string) bool { return len(m) < 700 })))),
		))
		reportRoute(ctx, ep, gatewayCondition("Accepted", metav1.ConditionTrue, "Accepted", ""),
			gatewayCondition("ResolvedRefs", metav1.ConditionFalse, "BackendNotFound", "Service okta-scim not found"))
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHTTPRouteNotResolved),
			testenv.ReconcilingBecause(v1alpha1.ReasonHTTPRouteNotResolved),
		))
		acceptRoute(ctx, ep)
		Eventually(observed(ctx, ep)).Should(And(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonHTTPRouteAccepted), ready()))
	})

	It("is corrected when somebody changes or deletes it", func(ctx SpecContext) {
		route := &gatewayv1.HTTPRoute{ObjectMeta: objectMeta(namespace, ep.ChildName())}
		testenv.Change(ctx, env, route, func(r *gatewayv1.HTTPRoute) { r.Spec.Hostnames = []gatewayv1.Hostname{"elsewhere.example.com"} })
		scim := HaveField("Spec.Hostnames", ConsistOf(BeEquivalentTo(hostFor(namespace))))
		Eventually(fetch(ctx, namespace, ep.ChildName(), route)).Should(scim)
		env.Remove(ctx, route)
		Eventually(fetch(ctx, namespace, ep.ChildName(), route)).Should(scim)
	})

	It("is left alone at rest", func(ctx SpecContext) {
		acceptRoute(ctx, ep)
		Eventually(observed(ctx, ep)).Should(ready())
		kinds := append(childLists(), &gatewayv1.HTTPRouteList{})
		rest := env.ResourceVersions(ctx, namespace, kinds...)
		Consistently(func() map[string]string { return env.ResourceVersions(ctx, namespace, kinds...) },
			testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
	})

	It("gives way to an Ingress", func(ctx SpecContext) {
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure = throughIngress(namespace) })
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
		Eventually(gone(ctx, namespace, ep.ChildName(), &gatewayv1.HTTPRoute{})).Should(Satisfy(apierrors.IsNotFound))
	})
})
