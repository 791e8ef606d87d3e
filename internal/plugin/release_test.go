// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// releaseNow runs release-finalizers as if so much time had passed.
func releaseNow(t *testing.T, namespace, typed string, later time.Duration, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := newCommand("v1", func() time.Time { return time.Now().Add(later) })
	c.SilenceErrors = true
	c.SetArgs(append([]string{"release-finalizers", "--kubeconfig", kubeconfig, "--namespace", namespace}, args...))
	c.SetIn(strings.NewReader(typed))
	c.SetOut(&stdout)
	c.SetErr(&stderr)
	err = c.ExecuteContext(t.Context())
	return stdout.String() + stderr.String(), err
}

func TestReleaseFinalizers(t *testing.T) {
	namespace := tenant(t)
	okta := v1alpha1.EndpointReference{Name: "okta"}
	kept := func(name string, finalizers ...string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: finalizers}
	}
	others := "example.com/archive"
	deleted := []client.Object{
		&v1alpha1.ScimUser{ObjectMeta: kept("gone", v1alpha1.ClaimsFinalizer), Spec: v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "gone"}},
		&v1alpha1.ScimUser{ObjectMeta: kept("archived", others, v1alpha1.ClaimsFinalizer), Spec: v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "archived"}},
		&v1alpha1.ScimGroup{ObjectMeta: kept("all", v1alpha1.ClaimsFinalizer), Spec: v1alpha1.ScimGroupSpec{EndpointRef: okta, DisplayName: "all"}},
	}
	stays := &v1alpha1.ScimUser{ObjectMeta: kept("stays", v1alpha1.ClaimsFinalizer), Spec: v1alpha1.ScimUserSpec{EndpointRef: okta, UserName: "stays"}}
	for _, o := range append(deleted, stays) {
		if err := api.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range deleted {
		if err := api.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	exists := func(o client.Object) bool {
		t.Helper()
		err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o)
		if client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		return !apierrors.IsNotFound(err)
	}
	for _, row := range []struct {
		name  string
		typed string
		later time.Duration
		args  []string
		want  string
		fails bool
	}{
		{name: "what was deleted just now is the manager's", want: "Nothing that is being deleted"},
		{name: "a dry run", later: time.Hour, args: []string{"--dry-run"}, want: "Would release 2 ScimUsers"},
		{name: "not confirmed", typed: "n\n", later: time.Hour, want: "gone for good", fails: true},
		{name: "a negative age", args: []string{"--older-than", "-1s"}, fails: true},
	} {
		out, err := releaseNow(t, namespace, row.typed, row.later, row.args...)
		if (err != nil) != row.fails || !strings.Contains(out, row.want) {
			t.Errorf("%s: %v\n%s", row.name, err, out)
		}
		for _, o := range deleted {
			if !exists(o) {
				t.Fatalf("%s: %s is gone", row.name, o.GetName())
			}
		}
	}
	out, err := releaseNow(t, namespace, "y\n", time.Hour)
	if err != nil || !strings.Contains(out, "Released 2 ScimUsers (finalizer scim-operator.io/claims)") || !strings.Contains(out, "Released 1 ScimGroup ") {
		t.Errorf("%v\n%s", err, out)
	}
	if exists(deleted[0]) || exists(deleted[2]) {
		t.Error("what was released is there still")
	}
	if !exists(deleted[1]) || strings.Join(deleted[1].GetFinalizers(), ",") != others {
		t.Errorf("the finalizer of others: %v", deleted[1].GetFinalizers())
	}
	if !exists(stays) || len(stays.Finalizers) != 1 {
		t.Errorf("who was not deleted has %v", stays.Finalizers)
	}
}
