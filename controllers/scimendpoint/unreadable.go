// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"fmt"

	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// observeUnreadable sets UnreadableValues from what the servers find. While definitions are
// rolled out servers differ; the one that reads least counts.
func observeUnreadable(ep *v1alpha1.ScimEndpoint) {
	var most v1alpha1.UnreadableValues
	for i := range ep.Status.Servers {
		if u := ep.Status.Servers[i].Unreadable; u != nil && ptr.Deref(u.Resources, 0) > ptr.Deref(most.Resources, 0) {
			most = *u
		}
	}
	if most.Resources == nil {
		outcome.Remove(ep, v1alpha1.ConditionUnreadableValues)
		return
	}
	outcome.Set(ep, v1alpha1.ConditionUnreadableValues, true, v1alpha1.ReasonTypeChanged, fmt.Sprintf(
		"%d users, groups or other resources have stored values that do not have the declared type, such as %s of %s. The values are kept and not shown over SCIM. Declare the type that they have, or have the identity provider send the attribute again.",
		*most.Resources, most.Attribute, most.Resource))
}
