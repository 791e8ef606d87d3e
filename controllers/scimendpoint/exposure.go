// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
)

// gatewayAPIRetry is how soon a Gateway API that was missing is looked for again:
// nothing tells when it is installed.
const gatewayAPIRetry = time.Minute

var httpRouteKind = schema.GroupKind{Group: gatewayv1.GroupName, Kind: "HTTPRoute"}

// expose makes the Ingress or HTTPRoute asked for and removes the one not asked for, or
// both where the host is another endpoint's.
func (r *Reconciler) expose(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	reason, message, err := r.route(ctx, ep)
	var failure *outcome.Failure
	switch {
	case err == nil:
		outcome.Set(ep, v1alpha1.ConditionExposed, true, reason, message)
	case errors.As(err, &failure):
		outcome.Set(ep, v1alpha1.ConditionExposed, false, failure.Reason, failure.Message)
	}
	return err
}

func (r *Reconciler) route(ctx context.Context, ep *v1alpha1.ScimEndpoint) (reason, message string, err error) {
	if err := r.checkHost(ctx, ep); err != nil {
		var failure *outcome.Failure
		if !errors.As(err, &failure) {
			return "", "", err
		}
		return "", "", outcome.Join(err, r.removeIngress(ctx, ep), r.removeHTTPRoute(ctx, ep))
	}
	var removed error
	if exposure := ep.Spec.Exposure; exposure == nil || exposure.Ingress == nil {
		removed = r.removeIngress(ctx, ep)
	}
	if exposure := ep.Spec.Exposure; exposure == nil || exposure.HTTPRoute == nil {
		removed = outcome.Join(removed, r.removeHTTPRoute(ctx, ep))
	}
	reason, message, err = r.applyExposure(ctx, ep)
	return reason, message, outcome.Join(removed, err)
}

func (r *Reconciler) applyExposure(ctx context.Context, ep *v1alpha1.ScimEndpoint) (reason, message string, err error) {
	exposure := ep.Spec.Exposure
	switch {
	case exposure != nil && exposure.Ingress != nil:
		err = r.children.Apply(ctx, owner(ep), &networkingv1.Ingress{}, render.Ingress(ep))
		return v1alpha1.ReasonIngressApplied, fmt.Sprintf("Ingress %s routes %s to the servers.", ep.ChildName(), ep.BaseURL()), err
	case exposure != nil && exposure.HTTPRoute != nil:
		err = r.applyHTTPRoute(ctx, ep)
		return v1alpha1.ReasonHTTPRouteApplied, fmt.Sprintf("HTTPRoute %s routes %s to the servers.", ep.ChildName(), ep.BaseURL()), err
	default:
		return v1alpha1.ReasonNotExposed, fmt.Sprintf("Neither Ingress nor HTTPRoute is asked for; Service %s leads to the servers.", ep.ChildName()), nil
	}
}

func (r *Reconciler) applyHTTPRoute(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	installed, err := r.routes.start()
	if err != nil {
		return err
	}
	if !installed {
		return outcome.Stalled(v1alpha1.ReasonGatewayAPIMissing,
			"The spec asks for an HTTPRoute, but the Gateway API is not installed in this cluster; install it or use an Ingress.").After(gatewayAPIRetry)
	}
	return r.children.Apply(ctx, owner(ep), &gatewayv1.HTTPRoute{}, render.HTTPRoute(ep))
}

func (r *Reconciler) removeIngress(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	_, err := r.children.Remove(ctx, owner(ep), ep.ChildName(), &networkingv1.Ingress{})
	return err
}

func (r *Reconciler) removeHTTPRoute(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	installed, err := r.routes.start()
	if err != nil || !installed {
		return err
	}
	_, err = r.children.Remove(ctx, owner(ep), ep.ChildName(), &gatewayv1.HTTPRoute{})
	return err
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
