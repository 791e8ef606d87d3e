// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"scim-operator.io/test/assets"
)

// people are the kinds that have people in them.
var people = []string{"scimusers", "scimgroups", "scimresources", "scimgroupslices"}

// showing are the ClusterRoles whose verbs show one of the resources, by the role of the cluster's
// into which they are aggregated.
func showing(roles []*rbacv1.ClusterRole, resources []string) map[string][]string {
	found := map[string][]string{}
	for _, role := range roles {
		shows := slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
			return slices.ContainsFunc(r.Resources, func(resource string) bool { return slices.Contains(resources, resource) }) &&
				slices.ContainsFunc(r.Verbs, func(verb string) bool { return verb != "approve" })
		})
		for label, value := range role.Labels {
			if to, ok := strings.CutPrefix(label, "rbac.authorization.k8s.io/aggregate-to-"); ok && value == "true" && shows {
				found[to] = append(found[to], role.Name)
			}
		}
	}
	return found
}

func TestNobodySeesPeopleByTheClustersRoles(t *testing.T) {
	roles := manifests[rbacv1.ClusterRole](t, "install", "ClusterRole")
	if found := showing(roles, people); len(found) > 0 {
		t.Errorf("people are shown by %v", found)
	}
	if found := showing(roles, []string{"identityproviders", "scimendpoints"}); len(found) != 3 {
		t.Errorf("providers and endpoints are shown by %v alone", found)
	}
}

func TestPeopleAreShownWhereThatIsAskedFor(t *testing.T) {
	directory := t.TempDir()
	config, err := filepath.Rel(directory, filepath.Join(assets.Root(), "config"))
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [%s/install]\ncomponents: [%[1]s/aggregate-people]\n", config)
	if err := os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	found := showing(manifestsIn[rbacv1.ClusterRole](t, documentsOf(t, directory), "ClusterRole"), people)
	for to, roles := range map[string]int{"view": 1, "edit": 1, "admin": 2} {
		if len(found[to]) != roles {
			t.Errorf("people are in %s by %v", to, found[to])
		}
	}
}
