// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/heartbeat"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/render"
)

const (
	workers = 4
	// timeout ends a reconcile that hangs, at an API server that does not answer.
	timeout = time.Minute
	// secretsLook is how often the Secrets of an endpoint are read again. The manager may not
	// watch Secrets, as it would have to be allowed to list those of others.
	secretsLook = 5 * time.Minute
)

// clock is how a Reconciler knows the time, and how often it reads Secrets again.
type clock struct {
	now  func() time.Time
	look time.Duration
}

// CacheByObject limits the manager's cache to what this controller needs: children and
// pods that carry the operator's labels, and no pod that has ended. Of Deployments it holds
// the status and not the spec.
func CacheByObject() map[client.Object]cache.ByObject {
	managed := labels.SelectorFromSet(labels.Set{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue})
	byObject := map[client.Object]cache.ByObject{}
	for _, kind := range metadataOnly() {
		byObject[kind] = cache.ByObject{Label: managed}
	}
	byObject[&appsv1.Deployment{}] = cache.ByObject{Label: managed, Transform: withoutSpec}
	byObject[&corev1.Namespace{}] = cache.ByObject{Transform: onlyAllowedHosts}
	byObject[&corev1.Pod{}] = cache.ByObject{Label: withEndpoint(), Field: fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
	)}
	return byObject
}

// withoutSpec drops what nobody reads of a Deployment.
func withoutSpec(obj any) (any, error) {
	if deployment, ok := obj.(*appsv1.Deployment); ok {
		deployment.Spec, deployment.ManagedFields = appsv1.DeploymentSpec{}, nil
	}
	return obj, nil
}

func withEndpoint() labels.Selector {
	exists, err := labels.NewRequirement(v1alpha1.EndpointLabel, selection.Exists, nil)
	if err != nil {
		panic(err)
	}
	return labels.NewSelector().Add(*exists)
}

// SetupWithManager registers the controller. The manager's cache must be limited by
// CacheByObject, and its client must read Secrets as child.ClientOptions says.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, options render.Options, exposure ExposureRules, policies Policies) error {
	return setup(ctx, mgr, options, exposure, policies, clock{time.Now, secretsLook})
}

func setup(ctx context.Context, mgr ctrl.Manager, options render.Options, exposure ExposureRules, policies Policies, clock clock) error {
	r := &Reconciler{
		client:   mgr.GetClient(),
		live:     mgr.GetAPIReader(),
		children: child.Client{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		reporter: outcome.NewReporter(mgr.GetClient(), mgr.GetEventRecorder("scim-operator")),
		options:  options,
		exposure: exposure,
		policies: policies,
		clock:    clock,
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ScimEndpoint{}, hostIndex, indexHost); err != nil {
		return fmt.Errorf("index endpoints by host: %w", err)
	}
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ScimEndpoint{}, builder.WithPredicates(heartbeat.Ignored())).
		Watches(&v1alpha1.ScimEndpoint{}, handler.EnqueueRequestsFromMapFunc(r.neighboursOf), builder.WithPredicates(routesChanged())).
		WatchesMetadata(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(endpointOf), builder.WithPredicates(departures())).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue})
	orphans := handler.EnqueueRequestsFromMapFunc(endpointOfOrphan)
	for _, kind := range metadataOnly() {
		b = b.Owns(kind, builder.OnlyMetadata).WatchesMetadata(kind, orphans)
	}
	b = b.Owns(&appsv1.Deployment{}).Watches(&appsv1.Deployment{}, orphans)
	if !exposure.Namespaced {
		b = b.WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.endpointsIn), builder.WithPredicates(allowedHostsChanged()))
	}
	if policies != nil {
		b = b.WatchesRawSource(r.policyChanges())
	}
	c, err := b.Build(r)
	if err != nil {
		return err
	}
	r.routes = routeWatcher{
		mapper: mgr.GetRESTMapper(),
		watch:  c.Watch,
		source: func() source.Source {
			owned := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1alpha1.ScimEndpoint{}, handler.OnlyControllerOwner())
			return source.Kind[client.Object](mgr.GetCache(), &gatewayv1.HTTPRoute{}, owned)
		},
	}
	return (&usage{client: r.client, now: clock.now}).setup(mgr)
}

// endpointOf maps a server's pod to its endpoint.
func endpointOf(_ context.Context, pod client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKey{
		Namespace: pod.GetNamespace(), Name: pod.GetLabels()[v1alpha1.EndpointLabel],
	}}}
}

// endpointOfOrphan maps a child that has no owner, as a restored one, to its endpoint.
func endpointOfOrphan(ctx context.Context, child client.Object) []reconcile.Request {
	if metav1.GetControllerOf(child) != nil || child.GetLabels()[v1alpha1.EndpointLabel] == "" {
		return nil
	}
	return endpointOf(ctx, child)
}

// routesChanged passes what may free a host or take one.
func routesChanged() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.ScimEndpoint), e.ObjectNew.(*v1alpha1.ScimEndpoint)
			return before.Status.ClaimedRoute != after.Status.ClaimedRoute || !slices.Equal(routesOf(before), routesOf(after))
		},
	})
}

// departures passes only that a pod is to go, is gone, or has ended and left the cache.
func departures() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp() == nil && e.ObjectNew.GetDeletionTimestamp() != nil
		},
	}
}
