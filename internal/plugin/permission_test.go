// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// TestWhoMayNotDecide: they are told which verb they lack before they are asked.
func TestWhoMayNotDecide(t *testing.T) {
	namespace := tenant(t)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	rbac := rbacClient(t, config)
	grant := func(role string, verbs ...string) {
		t.Helper()
		for _, o := range []client.Object{
			&rbacv1.Role{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
				Rules: []rbacv1.PolicyRule{{
					APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"identityproviders", "scimendpoints", "scimusers"}, Verbs: verbs,
				}},
			},
			&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "jane"}},
			},
		} {
			if err := rbac.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	grant("reader", "get", "list")
	eventually(t, func() bool {
		_, _, err := kubectlScim(namespace, "", "status", "--as", "jane")
		return err == nil
	})
	commands := []struct{ args, resource string }{
		{"approve okta --as jane", "identityproviders"},
		{"reject okta --as jane", "identityproviders"},
		{"approve okta --user grace@acme.com --as jane", "scimusers"},
		{"approve okta --adoption barbara@acme.com --as jane", "scimusers"},
	}
	refused := func(verb string) {
		t.Helper()
		for _, c := range commands {
			_, notes, err := kubectlScim(namespace, "", strings.Fields(c.args)...)
			if err == nil || !strings.Contains(err.Error(), `you lack the verb "`+verb+`" on `+c.resource+".scim-operator.io") || strings.Contains(notes, "Go on?") {
				t.Errorf("%s: %v\n%s", c.args, err, notes)
			}
		}
	}
	refused("patch")
	grant("writer", "patch")
	eventually(t, func() bool {
		_, _, err := kubectlScim(namespace, "", "approve", "okta", "--as", "jane")
		return !strings.Contains(err.Error(), `"patch"`)
	})
	refused("approve")
	grant("approver", "approve")
	eventually(t, func() bool {
		_, _, err := kubectlScim(namespace, "", "reject", "okta", "--yes", "--as", "jane")
		return err == nil
	})
}

// eventually waits for what the API server's authorizer learns late.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		t.Fatal(err)
	}
}

func rbacClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
