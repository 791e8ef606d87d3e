// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
)

// fill writes until etcd has no space left.
func (p *plane) fill() {
	p.t.Helper()
	const most = 200
	for i := range most {
		filler := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("filler-%d", i), Namespace: "default"},
			Data:       map[string]string{"random": strings.Repeat(fmt.Sprint(rand.Uint64()), 40_000)},
		}
		if err := p.admin.Create(p.t.Context(), filler); err != nil {
			if !strings.Contains(err.Error(), "database space exceeded") {
				p.t.Fatalf("etcd is not full: %v", err)
			}
			return
		}
	}
	p.t.Fatalf("etcd takes %d objects", most)
}

// empty is what a person does about it.
func (p *plane) empty() {
	p.t.Helper()
	if err := p.admin.DeleteAllOf(p.t.Context(), &corev1.ConfigMap{}, client.InNamespace("default")); err != nil {
		p.t.Fatal(err)
	}
	p.compact()
	if _, err := call(p.etcd, "/v3/maintenance/defragment", "{}"); err != nil {
		p.t.Fatal(err)
	}
	raised, err := call(p.etcd, "/v3/maintenance/alarm", `{"action":"GET"}`)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, alarm := range raised["alarms"].([]any) {
		disarm := fmt.Sprintf(`{"action":"DEACTIVATE","alarm":"NOSPACE","memberID":%q}`, alarm.(map[string]any)["memberID"])
		if _, err := call(p.etcd, "/v3/maintenance/alarm", disarm); err != nil {
			p.t.Fatal(err)
		}
	}
}

func TestAFullDiskStopsWritesAndNothingElse(t *testing.T) {
	p := startPlane(t, func(_ *envtest.APIServer, etcd *envtest.Etcd) {
		etcd.Configure().Set("quota-backend-bytes", "33554432")
	})
	d := p.start()
	alice, err := d.create(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	p.fill()

	if _, err := d.create(t.Context(), "bob"); !unavailable(err) {
		t.Errorf("creating: %v", err)
	}
	if err := d.retitle(t.Context(), alice.ID, "Changed"); !unavailable(err) {
		t.Errorf("changing: %v", err)
	}
	if err := d.remove(t.Context(), alice.ID); !unavailable(err) {
		t.Errorf("deleting: %v", err)
	}
	if title, found, err := d.find("alice"); err != nil || found != 1 || title != "" {
		t.Errorf("alice: %d found, title %q, %v", found, title, err)
	}
	if _, found, err := d.find("bob"); err != nil || found != 0 {
		t.Errorf("bob: %d found, %v", found, err)
	}
	var users v1alpha1.ScimUserList
	if err := p.admin.List(t.Context(), &users, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	if len(users.Items) != 1 || users.Items[0].Generation != 1 || !users.Items[0].Live() {
		t.Errorf("something was done: %v", users.Items)
	}

	p.empty()
	eventually(t, "bob can be created", func() bool {
		_, err := d.create(t.Context(), "bob")
		if err != nil && !unavailable(err) {
			t.Fatal(err)
		}
		return err == nil
	})
	if err := d.retitle(t.Context(), alice.ID, "Changed"); err != nil {
		t.Error(err)
	}
	if title, found, err := d.find("alice"); err != nil || found != 1 || title != "Changed" {
		t.Errorf("alice: %d found, title %q, %v", found, title, err)
	}
	if d.Ready() != nil {
		t.Error(d.Ready())
	}
}
