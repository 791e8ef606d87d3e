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
	for _, route := range append(slices.Clone(routesOf(ep)), ep.Status.ClaimedRoute, ep.Route()) {
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
// No two endpoints take one route, whichever workers and managers reconcile them: an endpoint
// first writes its claim, and takes the route in a later reconcile, when the cache shows the
// claim and no other on the route. The cache gets all writes to endpoints in their order. So
// of two endpoints that claim, the one that wrote last sees the other. It costs two writes,
// and no request to read. If two endpoints have the same route nevertheless, the older one
// keeps it.
func (r *Reconciler) claimRoute(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	if ep.Route() == "" {
		ep.Status.ClaimedRoute = ""
		return nil
	}
	neighbours, err := r.neighbours(ctx, ep)
	if err != nil {
		return err
	}
	switch where := stand(ep, neighbours); where {
	case asks:
		return r.ask(ctx, pass, ep)
	case waits:
		return claimed(ep)
	case takes:
		return r.take(ctx, pass, ep)
	case holds:
		ep.Status.ClaimedRoute = ""
		return nil
	default:
		return inUse(ep)
	}
}

func inUse(ep *v1alpha1.ScimEndpoint) error {
	ep.Status.ClaimedRoute = ""
	return outcome.Stalled(v1alpha1.ReasonHostInUse,
		"Another ScimEndpoint is exposed under host %s with the path %s, or one above or below it, so that this one is not exposed; give it another host or path, or delete the other.",
		ep.Host(), ep.BasePath()+"/")
}

func claimed(ep *v1alpha1.ScimEndpoint) error {
	return outcome.Waiting(v1alpha1.ReasonProgressing,
		"Before it is exposed at %s, it is made sure that no other ScimEndpoint is.", ep.BaseURL()).After(withdrawalRetry)
}

// ask writes the claim.
func (r *Reconciler) ask(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	route := ep.Route()
	err := pass.Save(ctx, func(obj outcome.Object) { obj.(*v1alpha1.ScimEndpoint).Status.ClaimedRoute = route })
	return cmp.Or(err, claimed(ep))
}

// take gives the endpoint the route that it claims, over the version of the claim and no
// other.
func (r *Reconciler) take(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	if free, err := r.confirm(ctx, ep); err != nil || !free {
		return cmp.Or(err, inUse(ep))
	}
	route := ep.Route()
	return pass.Save(ctx, func(obj outcome.Object) {
		status := &obj.(*v1alpha1.ScimEndpoint).Status
		status.ClaimedRoute = ""
		if !slices.Contains(status.Routes, route) {
			status.Routes = append(slices.Clone(status.Routes), route)
		}
	})
}

// confirm asks the API server whether a route is free, where the cache is several watches: of
// several namespaces it does not get the writes in their order.
func (r *Reconciler) confirm(ctx context.Context, ep *v1alpha1.ScimEndpoint) (free bool, err error) {
	if len(r.exposure.Namespaces) < 2 {
		return true, nil
	}
	for _, namespace := range r.exposure.Namespaces {
		var endpoints v1alpha1.ScimEndpointList
		if err := r.live.List(ctx, &endpoints, client.InNamespace(namespace)); err != nil {
			return false, fmt.Errorf("list the endpoints of namespace %s: %w", namespace, err)
		}
		for i := range endpoints.Items {
			other := &endpoints.Items[i]
			if other.UID != ep.UID && (has(other, ep.Route()) || claims(other, ep.Route())) {
				return false, nil
			}
		}
	}
	return true, nil
}

// neighbours are the other endpoints that have, claim or ask for the endpoint's host, as they
// are in the cache. Who may not be exposed asks for nothing.
func (r *Reconciler) neighbours(ctx context.Context, ep *v1alpha1.ScimEndpoint) ([]*v1alpha1.ScimEndpoint, error) {
	var sharing v1alpha1.ScimEndpointList
	err := r.client.List(ctx, &sharing, client.MatchingFields{hostIndex: ep.Host()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the endpoints under host %s: %w", ep.Host(), err)
	}
	neighbours := make([]*v1alpha1.ScimEndpoint, 0, len(sharing.Items))
	for i := range sharing.Items {
		other := &sharing.Items[i]
		if client.ObjectKeyFromObject(other) == client.ObjectKeyFromObject(ep) {
			continue
		}
		if overlap(other.Route(), ep.Route()) {
			if other, err = r.withoutRefused(ctx, other); err != nil {
				return nil, err
			}
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

// standing is how far an endpoint is on the way to its route.
type standing int

const (
	// gives: it gives way to another.
	gives standing = iota
	// asks: nobody has the route or claims it, so that the endpoint may claim it.
	asks
	// waits: it claims the route, and so does another that will see that it has to give way.
	waits
	// takes: it claims the route, and nobody else does.
	takes
	// holds: it has the route.
	holds
)

// stand judges an endpoint among its neighbours: who has a route stays, however young, and of
// those who claim it or wait for it the oldest comes first. Its invariant is that who claims
// never takes what another claims: that other may have been told to take it by a manager
// whose cache has not got this claim yet.
func stand(ep *v1alpha1.ScimEndpoint, neighbours []*v1alpha1.ScimEndpoint) standing {
	route := ep.Route()
	among := func(is func(other *v1alpha1.ScimEndpoint) bool) bool { return slices.ContainsFunc(neighbours, is) }
	if holdsRoute(ep, route) {
		if among(func(other *v1alpha1.ScimEndpoint) bool { return has(other, route) && older(other, ep) }) {
			return gives
		}
		return holds
	}
	if among(func(other *v1alpha1.ScimEndpoint) bool { return has(other, route) }) {
		return gives
	}
	rival := among(func(other *v1alpha1.ScimEndpoint) bool { return claims(other, route) })
	switch {
	case !claimsExactly(ep, route):
		if rival || among(func(other *v1alpha1.ScimEndpoint) bool {
			return overlap(other.Route(), route) && older(other, ep) && mayClaim(other, ep, neighbours)
		}) {
			return gives
		}
		return asks
	case among(func(other *v1alpha1.ScimEndpoint) bool { return claims(other, route) && older(other, ep) }):
		return gives
	case rival:
		return waits
	default:
		return takes
	}
}

// holdsRoute reports whether an endpoint has taken a route. One that has been restored has
// not: what its record says is a claim, as another may have taken the route meanwhile.
func holdsRoute(ep *v1alpha1.ScimEndpoint, route string) bool {
	return hasStatus(ep) && slices.Contains(ep.Status.Routes, route)
}

func claimsExactly(ep *v1alpha1.ScimEndpoint, route string) bool {
	return ep.Status.ClaimedRoute == route || !hasStatus(ep) && slices.Contains(routesOf(ep), route)
}

// claims reports whether an endpoint claims a route or one above or below it.
func claims(ep *v1alpha1.ScimEndpoint, route string) bool {
	return ep.Status.ClaimedRoute != "" && overlap(ep.Status.ClaimedRoute, route)
}

// has reports whether requests for a route would reach an endpoint's servers.
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
// way to it or may take its place. Those that have a route of their own elsewhere under the
// host need not know: a host may have thousands of paths.
func (r *Reconciler) neighboursOf(ctx context.Context, obj client.Object) []reconcile.Request {
	changed := obj.(*v1alpha1.ScimEndpoint)
	var requests []reconcile.Request
	for _, host := range indexHost(changed) {
		var sharing v1alpha1.ScimEndpointList
		err := r.client.List(ctx, &sharing, client.MatchingFields{hostIndex: host}, client.UnsafeDisableDeepCopy)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot tell which endpoints share a host", "endpoint", client.ObjectKeyFromObject(obj))
			return nil
		}
		for i := range sharing.Items {
			other := &sharing.Items[i]
			if key := client.ObjectKeyFromObject(other); key != client.ObjectKeyFromObject(obj) && concerns(changed, other) {
				requests = append(requests, reconcile.Request{NamespacedName: key})
			}
		}
	}
	return requests
}

// concerns reports whether a change of one endpoint may change where another stands: it waits
// for its route, or is in the way.
func concerns(changed, other *v1alpha1.ScimEndpoint) bool {
	route := other.Route()
	return !holdsRoute(other, route) || has(changed, route) || claims(changed, route) || overlap(changed.Route(), route)
}
