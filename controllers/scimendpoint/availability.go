// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
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

// rolloutOf reads the Deployment as the API server answered when it was applied, so that
// its status is never taken for that of an older spec.
func rolloutOf(ep *v1alpha1.ScimEndpoint, deployment *appsv1ac.DeploymentApplyConfiguration) rollout {
	r := rollout{want: ep.EffectiveReplicas()}
	status := deployment.Status
	if status == nil {
		return r
	}
	r.ready, r.available = ptr.Deref(status.ReadyReplicas, 0), ptr.Deref(status.AvailableReplicas, 0)
	if ptr.Deref(status.ObservedGeneration, 0) < ptr.Deref(deployment.Generation, 0) {
		return r
	}
	r.complete = ptr.Deref(status.Replicas, 0) == r.want && ptr.Deref(status.UpdatedReplicas, 0) == r.want && r.available == r.want
	for _, c := range status.Conditions {
		kind, state := ptr.Deref(c.Type, ""), ptr.Deref(c.Status, "")
		switch {
		case kind == appsv1.DeploymentProgressing && state == corev1.ConditionFalse && ptr.Deref(c.Reason, "") == deadlineExceeded:
			r.failed = ptr.Deref(c.Message, deadlineExceeded)
		case kind == appsv1.DeploymentReplicaFailure && state == corev1.ConditionTrue:
			r.refused = ptr.Deref(c.Message, "pods cannot be created")
		}
	}
	return r
}

// observeAvailability sets Available, and fails until every server is up to date. What
// is known of the servers stays as it was when the Deployment could not be applied; before
// it ever was, there are none.
func observeAvailability(ep *v1alpha1.ScimEndpoint, deployment *appsv1ac.DeploymentApplyConfiguration) error {
	if deployment.Generation == nil {
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
