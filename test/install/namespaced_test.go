// SPDX-License-Identifier: Apache-2.0

package install

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// namespaced are the kinds of objects that somebody without cluster-wide rights may apply.
var namespaced = []string{"Deployment", "NetworkPolicy", "Role", "RoleBinding", "Service", "ServiceAccount"}

func TestAnInstallWithoutClusterWideRightsHasNone(t *testing.T) {
	for _, kustomization := range []string{"namespaced/manager", "namespaced/tenant"} {
		for _, object := range all(t, kustomization) {
			if !slices.Contains(namespaced, object.Kind) {
				t.Errorf("config/%s has %s %s", kustomization, object.Kind, object.Name)
			}
			if kustomization == "namespaced/manager" && object.Namespace != "scim-operator-system" {
				t.Errorf("%s %s is in %q", object.Kind, object.Name, object.Namespace)
			}
		}
	}
	for _, object := range all(t, "namespaced/cluster") {
		if slices.Contains(namespaced, object.Kind) || object.Kind == "ClusterRoleBinding" {
			t.Errorf("config/namespaced/cluster has %s %s", object.Kind, object.Name)
		}
	}
}

func TestATenantBindsRolesThatTheClusterHas(t *testing.T) {
	var roles []string
	for _, role := range manifests[rbacv1.ClusterRole](t, "namespaced/cluster", "ClusterRole") {
		roles = append(roles, role.Name)
	}
	account := manifests[appsv1.Deployment](t, "namespaced/manager", "Deployment")[0].Spec.Template.Spec.ServiceAccountName
	// What is bound in the whole cluster otherwise.
	wanted := map[string]bool{}
	for _, binding := range manifests[rbacv1.ClusterRoleBinding](t, "default", "ClusterRoleBinding") {
		wanted[binding.RoleRef.Name] = true
	}
	for _, binding := range manifests[rbacv1.RoleBinding](t, "namespaced/tenant", "RoleBinding") {
		if !slices.Contains(roles, binding.RoleRef.Name) || binding.Subjects[0].Name != account || binding.Subjects[0].Namespace != "scim-operator-system" {
			t.Errorf("%s binds %s to %v", binding.Name, binding.RoleRef.Name, binding.Subjects)
		}
		delete(wanted, binding.RoleRef.Name)
	}
	if len(wanted) > 0 {
		t.Errorf("the manager lacks %v", wanted)
	}
}
