// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// hostIndex finds the endpoints of all namespaces that have or ask for a host.
const hostIndex = "hosts"

func indexHost(obj client.Object) []string {
	ep := obj.(*v1alpha1.ScimEndpoint)
	var hosts []string
	for _, route := range append(slices.Clone(routesOf(ep)), ep.Route()) {
		if host, _, _ := strings.Cut(route, "/"); host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// claimRoute puts the endpoint's route on record in its status before anything leads
// there, and fails when it is another's, of whatever namespace: a router would hand
// requests, and the tokens in them, of one tenant to the other's servers. The message
// names nobody, since namespaces may not know of each other.
//
// The manager is the only one who writes routes, and one manager works at a time. Its
// workers claim one after the other, each looking at the API server for what the one
// before it wrote. If two endpoints have the same route nevertheless, as after a handover
// from a manager that was cut off, the older one keeps it.
func (r *Reconciler) claimRoute(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	route := ep.Route()
	if route == "" {
		return nil
	}
	held := slices.Contains(ep.Status.Routes, route)
	if !held {
		r.claiming.Lock()
		defer r.claiming.Unlock()
	}
	neighbours, err := r.neighbours(ctx, ep, !held)
	if err != nil {
		return err
	}
	if givesWay(ep, neighbours) {
		return outcome.Stalled(v1alpha1.ReasonHostInUse,
			"Another ScimEndpoint is exposed under host %s with the path %s, or one above or below it, so that this one is not exposed; give it another host or path, or delete the other.",
			ep.Host(), ep.BasePath()+"/")
	}
	if held {
		return nil
	}
	return pass.Save(ctx, func(obj outcome.Object) {
		status := &obj.(*v1alpha1.ScimEndpoint).Status
		status.Routes = append(slices.Clone(status.Routes), route)
	})
}

// neighbours are the other endpoints that have or ask for the endpoint's host, as they
// are in the cache or at the API server. The cache is enough to know which they are: a
// claim is only ever made for what it has, and over that version.
func (r *Reconciler) neighbours(ctx context.Context, ep *v1alpha1.ScimEndpoint, live bool) ([]*v1alpha1.ScimEndpoint, error) {
	var sharing v1alpha1.ScimEndpointList
	err := r.client.List(ctx, &sharing, client.MatchingFields{hostIndex: ep.Host()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the endpoints under host %s: %w", ep.Host(), err)
	}
	var neighbours []*v1alpha1.ScimEndpoint
	for i := range sharing.Items {
		other, key := &sharing.Items[i], client.ObjectKeyFromObject(&sharing.Items[i])
		if key == client.ObjectKeyFromObject(ep) {
			continue
		}
		if live {
			other = &v1alpha1.ScimEndpoint{}
			err := r.live.Get(ctx, key, other)
			if client.IgnoreNotFound(err) != nil {
				return nil, fmt.Errorf("read an endpoint under host %s: %w", ep.Host(), err)
			}
			if err != nil {
				continue
			}
		}
		other, err := r.withoutRefused(ctx, other)
		if err != nil {
			return nil, err
		}
		neighbours = append(neighbours, other)
	}
	return neighbours, nil
}

// withoutRefused returns an endpoint that asks for no host if it may not be exposed as it asks:
// it has what it has until it is withdrawn, and nobody waits for it.
func (r *Reconciler) withoutRefused(ctx context.Context, ep *v1alpha1.ScimEndpoint) (*v1alpha1.ScimEndpoint, error) {
	var failure *outcome.Failure
	switch err := r.checkExposure(ctx, ep); {
	case errors.As(err, &failure):
		ep = ep.DeepCopy()
		ep.Spec.Exposure = nil
		return ep, nil
	default:
		return ep, err
	}
}

// givesWay says whether an endpoint may not be exposed where it asks for: who is there
// stays, however young, and of those who wait the oldest comes first.
func givesWay(ep *v1alpha1.ScimEndpoint, neighbours []*v1alpha1.ScimEndpoint) bool {
	route := ep.Route()
	held := slices.Contains(ep.Status.Routes, route)
	for _, other := range neighbours {
		if has(other, route) && (!held || older(other, ep)) {
			return true
		}
	}
	return !held && slices.ContainsFunc(neighbours, func(other *v1alpha1.ScimEndpoint) bool {
		return overlap(other.Route(), route) && older(other, ep) && mayClaim(other, ep, neighbours)
	})
}

// has says whether requests for a route would reach an endpoint's servers.
func has(ep *v1alpha1.ScimEndpoint, route string) bool {
	return slices.ContainsFunc(routesOf(ep), func(its string) bool { return overlap(its, route) })
}

// mayClaim says whether an endpoint waits for its route and nobody has it.
func mayClaim(ep, asking *v1alpha1.ScimEndpoint, neighbours []*v1alpha1.ScimEndpoint) bool {
	route := ep.Route()
	if !ep.DeletionTimestamp.IsZero() || slices.Contains(routesOf(ep), route) || has(asking, route) {
		return false
	}
	return !slices.ContainsFunc(neighbours, func(other *v1alpha1.ScimEndpoint) bool {
		return other != ep && has(other, route)
	})
}

// overlap says whether one route is the other or lies under it.
func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

// older orders endpoints by age, and those of the same second by what nobody can choose.
func older(a, b *v1alpha1.ScimEndpoint) bool {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.UID, b.UID)) < 0
}

// neighboursOf maps an endpoint that came, went or changed to those that may have to give
// way to it or may take its place.
func (r *Reconciler) neighboursOf(ctx context.Context, obj client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, host := range indexHost(obj) {
		var sharing v1alpha1.ScimEndpointList
		err := r.client.List(ctx, &sharing, client.MatchingFields{hostIndex: host}, client.UnsafeDisableDeepCopy)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot tell which endpoints share a host", "endpoint", client.ObjectKeyFromObject(obj))
			return nil
		}
		for i := range sharing.Items {
			if key := client.ObjectKeyFromObject(&sharing.Items[i]); key != client.ObjectKeyFromObject(obj) {
				requests = append(requests, reconcile.Request{NamespacedName: key})
			}
		}
	}
	return requests
}
