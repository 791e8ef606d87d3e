// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

func TestObserveAvailability(t *testing.T) {
	deadline := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: deadlineExceeded, Message: "timed out",
	}
	quota := appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota"}
	status := func(observed int64, replicas, updated, available int32, conditions ...appsv1.DeploymentCondition) appsv1.DeploymentStatus {
		return appsv1.DeploymentStatus{
			ObservedGeneration: observed, Replicas: replicas, UpdatedReplicas: updated,
			ReadyReplicas: available, AvailableReplicas: available, Conditions: conditions,
		}
	}
	const generation = 2
	for _, row := range []struct {
		name      string
		status    appsv1.DeploymentStatus
		available bool
		// reason of the failure; empty when the rollout is complete.
		reason, message string
	}{
		{name: "just created", reason: v1alpha1.ReasonReplicasUnready, message: "0 of 2 servers"},
		{name: "complete", status: status(2, 2, 2, 2), available: true},
		{name: "the status is about an older spec", status: status(1, 2, 2, 2), available: true, reason: v1alpha1.ReasonProgressing},
		{name: "one of two", status: status(2, 2, 2, 1), available: true, reason: v1alpha1.ReasonProgressing, message: "1 of 2 servers"},
		{name: "an old server is still there", status: status(2, 3, 2, 2), available: true, reason: v1alpha1.ReasonProgressing},
		{name: "no server", status: status(2, 2, 2, 0), reason: v1alpha1.ReasonReplicasUnready},
		{name: "no pod can be created", status: status(2, 0, 0, 0, quota),
			reason: v1alpha1.ReasonReplicasUnready, message: "exceeded quota"},
		{name: "the new version does not start, the old one serves", status: status(2, 3, 1, 2, deadline),
			available: true, reason: v1alpha1.ReasonRolloutFailed, message: "timed out"},
		{name: "it never started", status: status(2, 2, 2, 0, deadline, quota),
			reason: v1alpha1.ReasonRolloutFailed, message: "timed out; exceeded quota"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ep := &v1alpha1.ScimEndpoint{}
			ep.Spec.Replicas = ptr.To[int32](2)
			deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: generation}, Status: row.status}
			err := observeAvailability(ep, deployment)
			if got := outcome.IsTrue(ep, v1alpha1.ConditionAvailable); got != row.available {
				t.Errorf("Available is %t", got)
			}
			var failure *outcome.Failure
			failed := errors.As(err, &failure)
			switch {
			case row.reason == "" && err != nil:
				t.Errorf("it is complete, and failed with %v", err)
			case row.reason != "" && (!failed || failure.Reason != row.reason || !strings.Contains(failure.Message, row.message)):
				t.Errorf("got %v, want %s with %q", err, row.reason, row.message)
			}
		})
	}
}

func TestAvailabilityStaysWhenTheDeploymentCannotBeApplied(t *testing.T) {
	ep := &v1alpha1.ScimEndpoint{}
	outcome.Set(ep, v1alpha1.ConditionAvailable, true, v1alpha1.ReasonReplicasReady, "2 of 2 servers take requests.")
	if err := observeAvailability(ep, nil); err != nil {
		t.Error(err)
	}
	if !outcome.IsTrue(ep, v1alpha1.ConditionAvailable) {
		t.Error("an API server that did not answer says nothing about the servers")
	}
}
