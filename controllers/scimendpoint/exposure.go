// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
)

// gatewayAPIRetry is how soon a Gateway API that was missing is looked for again:
// nothing tells when it is installed.
const gatewayAPIRetry = time.Minute

const (
	// maxRoutes an endpoint may have: where it is, and where it moves to.
	maxRoutes = 2
	// withdrawalRetry is how soon to look whether what led to an endpoint is gone.
	withdrawalRetry = 2 * time.Second
)

var httpRouteKind = schema.GroupKind{Group: gatewayv1.GroupName, Kind: "HTTPRoute"}

// expose makes the Ingress or HTTPRoute asked for and removes the one not asked for, or
// both where the host is another endpoint's.
func (r *Reconciler) expose(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	reason, message, err := r.route(ctx, pass, ep)
	var failure *outcome.Failure
	switch {
	case err == nil:
		outcome.Set(ep, v1alpha1.ConditionExposed, true, reason, message)
	case errors.As(err, &failure):
		outcome.Set(ep, v1alpha1.ConditionExposed, false, failure.Reason, failure.Message)
	}
	return err
}

// route keeps status.routes true to what leads to the servers: a route is there before
// something leads from it, and goes when nothing does any more.
func (r *Reconciler) route(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) (reason, message string, err error) {
	had, claim := ep.Status.Routes, ep.Status.ClaimedRoute
	defer func() {
		if claim != ep.Status.ClaimedRoute || !slices.Equal(had, ep.Status.Routes) {
			pass.Exact() // nobody's claim may be given up who has made it since
		}
	}()
	if err := r.finishMove(ctx, ep); err != nil {
		return "", "", err
	}
	if err := r.settleRoute(ctx, pass, ep); err != nil {
		return "", "", err
	}
	exposure := ep.Spec.Exposure
	withdrawn, err := r.remove(ctx, ep, exposure == nil || exposure.Ingress == nil, exposure == nil || exposure.HTTPRoute == nil)
	exposed, applied := r.applyExposure(ctx, ep)
	err = outcome.Join(err, applied)
	if err == nil && withdrawn {
		ep.Status.Routes = nil
		if route := ep.Route(); route != "" {
			ep.Status.Routes = []string{route}
		}
	}
	if err == nil && exposed.refused != nil {
		err = exposed.refused
	}
	return exposed.reason, exposed.message, err
}

// settleRoute fails until the endpoint has its route, and withdraws one that may not have it.
// While it claims another route, the endpoint stays where it is.
func (r *Reconciler) settleRoute(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	var failure *outcome.Failure
	err := r.checkExposure(ctx, ep)
	switch {
	case err == nil:
		err = r.claimRoute(ctx, pass, ep)
	case errors.As(err, &failure):
		ep.Status.ClaimedRoute = ""
	}
	if !errors.As(err, &failure) || ep.Status.ClaimedRoute != "" {
		return err
	}
	return outcome.Join(err, r.withdraw(ctx, ep))
}

// finishMove withdraws an endpoint that is to move on before its last move has come to an
// end: something may lead to it from either of two places, and there is no room for a third.
func (r *Reconciler) finishMove(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	if len(ep.Status.Routes) < maxRoutes || slices.Contains(ep.Status.Routes, ep.Route()) {
		return nil
	}
	left := strings.Join(ep.Status.Routes, " and ")
	if err := r.withdraw(ctx, ep); err != nil {
		return err
	}
	return outcome.Waiting(v1alpha1.ReasonProgressing,
		"Before it is exposed at %s, what may lead to the servers from %s is removed.", ep.BaseURL(), left).After(withdrawalRetry)
}

// withdraw removes what leads to the servers, and gives up the routes once it is gone.
func (r *Reconciler) withdraw(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	gone, err := r.remove(ctx, ep, true, true)
	if gone {
		ep.Status.Routes = nil
	}
	return err
}

// remove removes the Ingress, the HTTPRoute or both, and reports whether they are gone.
func (r *Reconciler) remove(ctx context.Context, ep *v1alpha1.ScimEndpoint, ingress, httpRoute bool) (gone bool, err error) {
	gone = true
	if ingress {
		gone, err = r.children.Remove(ctx, owner(ep), ep.ChildName(), child.Metadata(ingressKind))
	}
	if httpRoute {
		routeGone, routeErr := r.removeHTTPRoute(ctx, ep)
		gone, err = gone && routeGone, outcome.Join(err, routeErr)
	}
	return gone && err == nil, err
}

// exposed is how the servers are reached once what leads to them is applied.
type exposed struct {
	reason, message string
	// refused is what keeps requests from them nevertheless, or nil.
	refused *outcome.Failure
}

func (r *Reconciler) applyExposure(ctx context.Context, ep *v1alpha1.ScimEndpoint) (exposed, error) {
	exposure := ep.Spec.Exposure
	switch {
	case exposure != nil && exposure.Ingress != nil:
		err := r.children.Apply(ctx, owner(ep), child.Metadata(ingressKind), render.Ingress(ep))
		return exposed{v1alpha1.ReasonIngressApplied, fmt.Sprintf("Ingress %s routes %s to the servers.", ep.ChildName(), ep.BaseURL()), nil}, err
	case exposure != nil && exposure.HTTPRoute != nil:
		refused, err := r.applyHTTPRoute(ctx, ep)
		return exposed{v1alpha1.ReasonHTTPRouteAccepted, fmt.Sprintf("HTTPRoute %s routes %s to the servers.", ep.ChildName(), ep.BaseURL()), refused}, err
	default:
		return exposed{v1alpha1.ReasonNotExposed, fmt.Sprintf("Neither Ingress nor HTTPRoute is asked for; Service %s leads to the servers.", ep.ChildName()), nil}, nil
	}
}

// applyHTTPRoute returns, beside errors, what the Gateways' controllers have against the route.
func (r *Reconciler) applyHTTPRoute(ctx context.Context, ep *v1alpha1.ScimEndpoint) (refused *outcome.Failure, err error) {
	installed, err := r.routes.start()
	if err != nil {
		return nil, err
	}
	if !installed {
		return nil, outcome.Stalled(v1alpha1.ReasonGatewayAPIMissing,
			"The spec asks for an HTTPRoute, but the Gateway API is not installed in this cluster; install it or use an Ingress.").After(gatewayAPIRetry)
	}
	route := &gatewayv1.HTTPRoute{}
	if err := r.children.Apply(ctx, owner(ep), route, render.HTTPRoute(ep)); err != nil {
		return nil, err
	}
	return acceptance(ep, route), nil
}

func (r *Reconciler) removeHTTPRoute(ctx context.Context, ep *v1alpha1.ScimEndpoint) (gone bool, err error) {
	installed, err := r.routes.start()
	if err != nil || !installed {
		return err == nil, err
	}
	return r.children.Remove(ctx, owner(ep), ep.ChildName(), &gatewayv1.HTTPRoute{})
}

// routeWatcher watches HTTPRoutes from the moment the Gateway API is found: it may be
// installed long after the manager has started.
type routeWatcher struct {
	mapper  meta.RESTMapper
	watch   func(source.Source) error
	source  func() source.Source
	mu      sync.Mutex
	started bool
}

// start says whether the Gateway API is installed, and watches HTTPRoutes if it is.
func (w *routeWatcher) start() (installed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.mapper.RESTMapping(httpRouteKind, gatewayv1.GroupVersion.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the Gateway API: %w", err)
	}
	if w.started {
		return true, nil
	}
	if err := w.watch(w.source()); err != nil {
		return false, fmt.Errorf("watch HTTPRoutes: %w", err)
	}
	w.started = true
	return true, nil
}
