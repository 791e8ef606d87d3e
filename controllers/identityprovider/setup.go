// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/heartbeat"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// workers wait for the API server alone.
	workers = 8
	// timeout ends a reconcile that hangs, at an API server that does not answer.
	timeout = time.Minute
	// configMapIndex finds the providers whose metadata, or whose signers of it, are in a ConfigMap.
	configMapIndex = "spec.signOn.saml.metadata.*.configMapKeyRef.name"
)

// Fetcher gets metadata from a URL; saml.Fetcher is one.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// CacheByObject limits the manager's cache to what this controller needs: that a
// ConfigMap has changed, and nothing of what is in it.
func CacheByObject() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.ConfigMap{}: {Transform: onlyIdentity},
	}
}

// onlyIdentity drops labels and annotations, too: kubectl keeps a copy of the whole
// ConfigMap in one of them.
func onlyIdentity(obj any) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	return &metav1.PartialObjectMetadata{
		TypeMeta: m.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion,
		},
	}, nil
}

// SetupWithManager registers the controller. The manager's cache must be limited by
// CacheByObject.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, fetcher Fetcher) error {
	return setup(ctx, mgr, fetcher, time.Now)
}

func setup(ctx context.Context, mgr ctrl.Manager, fetcher Fetcher, now func() time.Time) error {
	r := &Reconciler{
		client:    mgr.GetClient(),
		live:      mgr.GetAPIReader(),
		children:  child.Client{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		reporter:  outcome.NewReporter(mgr.GetClient(), mgr.GetEventRecorder("scim-operator")),
		documents: &documents{fetch: fetcher.Fetch, fetches: newFetches(ctx), now: now, known: map[documentKey]*answer{}},
		tally:     newTally(),
		now:       now,
	}
	arrivals := &enqueue.Outlet{}
	r.documents.arrived = func(provider client.ObjectKey) {
		arrivals.Add(reconcile.Request{NamespacedName: provider})
	}
	err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.IdentityProvider{}, configMapIndex, func(obj client.Object) []string {
		if source := obj.(*v1alpha1.IdentityProvider).SAMLSource(); source != nil {
			return source.ConfigMaps()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index identity providers by ConfigMap: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.IdentityProvider{}, domainIndex, indexDomains); err != nil {
		return fmt.Errorf("index identity providers by e-mail domain: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.IdentityProvider{}).
		Watches(&v1alpha1.IdentityProvider{}, handler.EnqueueRequestsFromMapFunc(r.rivalsOf),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&v1alpha1.ScimEndpoint{}, builder.WithPredicates(heartbeat.Ignored())).
		Watches(&v1alpha1.ScimEndpoint{}, handler.EnqueueRequestsFromMapFunc(providerOfOrphan), builder.WithPredicates(heartbeat.Ignored())).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.readersOf)).
		Watches(&v1alpha1.ScimUser{}, counter{r.tally, userWeight}).
		Watches(&v1alpha1.ScimGroup{}, counter{r.tally, groupWeight}).
		WatchesRawSource(arrivals.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(r)
}

// providerOfOrphan maps an endpoint that has no owner, as a restored one, to its provider.
func providerOfOrphan(_ context.Context, endpoint client.Object) []reconcile.Request {
	provider := endpoint.GetLabels()[v1alpha1.ProviderLabel]
	if provider == "" || metav1.GetControllerOf(endpoint) != nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: endpoint.GetNamespace(), Name: provider}}}
}

// readersOf maps a ConfigMap to the providers whose metadata, or whose signers of it, it holds.
func (r *Reconciler) readersOf(ctx context.Context, configMap client.Object) []reconcile.Request {
	var providers v1alpha1.IdentityProviderList
	err := r.client.List(ctx, &providers, client.InNamespace(configMap.GetNamespace()),
		client.MatchingFields{configMapIndex: configMap.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the identity providers of a ConfigMap", "configMap", client.ObjectKeyFromObject(configMap))
		return nil
	}
	requests := make([]reconcile.Request, len(providers.Items))
	for i := range providers.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&providers.Items[i])
	}
	return requests
}
