// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// hostIndex finds the endpoints of all namespaces that are exposed under a host.
const hostIndex = "spec.exposure.host"

func indexHost(obj client.Object) []string {
	if host := obj.(*v1alpha1.ScimEndpoint).Host(); host != "" {
		return []string{host}
	}
	return nil
}

// checkHost fails when an older endpoint, of whatever namespace, is exposed where this
// one wants to be: a router would hand requests, and the tokens in them, of one tenant to
// the other's servers. It names nobody, since namespaces may not know of each other.
func (r *Reconciler) checkHost(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	rivals, err := r.rivals(ctx, ep)
	if err != nil {
		return err
	}
	for _, rival := range rivals {
		if older(rival, ep) {
			return outcome.Stalled(v1alpha1.ReasonHostInUse,
				"An older ScimEndpoint is exposed under host %s with the path %s, or one above or below it, so that this one is not exposed; give it another host or path, or delete the other.",
				ep.Host(), ep.BasePath()+"/")
		}
	}
	return nil
}

// rivals are the other endpoints whose requests would also match this one's route.
func (r *Reconciler) rivals(ctx context.Context, ep *v1alpha1.ScimEndpoint) ([]*v1alpha1.ScimEndpoint, error) {
	if ep.Host() == "" {
		return nil, nil
	}
	var sharing v1alpha1.ScimEndpointList
	err := r.client.List(ctx, &sharing, client.MatchingFields{hostIndex: ep.Host()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the endpoints under host %s: %w", ep.Host(), err)
	}
	var rivals []*v1alpha1.ScimEndpoint
	for i := range sharing.Items {
		other := &sharing.Items[i]
		itself := client.ObjectKeyFromObject(other) == client.ObjectKeyFromObject(ep)
		if !itself && overlap(other.BasePath(), ep.BasePath()) {
			rivals = append(rivals, other)
		}
	}
	return rivals, nil
}

// overlap says whether one path is the other or lies under it.
func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

// older orders endpoints in the way the Gateway API orders routes that conflict.
func older(a, b *v1alpha1.ScimEndpoint) bool {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name)) < 0
}

// rivalsOf maps an endpoint that came, went or changed to those that may have to give
// way to it or may take its place.
func (r *Reconciler) rivalsOf(ctx context.Context, obj client.Object) []reconcile.Request {
	rivals, err := r.rivals(ctx, obj.(*v1alpha1.ScimEndpoint))
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot tell which endpoints share a host", "endpoint", client.ObjectKeyFromObject(obj))
		return nil
	}
	requests := make([]reconcile.Request, len(rivals))
	for i, rival := range rivals {
		requests[i].NamespacedName = client.ObjectKeyFromObject(rival)
	}
	return requests
}
