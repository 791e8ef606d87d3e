// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// maxControllerMessage bounds what is repeated of a Gateway controller's message, in bytes.
const maxControllerMessage = 512

// acceptance returns nil once the controller of every Gateway that the endpoint names has
// accepted this generation of the HTTPRoute and resolved its references, and otherwise what the
// first of them says.
func acceptance(ep *v1alpha1.ScimEndpoint, route *gatewayv1.HTTPRoute) *outcome.Failure {
	var pending *outcome.Failure
	for _, gateway := range ep.Spec.Exposure.HTTPRoute.ParentRefs {
		failure := acceptanceBy(ep, gateway, route)
		switch {
		case failure == nil:
		case failure.Reason == v1alpha1.ReasonHTTPRouteNotAccepted:
			return failure
		default:
			pending = cmp.Or(pending, failure)
		}
	}
	return pending
}

// acceptanceBy reads what the Gateway's controller says. A refusal is final until a person changes
// the Gateway or the endpoint, unless the controller calls it pending; a reference that is not
// resolved may be to a Service that the controller has not seen yet.
func acceptanceBy(ep *v1alpha1.ScimEndpoint, gateway v1alpha1.GatewayReference, route *gatewayv1.HTTPRoute) *outcome.Failure {
	accepted, resolved := routeConditions(ep, gateway, route)
	const refused = "The Gateway %s has not accepted HTTPRoute %s: %s"
	switch {
	case accepted == nil:
		return outcome.Waiting(v1alpha1.ReasonHTTPRoutePending,
			"No controller has said yet whether the Gateway %s accepts HTTPRoute %s.", gatewayName(gateway), ep.ChildName())
	case accepted.Status != metav1.ConditionTrue && accepted.Reason == string(gatewayv1.RouteReasonPending):
		return outcome.Waiting(v1alpha1.ReasonHTTPRoutePending, refused, gatewayName(gateway), ep.ChildName(), explained(accepted))
	case accepted.Status != metav1.ConditionTrue:
		return outcome.Stalled(v1alpha1.ReasonHTTPRouteNotAccepted, refused, gatewayName(gateway), ep.ChildName(), explained(accepted))
	case resolved != nil && resolved.Status != metav1.ConditionTrue:
		return outcome.Waiting(v1alpha1.ReasonHTTPRouteNotResolved,
			"The Gateway %s does not route HTTPRoute %s to the servers: %s", gatewayName(gateway), ep.ChildName(), explained(resolved))
	default:
		return nil
	}
}

// routeConditions returns the conditions Accepted and ResolvedRefs of a Gateway, nil where they are
// missing or speak of an older generation of the route.
func routeConditions(ep *v1alpha1.ScimEndpoint, gateway v1alpha1.GatewayReference, route *gatewayv1.HTTPRoute) (accepted, resolved *metav1.Condition) {
	for _, parent := range route.Status.Parents {
		if !refersTo(ep.Namespace, parent.ParentRef, gateway) {
			continue
		}
		for i, condition := range parent.Conditions {
			switch {
			case condition.ObservedGeneration < route.Generation:
			case condition.Type == string(gatewayv1.RouteConditionAccepted):
				accepted = &parent.Conditions[i]
			case condition.Type == string(gatewayv1.RouteConditionResolvedRefs):
				resolved = &parent.Conditions[i]
			}
		}
	}
	return accepted, resolved
}

// refersTo reports whether a parent of an HTTPRoute in the namespace is this Gateway and listener.
func refersTo(namespace string, parent gatewayv1.ParentReference, gateway v1alpha1.GatewayReference) bool {
	local := gatewayv1.Namespace(namespace)
	return ptr.Deref(parent.Group, gatewayv1.GroupName) == gatewayv1.GroupName &&
		ptr.Deref(parent.Kind, "Gateway") == "Gateway" &&
		string(parent.Name) == gateway.Name &&
		ptr.Deref(parent.Namespace, local) == gatewayv1.Namespace(cmp.Or(gateway.Namespace, namespace)) &&
		string(ptr.Deref(parent.SectionName, "")) == gateway.SectionName
}

// gatewayName names a Gateway, and its listener where the endpoint names one.
func gatewayName(gateway v1alpha1.GatewayReference) string {
	parts := slices.DeleteFunc([]string{gateway.Namespace, gateway.Name, gateway.SectionName}, func(part string) bool { return part == "" })
	name := parts[0]
	for _, part := range parts[1:] {
		name += "/" + part
	}
	return name
}

// explained returns the reason and message of a condition that somebody else wrote.
func explained(condition *metav1.Condition) string {
	return outcome.ClipTo(condition.Reason+prefixed(": ", condition.Message), maxControllerMessage)
}
