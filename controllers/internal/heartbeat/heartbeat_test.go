// SPDX-License-Identifier: Apache-2.0

package heartbeat

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"scim-operator.io/api/v1alpha1"
)

func TestHeartbeatsAreIgnored(t *testing.T) {
	now := metav1.NewTime(time.Now())
	for _, row := range []struct {
		name   string
		change func(*v1alpha1.ScimEndpoint)
		passes bool
	}{
		{"nothing, as when the cache repeats it", func(ep *v1alpha1.ScimEndpoint) { ep.ResourceVersion = "1" }, true},
		{"the last use of a token", func(ep *v1alpha1.ScimEndpoint) { ep.Status.Tokens[0].LastUsedTime = &now }, false},
		{"the last request", func(ep *v1alpha1.ScimEndpoint) { ep.Status.LastRequestTime = &now }, false},
		{"what a server says of tokens", func(ep *v1alpha1.ScimEndpoint) {
			ep.Status.Servers[0].Tokens = []v1alpha1.TokenUse{{ID: "1", LastUsedTime: now}}
		}, false},
		{"what a server says of access tokens", func(ep *v1alpha1.ScimEndpoint) { ep.Status.Servers[0].LastOAuthTime = &now }, false},
		{"who wrote what", func(ep *v1alpha1.ScimEndpoint) { ep.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}} }, false},
		{"a server more", func(ep *v1alpha1.ScimEndpoint) {
			ep.Status.Servers = append(ep.Status.Servers, v1alpha1.ServerStatus{Name: "b"})
		}, true},
		{"another incarnation", func(ep *v1alpha1.ScimEndpoint) { ep.Status.Servers[0].Incarnation = "2" }, true},
		{"a link conflict", func(ep *v1alpha1.ScimEndpoint) {
			ep.Status.Servers[0].LinkConflicts = []v1alpha1.LinkConflict{{User: "ada"}}
		}, true},
		{"a value that cannot be read", func(ep *v1alpha1.ScimEndpoint) {
			ep.Status.Servers[0].Unreadable = &v1alpha1.UnreadableValues{Resources: ptr.To[int64](1)}
		}, true},
		{"a token less", func(ep *v1alpha1.ScimEndpoint) { ep.Status.Tokens = nil }, true},
		{"the spec", func(ep *v1alpha1.ScimEndpoint) { ep.Generation, ep.Spec.OrganizationID = 2, "42" }, true},
		{"an annotation", func(ep *v1alpha1.ScimEndpoint) { ep.Annotations = map[string]string{"a": "b"} }, true},
		{"a condition", func(ep *v1alpha1.ScimEndpoint) { ep.Status.Conditions = []metav1.Condition{{Type: "Ready"}} }, true},
	} {
		before := &v1alpha1.ScimEndpoint{}
		before.ResourceVersion, before.Generation = "1", 1
		before.Status.Servers = []v1alpha1.ServerStatus{{Name: "a", Incarnation: "1"}}
		before.Status.Tokens = []v1alpha1.TokenStatus{{ID: "1"}}
		after := before.DeepCopy()
		after.ResourceVersion = "2"
		row.change(after)
		if passes := Ignored().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); passes != row.passes {
			t.Errorf("%s: it passes: %v", row.name, passes)
		}
	}
}
