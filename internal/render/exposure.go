// SPDX-License-Identifier: Apache-2.0

package render

import (
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1ac "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"

	"scim-operator.io/api/v1alpha1"
)

// Ingress exposes the endpoint through an Ingress controller. It is nil when the
// endpoint asks for none.
func Ingress(ep *v1alpha1.ScimEndpoint) *networkingv1ac.IngressApplyConfiguration {
	if ep.Spec.Exposure == nil || ep.Spec.Exposure.Ingress == nil {
		return nil
	}
	asked := ep.Spec.Exposure.Ingress
	spec := networkingv1ac.IngressSpec().WithRules(networkingv1ac.IngressRule().
		WithHost(asked.Host).
		WithHTTP(networkingv1ac.HTTPIngressRuleValue().WithPaths(networkingv1ac.HTTPIngressPath().
			WithPath(routedPath(ep)).
			WithPathType(networkingv1.PathTypePrefix).
			WithBackend(networkingv1ac.IngressBackend().WithService(networkingv1ac.IngressServiceBackend().
				WithName(ep.ChildName()).
				WithPort(networkingv1ac.ServiceBackendPort().WithName(HTTPPortName)))))))
	if asked.ClassName != "" {
		spec.WithIngressClassName(asked.ClassName)
	}
	if asked.TLSSecretName != "" {
		spec.WithTLS(networkingv1ac.IngressTLS().WithHosts(asked.Host).WithSecretName(asked.TLSSecretName))
	} else if asked.TLS == v1alpha1.IngressControllerCertificate {
		spec.WithTLS(networkingv1ac.IngressTLS().WithHosts(asked.Host))
	}
	return networkingv1ac.Ingress(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithAnnotations(asked.Annotations).
		WithOwnerReferences(owner(ep)).
		WithSpec(spec)
}

// HTTPRoute exposes the endpoint through a Gateway. It is nil when the endpoint asks
// for none. What the HTTPRoute's schema would fill in is spelled out, because it would
// be filled into lists that are applied as a whole.
func HTTPRoute(ep *v1alpha1.ScimEndpoint) *gatewayv1ac.HTTPRouteApplyConfiguration {
	if ep.Spec.Exposure == nil || ep.Spec.Exposure.HTTPRoute == nil {
		return nil
	}
	asked := ep.Spec.Exposure.HTTPRoute
	spec := gatewayv1ac.HTTPRouteSpec().
		WithHostnames(gatewayv1.Hostname(asked.Host)).
		WithRules(gatewayv1ac.HTTPRouteRule().
			WithMatches(gatewayv1ac.HTTPRouteMatch().WithPath(gatewayv1ac.HTTPPathMatch().
				WithType(gatewayv1.PathMatchPathPrefix).
				WithValue(routedPath(ep)))).
			WithBackendRefs(gatewayv1ac.HTTPBackendRef().
				WithGroup("").
				WithKind("Service").
				WithName(gatewayv1.ObjectName(ep.ChildName())).
				WithPort(v1alpha1.ServicePort).
				WithWeight(1)))
	for _, gateway := range asked.ParentRefs {
		spec.WithParentRefs(parentReference(gateway))
	}
	return gatewayv1ac.HTTPRoute(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithSpec(spec)
}

func parentReference(gateway v1alpha1.GatewayReference) *gatewayv1ac.ParentReferenceApplyConfiguration {
	ref := gatewayv1ac.ParentReference().
		WithGroup(gatewayv1.GroupName).
		WithKind("Gateway").
		WithName(gatewayv1.ObjectName(gateway.Name))
	if gateway.Namespace != "" {
		ref.WithNamespace(gatewayv1.Namespace(gateway.Namespace))
	}
	if gateway.SectionName != "" {
		ref.WithSectionName(gatewayv1.SectionName(gateway.SectionName))
	}
	return ref
}

// routedPath is the path that an Ingress or HTTPRoute matches: everything under the
// base URL.
func routedPath(ep *v1alpha1.ScimEndpoint) string {
	if path := ep.BasePath(); path != "" {
		return path
	}
	return "/"
}
