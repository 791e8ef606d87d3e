// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// lostAfter is how long a pod may be overdue whose end nobody confirms, as that of a dead
// node. By then a server that merely cannot be reached has stopped serving.
const lostAfter = 150 * time.Second

// forgetServers removes the entries of servers whose pod is gone or lost. A server removes
// its own entry when it stops in good order; what a crash leaves would make its peers ask
// it for ever. Servers write to the same list, hence only over the version that was read.
// It returns when the next pod may count as lost, zero for never.
func (r *Reconciler) forgetServers(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) (next time.Duration, err error) {
	running := make([]v1alpha1.ServerStatus, 0, len(ep.Status.Servers))
	for _, server := range ep.Status.Servers {
		runs, wait, err := r.podRuns(ctx, client.ObjectKey{Namespace: ep.Namespace, Name: server.Name})
		if err != nil {
			return 0, fmt.Errorf("look for pod %s: %w", server.Name, err)
		}
		if runs {
			running = append(running, server)
			next = outcome.Earliest(next, wait)
		}
	}
	if len(running) < len(ep.Status.Servers) {
		ep.Status.Servers = slices.Clip(running)
		pass.Exact()
	}
	return next, nil
}

// podRuns says whether a pod may still run, and when to ask again. The cache holds only
// pods that have not ended; before an entry is given up the API server has the last word.
func (r *Reconciler) podRuns(ctx context.Context, key client.ObjectKey) (runs bool, wait time.Duration, err error) {
	cached := &metav1.PartialObjectMetadata{}
	cached.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	if err := r.client.Get(ctx, key, cached); client.IgnoreNotFound(err) != nil {
		return true, 0, err
	} else if err == nil {
		if lost, wait := overdue(cached, r.now()); !lost {
			return true, wait, nil
		}
	}
	var pod corev1.Pod
	if err := r.live.Get(ctx, key, &pod); err != nil {
		return client.IgnoreNotFound(err) != nil, 0, client.IgnoreNotFound(err)
	}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return false, 0, nil
	}
	lost, wait := overdue(&pod, r.now())
	return !lost, wait, nil
}

// overdue says whether a pod that is being deleted should have been gone long ago, and
// how long it has until then. Its deletionTimestamp is when it should be gone.
func overdue(pod metav1.Object, now time.Time) (lost bool, wait time.Duration) {
	due := pod.GetDeletionTimestamp()
	if due == nil {
		return false, 0
	}
	wait = lostAfter - now.Sub(due.Time)
	return wait <= 0, max(wait, 0)
}
