// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"cmp"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// deadlineExceeded is the reason of a Deployment's Progressing condition when a rollout
// has not got any further within its deadline.
const deadlineExceeded = "ProgressDeadlineExceeded"

// rollout is what a Deployment says about its pods.
type rollout struct {
	want, ready, available int32
	// complete: every server is available and of the present version.
	complete bool
	// failed is the Deployment's message when it has given up, refused when pods cannot
	// be created.
	failed, refused string
}

// rolloutOf reads the status of the Deployment that was applied. It is never taken for that
// of an older spec.
func rolloutOf(ep *v1alpha1.ScimEndpoint, deployment *appsv1.Deployment) rollout {
	status := &deployment.Status
	r := rollout{want: ep.EffectiveReplicas(), ready: status.ReadyReplicas, available: status.AvailableReplicas}
	if status.ObservedGeneration < deployment.Generation {
		return r
	}
	r.complete = status.Replicas == r.want && status.UpdatedReplicas == r.want && r.available == r.want
	for _, c := range status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == deadlineExceeded:
			r.failed = cmp.Or(c.Message, deadlineExceeded)
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			r.refused = cmp.Or(c.Message, "pods cannot be created")
		}
	}
	return r
}

// observeAvailability sets Available, and fails until every server is up to date. What
// is known of the servers stays as it was when the Deployment could not be applied; before
// it ever was, there are none.
func observeAvailability(ep *v1alpha1.ScimEndpoint, deployment *appsv1.Deployment) error {
	if deployment == nil {
		if outcome.Find(ep, v1alpha1.ConditionAvailable).Type == "" {
			outcome.Set(ep, v1alpha1.ConditionAvailable, false, v1alpha1.ReasonReplicasUnready,
				fmt.Sprintf("No server runs, because Deployment %s could not be applied; see the condition Ready.", ep.ChildName()))
		}
		return nil
	}
	r := rolloutOf(ep, deployment)
	ep.Status.ReadyReplicas = ptr.To(r.ready)
	failure := r.failure()
	if r.available > 0 {
		outcome.Set(ep, v1alpha1.ConditionAvailable, true, v1alpha1.ReasonReplicasReady, r.count())
	} else {
		outcome.Set(ep, v1alpha1.ConditionAvailable, false, failure.Reason, failure.Message)
	}
	if failure != nil {
		return failure
	}
	return nil
}

func (r rollout) count() string {
	return fmt.Sprintf("%d of %d servers take requests.", r.available, r.want)
}

// failure says what keeps the rollout from being complete, or nil.
func (r rollout) failure() *outcome.Failure {
	switch {
	case r.complete:
		return nil
	case r.failed != "":
		return outcome.Stalled(v1alpha1.ReasonRolloutFailed, "%s The rollout has failed: %s", r.count(), r.explanation())
	case r.available == 0:
		return outcome.Waiting(v1alpha1.ReasonReplicasUnready, "%s%s", r.count(), prefixed(" ", r.refused))
	default:
		return outcome.Waiting(v1alpha1.ReasonProgressing, "%s A rollout is under way.%s", r.count(), prefixed(" ", r.refused))
	}
}

func (r rollout) explanation() string {
	return r.failed + prefixed("; ", r.refused)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
