// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
)

// requireTooOld checks that nobody can watch from a version on any more.
func (p *plane) requireTooOld(version string) {
	p.t.Helper()
	w, err := p.admin.Watch(p.t.Context(), &v1alpha1.ScimUserList{}, &client.ListOptions{
		Namespace: namespace, Raw: &metav1.ListOptions{ResourceVersion: version},
	})
	if err == nil {
		defer w.Stop()
		event := <-w.ResultChan()
		if event.Type == watch.Error {
			err = apierrors.FromObject(event.Object)
		}
	}
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		p.t.Fatalf("the version %s is not too old: %v", version, err)
	}
}

// A store is cut off while users are created, changed and deleted elsewhere, and before it
// is back etcd has forgotten how that came about.
func TestAHistoryThatWasCompactedIsReadAnew(t *testing.T) {
	p := startPlane(t, func(server *envtest.APIServer, _ *envtest.Etcd) {
		// Watches come from etcd itself: the API server remembers nothing for it.
		server.Configure().Set("watch-cache", "false")
	})
	d, elsewhere := p.start(), p.start()
	var ids []string
	for i := range 20 {
		u, err := elsewhere.create(t.Context(), fmt.Sprintf("user%02d", i))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, u.ID)
	}
	eventually(t, "the store knows everybody", func() bool {
		_, found, err := d.find("user19")
		return err == nil && found == 1
	})
	var users v1alpha1.ScimUserList
	if err := p.admin.List(t.Context(), &users, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}

	d.network.setCut(true)
	for i, id := range ids {
		err := elsewhere.retitle(t.Context(), id, "Changed meanwhile")
		if i%2 == 1 {
			err = elsewhere.remove(t.Context(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := elsewhere.create(t.Context(), "new"); err != nil {
		t.Fatal(err)
	}
	p.compact()
	p.requireTooOld(users.ResourceVersion)
	if _, found, err := d.find("user19"); err != nil || found != 1 {
		t.Errorf("reads do not go on: %d found, %v", found, err)
	}

	d.network.setCut(false)
	eventually(t, "the store shows the newest", func() bool {
		_, found, err := d.find("new")
		return err == nil && found == 1 && d.Ready() == nil
	})
	for i := range ids {
		title, found, err := d.find(fmt.Sprintf("user%02d", i))
		if err != nil || found != 1-i%2 || found == 1 && title != "Changed meanwhile" {
			t.Errorf("user%02d: %d found, title %q, %v", i, found, title, err)
		}
	}
	if err := d.retitle(t.Context(), ids[0], "Changed here"); err != nil {
		t.Error(err)
	}
}
