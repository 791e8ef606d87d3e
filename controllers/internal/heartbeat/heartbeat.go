// SPDX-License-Identifier: Apache-2.0

// Package heartbeat tells changes of a ScimEndpoint that say no more than that clients come
// from those that mean something.
package heartbeat

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"scim-operator.io/api/v1alpha1"
)

// Ignored passes every event about a ScimEndpoint but an update of its heartbeats alone.
func Ignored() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.ScimEndpoint)
		after, also := e.ObjectNew.(*v1alpha1.ScimEndpoint)
		// The cache repeats what it has from time to time, for whoever missed something.
		if !ok || !also || before.ResourceVersion == after.ResourceVersion {
			return true
		}
		return !equality.Semantic.DeepEqual(without(before), without(after))
	}}
}

// without is an endpoint without its heartbeats, and without what follows from any write.
func without(ep *v1alpha1.ScimEndpoint) *v1alpha1.ScimEndpoint {
	rest := ep.DeepCopy()
	rest.ResourceVersion, rest.ManagedFields = "", nil
	rest.Status.LastRequestTime = nil
	for i := range rest.Status.Tokens {
		rest.Status.Tokens[i].LastUsedTime = nil
	}
	for i := range rest.Status.Servers {
		rest.Status.Servers[i].Tokens, rest.Status.Servers[i].LastOAuthTime = nil, nil
	}
	return rest
}
