// SPDX-License-Identifier: Apache-2.0

// Package scimresource releases the claims of a ScimResource before it goes. The kind has
// no status: what the identity provider said is all there is.
package scimresource

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/fair"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

const (
	workers = 4
	// timeout ends a reconcile that hangs, at an API server that does not answer.
	timeout = time.Minute
)

// +kubebuilder:rbac:groups=scim-operator.io,resources=scimresources,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimclaims,verbs=get;delete
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimendpoints,verbs=get;list;watch

// Reconciler reconciles ScimResources. Its cache has the metadata of them alone.
type Reconciler struct {
	client client.Client
	live   client.Reader
	claims claims.Releaser
	now    func() time.Time
}

// SetupWithManager registers the controller.
func SetupWithManager(mgr ctrl.Manager) error { return setup(mgr, time.Now) }

func setup(mgr ctrl.Manager, now func() time.Time) error {
	r := &Reconciler{
		client: mgr.GetClient(),
		live:   mgr.GetAPIReader(),
		claims: claims.Releaser{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		now:    now,
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimresource").
		For(&v1alpha1.ScimResource{}, builder.OnlyMetadata).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: timeout, NewQueue: fair.NewQueue}).
		Complete(r)
}

// Reconcile looks after one resource that is being deleted or was abandoned.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	resource := &metav1.PartialObjectMetadata{}
	resource.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScimResource"))
	if err := r.client.Get(ctx, req.NamespacedName, resource); err != nil {
		return outcome.Skip(err)
	}
	if resource.Annotations[v1alpha1.AbandonedAnnotation] != "" {
		if wait, stays, err := r.claims.Stays(ctx, resource, r.now()); stays || err != nil {
			return ctrl.Result{RequeueAfter: wait}, err
		}
	}
	if resource.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	return outcome.Skip(r.release(ctx, req.NamespacedName))
}

// release lets a resource go that is being deleted. Which claims it has follows from its values
// and from which of them its endpoint declares as unique.
func (r *Reconciler) release(ctx context.Context, key client.ObjectKey) error {
	resource := &v1alpha1.ScimResource{}
	if err := r.live.Get(ctx, key, resource); err != nil {
		return err
	}
	declared, err := r.declaredType(ctx, resource)
	if err != nil {
		return err
	}
	return r.claims.Release(ctx, resource, identity.ResourceClaims(resource, declared)...)
}

// declaredType is the type of a resource as its endpoint declares it now, nil if it does not.
func (r *Reconciler) declaredType(ctx context.Context, resource *v1alpha1.ScimResource) (*v1alpha1.SchemaResourceType, error) {
	var ep v1alpha1.ScimEndpoint
	key := client.ObjectKey{Namespace: resource.Namespace, Name: resource.Spec.EndpointRef.Name}
	if err := r.client.Get(ctx, key, &ep); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read which attributes are unique: %w", err)
	}
	for i := range ep.Spec.ResourceTypes {
		if declared := &ep.Spec.ResourceTypes[i]; declared.Name == resource.Spec.ResourceType {
			return declared, nil
		}
	}
	return nil, nil
}
