// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// The condition is there while a server finds such values, whichever reads least.
func TestUnreadableValuesAreReported(t *testing.T) {
	found := func(n int64, resource string) v1alpha1.ServerStatus {
		return v1alpha1.ServerStatus{Name: resource, Unreadable: &v1alpha1.UnreadableValues{
			Resources: ptr.To(n), Resource: "scimusers/" + resource, Attribute: "urn:example:badge:2.0:User:number",
		}}
	}
	ep := &v1alpha1.ScimEndpoint{}
	ep.Status.Servers = []v1alpha1.ServerStatus{{Name: "a"}, found(2, "b"), found(7, "c"), found(1, "d")}
	observeUnreadable(ep)
	c := outcome.Find(ep, v1alpha1.ConditionUnreadableValues)
	if !outcome.IsTrue(ep, v1alpha1.ConditionUnreadableValues) || c.Reason != v1alpha1.ReasonTypeChanged ||
		!strings.HasPrefix(c.Message, "7 users, groups or other resources ") || !strings.Contains(c.Message, "urn:example:badge:2.0:User:number of scimusers/c.") {
		t.Errorf("the condition is %+v", c)
	}
	ep.Status.Servers = ep.Status.Servers[:1]
	observeUnreadable(ep)
	if c := outcome.Find(ep, v1alpha1.ConditionUnreadableValues); c.Type != "" {
		t.Errorf("the condition is %+v", c)
	}
}
