// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// forgetServers removes the entries of servers whose pod is gone. A server removes its
// own entry when it stops in good order; what a crash leaves would make its peers ask it
// for ever. Servers write to the same list, hence only over the version that was read.
func (r *Reconciler) forgetServers(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	running := make([]v1alpha1.ServerStatus, 0, len(ep.Status.Servers))
	for _, server := range ep.Status.Servers {
		exists, err := r.podExists(ctx, client.ObjectKey{Namespace: ep.Namespace, Name: server.Name})
		if err != nil {
			return fmt.Errorf("look for pod %s: %w", server.Name, err)
		}
		if exists {
			running = append(running, server)
		}
	}
	if len(running) < len(ep.Status.Servers) {
		ep.Status.Servers = slices.Clip(running)
		pass.Exact()
	}
	return nil
}

// podExists says whether a pod may still run. The cache holds only pods that have not
// ended; before an entry is given up the API server has the last word.
func (r *Reconciler) podExists(ctx context.Context, key client.ObjectKey) (bool, error) {
	cached := &metav1.PartialObjectMetadata{}
	cached.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	if err := r.client.Get(ctx, key, cached); err == nil || !apierrors.IsNotFound(err) {
		return true, err
	}
	var pod corev1.Pod
	if err := r.live.Get(ctx, key, &pod); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded, nil
}
