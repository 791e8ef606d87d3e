// SPDX-License-Identifier: Apache-2.0

package render

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"

	"scim-operator.io/api/v1alpha1"
)

// ServiceAccount is the identity of the endpoint's servers. Only a pod that asks for
// its token gets it mounted.
func ServiceAccount(ep *v1alpha1.ScimEndpoint) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithAutomountServiceAccountToken(false)
}

// Role is all that the servers may do: keep users and groups and, where the endpoint
// declares types, resources; note on a user what was refused; see their own endpoint and
// register in its status; read their token digests.
//
// RBAC cannot tell the users of one endpoint from those of another in the same
// namespace; the admission policies do.
func Role(ep *v1alpha1.ScimEndpoint) *rbacv1ac.RoleApplyConfiguration {
	read := []string{"get", "list", "watch"}
	write := []string{"create", "update", "patch", "delete"}
	kept := []string{"scimusers", "scimgroups", "scimgroupslices", "scimclaims"}
	if len(ep.Spec.ResourceTypes) > 0 {
		kept = append(kept, "scimresources")
	}
	return rbacv1ac.Role(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithRules(
			rbacv1ac.PolicyRule().
				WithAPIGroups(v1alpha1.GroupVersion.Group).
				WithResources(kept...).
				WithVerbs(read...).WithVerbs(write...),
			rbacv1ac.PolicyRule().
				WithAPIGroups(v1alpha1.GroupVersion.Group).
				WithResources("scimusers/status").
				WithVerbs("patch"),
			rbacv1ac.PolicyRule().
				WithAPIGroups(v1alpha1.GroupVersion.Group).
				WithResources("scimendpoints").
				WithResourceNames(ep.Name).
				WithVerbs(read...),
			rbacv1ac.PolicyRule().
				WithAPIGroups(v1alpha1.GroupVersion.Group).
				WithResources("scimendpoints/status").
				WithResourceNames(ep.Name).
				WithVerbs("patch"),
			rbacv1ac.PolicyRule().
				WithAPIGroups(corev1.GroupName).
				WithResources("secrets").
				WithResourceNames(ep.DigestSecretName()).
				WithVerbs(read...),
		)
}

// RoleBinding gives the Role to the ServiceAccount.
func RoleBinding(ep *v1alpha1.ScimEndpoint) *rbacv1ac.RoleBindingApplyConfiguration {
	return rbacv1ac.RoleBinding(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithRoleRef(rbacv1ac.RoleRef().
			WithAPIGroup(rbacv1.GroupName).
			WithKind("Role").
			WithName(ep.ChildName())).
		WithSubjects(rbacv1ac.Subject().
			WithKind(rbacv1.ServiceAccountKind).
			WithName(ep.ChildName()).
			WithNamespace(ep.Namespace))
}
