// SPDX-License-Identifier: Apache-2.0

// Package backup backs the objects of a namespace up and restores them as backup tools such
// as Velero do: without status, owner references, uid and resourceVersion, and in an order
// that knows nothing of these kinds. Tests use it.
package backup

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// derived are kinds that other controllers make anew.
var derived = map[string]bool{
	"Event": true, "Endpoints": true, "EndpointSlice": true, "Lease": true, "Pod": true, "ReplicaSet": true, "ControllerRevision": true,
}

// first are the kinds that are restored before all others, in their order.
var first = []string{"Secret", "ConfigMap", "ServiceAccount"}

// Backup is what there was in a namespace.
type Backup []*unstructured.Unstructured

// Kinds are the kinds of a cluster that a tool backs up.
func Kinds(cluster discovery.DiscoveryInterface) ([]schema.GroupVersionKind, error) {
	lists, err := cluster.ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("ask which kinds there are: %w", err)
	}
	var kinds []schema.GroupVersionKind
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && slices.Contains(resource.Verbs, "create") && !derived[resource.Kind] {
				kinds = append(kinds, version.WithKind(resource.Kind))
			}
		}
	}
	return kinds, nil
}

// Take lists every object of the kinds in a namespace.
func Take(ctx context.Context, c client.Client, namespace string, kinds []schema.GroupVersionKind) (Backup, error) {
	var b Backup
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			b = append(b, stripped(&list.Items[i]))
		}
	}
	// As Velero does: what others need, and then by the name of the kind.
	slices.SortStableFunc(b, func(x, y *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x.GetKind(), y.GetKind()), cmp.Compare(x.GetName(), y.GetName()))
	})
	return b, nil
}

func rank(o *unstructured.Unstructured) int {
	if i := slices.Index(first, o.GetKind()); i >= 0 {
		return i
	}
	return len(first)
}

// stripped is what is left of an object: its names, labels, annotations and content.
func stripped(o *unstructured.Unstructured) *unstructured.Unstructured {
	kept := o.DeepCopy()
	kept.Object["metadata"] = map[string]any{}
	kept.SetName(o.GetName())
	kept.SetNamespace(o.GetNamespace())
	kept.SetLabels(o.GetLabels())
	kept.SetAnnotations(o.GetAnnotations())
	unstructured.RemoveNestedField(kept.Object, "status")
	if o.GetKind() == "Service" {
		unstructured.RemoveNestedField(kept.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(kept.Object, "spec", "clusterIPs")
	}
	return kept
}

// Restore creates what is not there. It returns what could not be created.
func (b Backup) Restore(ctx context.Context, c client.Client) (failed []error) {
	for _, o := range b {
		if err := c.Create(ctx, o.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
			failed = append(failed, fmt.Errorf("restore %s %s: %w", o.GetKind(), o.GetName(), err))
		}
	}
	return failed
}

// Only are the objects of some kinds, in the same order.
func (b Backup) Only(keep func(*unstructured.Unstructured) bool) (part Backup) {
	for _, o := range b {
		if keep(o) {
			part = append(part, o)
		}
	}
	return part
}

// Erase deletes every object of the backup, finalizers or not, as the end of a namespace does.
func (b Backup) Erase(ctx context.Context, c client.Client) error {
	for _, o := range b {
		found := &metav1.PartialObjectMetadata{}
		found.SetGroupVersionKind(o.GroupVersionKind())
		found.SetNamespace(o.GetNamespace())
		found.SetName(o.GetName())
		release := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		if err := c.Patch(ctx, found.DeepCopy(), release); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("release %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		if err := c.Delete(ctx, found, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}
