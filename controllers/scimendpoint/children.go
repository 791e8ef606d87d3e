// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
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

// everyChild lists what every endpoint has, in the order in which a server needs it.
func everyChild(ep *v1alpha1.ScimEndpoint, deployment *appsv1ac.DeploymentApplyConfiguration) []desiredChild {
	return []desiredChild{
		{&corev1.ServiceAccount{}, render.ServiceAccount(ep)},
		{&rbacv1.Role{}, render.Role(ep)},
		{&rbacv1.RoleBinding{}, render.RoleBinding(ep)},
		{&networkingv1.NetworkPolicy{}, render.NetworkPolicy(ep)},
		{&policyv1.PodDisruptionBudget{}, render.PodDisruptionBudget(ep)},
		{&corev1.Service{}, render.Service(ep)},
		{&appsv1.Deployment{}, deployment},
	}
}

// cachedChildren are the kinds of which the manager's cache may hold only what carries
// v1alpha1.ManagedByLabel: a cluster has many of them, and Secrets of others are not to
// be read.
func cachedChildren() []client.Object {
	return []client.Object{
		&corev1.ServiceAccount{},
		&rbacv1.Role{},
		&rbacv1.RoleBinding{},
		&networkingv1.NetworkPolicy{},
		&networkingv1.Ingress{},
		&policyv1.PodDisruptionBudget{},
		&corev1.Service{},
		&corev1.Secret{},
		&appsv1.Deployment{},
	}
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
