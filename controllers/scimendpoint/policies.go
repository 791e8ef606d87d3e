// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// Policies says whether the admission policies that protect the directory are in force.
type Policies interface {
	// Message returns what to tell people when one is not, or nothing.
	Message() string
	// OnChange calls the function when Message may have changed.
	OnChange(func(context.Context))
}

// observePolicies sets PolicyMissing.
func (r *Reconciler) observePolicies(ep *v1alpha1.ScimEndpoint) {
	if r.policies == nil || r.policies.Message() == "" {
		outcome.Remove(ep, v1alpha1.ConditionPolicyMissing)
		return
	}
	outcome.Set(ep, v1alpha1.ConditionPolicyMissing, true, v1alpha1.ReasonPolicyNotInForce, r.policies.Message())
}

// policyChanges has every endpoint looked at again when a policy comes or goes.
func (r *Reconciler) policyChanges() source.Source {
	changes := make(chan event.GenericEvent)
	r.policies.OnChange(func(ctx context.Context) {
		var endpoints v1alpha1.ScimEndpointList
		if err := r.client.List(ctx, &endpoints, client.UnsafeDisableDeepCopy); err != nil {
			log.FromContext(ctx).Error(err, "cannot list the endpoints that a policy protects")
			return
		}
		for i := range endpoints.Items {
			select {
			case changes <- event.GenericEvent{Object: &endpoints.Items[i]}:
			case <-ctx.Done():
				return
			}
		}
	})
	return source.Channel(changes, &handler.EnqueueRequestForObject{})
}
