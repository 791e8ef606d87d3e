// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/internal/render"
)

// desiredChild is one child: an empty object of its kind, and what it should be.
type desiredChild struct {
	kind    client.Object
	desired child.Configuration
}

// everyChild lists what every endpoint has beside the Deployment, in the order in which a
// server needs it.
func everyChild(ep *v1alpha1.ScimEndpoint) []desiredChild {
	return []desiredChild{
		{child.Metadata(serviceAccountKind), render.ServiceAccount(ep)},
		{child.Metadata(roleKind), render.Role(ep)},
		{child.Metadata(roleBindingKind), render.RoleBinding(ep)},
		{child.Metadata(networkPolicyKind), render.NetworkPolicy(ep)},
		{child.Metadata(disruptionBudgetKind), render.PodDisruptionBudget(ep)},
		{child.Metadata(serviceKind), render.Service(ep)},
	}
}

var (
	serviceAccountKind   = corev1.SchemeGroupVersion.WithKind("ServiceAccount")
	serviceKind          = corev1.SchemeGroupVersion.WithKind("Service")
	secretKind           = corev1.SchemeGroupVersion.WithKind("Secret")
	roleKind             = rbacv1.SchemeGroupVersion.WithKind("Role")
	roleBindingKind      = rbacv1.SchemeGroupVersion.WithKind("RoleBinding")
	networkPolicyKind    = networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy")
	ingressKind          = networkingv1.SchemeGroupVersion.WithKind("Ingress")
	disruptionBudgetKind = policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget")
)

// metadataOnly are the kinds of children of which the manager's cache holds the metadata
// alone, and only of what carries v1alpha1.ManagedByLabel: what a child holds is compared
// by its version. Of Secrets the cache holds nothing; see secretsLook.
func metadataOnly() []client.Object {
	var kinds []client.Object
	for _, kind := range []schema.GroupVersionKind{
		serviceAccountKind, serviceKind, roleKind, roleBindingKind, networkPolicyKind, ingressKind, disruptionBudgetKind,
	} {
		kinds = append(kinds, child.Metadata(kind))
	}
	return kinds
}

func owner(ep *v1alpha1.ScimEndpoint) child.Owner {
	return child.Owner{
		Object: ep,
		Kind:   v1alpha1.GroupVersion.WithKind("ScimEndpoint"),
		Labels: map[string]string{
			v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue,
			v1alpha1.EndpointLabel:  ep.Name,
		},
	}
}
