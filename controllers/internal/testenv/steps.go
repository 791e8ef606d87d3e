// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"maps"

	"github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// Create creates objects.
func (e *Env) Create(ctx context.Context, objects ...client.Object) {
	for _, obj := range objects {
		gomega.ExpectWithOffset(1, e.Client.Create(ctx, obj)).To(gomega.Succeed())
	}
}

// Notes polls what the events of a namespace say that have a reason.
func (e *Env) Notes(ctx context.Context, namespace, reason string) func(gomega.Gomega) []string {
	return func(g gomega.Gomega) (notes []string) {
		var events eventsv1.EventList
		g.Expect(e.Client.List(ctx, &events, client.InNamespace(namespace))).To(gomega.Succeed())
		for i := range events.Items {
			if events.Items[i].Reason == reason {
				notes = append(notes, events.Items[i].Note)
			}
		}
		return notes
	}
}

// Remove deletes objects.
func (e *Env) Remove(ctx context.Context, objects ...client.Object) {
	for _, obj := range objects {
		gomega.ExpectWithOffset(1, e.Client.Delete(ctx, obj)).To(gomega.Succeed())
	}
}

// Change changes an object as somebody with kubectl would.
func Change[T client.Object](ctx context.Context, e *Env, obj T, how func(T)) {
	gomega.ExpectWithOffset(1, e.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(gomega.Succeed())
	patch := client.MergeFrom(obj.DeepCopyObject().(client.Object))
	how(obj)
	gomega.ExpectWithOffset(1, e.Client.Patch(ctx, obj, patch)).To(gomega.Succeed())
}

// Annotate sets an annotation beside those that are there.
func Annotate(obj client.Object, name, value string) {
	annotations := maps.Clone(obj.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = value
	obj.SetAnnotations(annotations)
}

// Touch makes the controller look at an object.
func (e *Env) Touch(ctx context.Context, obj client.Object) {
	Change(ctx, e, obj, func(obj client.Object) {
		Annotate(obj, "example.com/touched", string(obj.GetUID())+obj.GetResourceVersion())
	})
}

// Condition matches an object whose condition matches.
func Condition(conditionType string, matchers ...gomegatypes.GomegaMatcher) gomegatypes.GomegaMatcher {
	return gomega.WithTransform(func(obj interface{ GetConditions() []metav1.Condition }) metav1.Condition {
		return ptr.Deref(meta.FindStatusCondition(obj.GetConditions(), conditionType), metav1.Condition{})
	}, gomega.And(matchers...))
}

// IsTrue matches an object whose condition is True for a reason.
func IsTrue(conditionType, reason string) gomegatypes.GomegaMatcher {
	return because(conditionType, metav1.ConditionTrue, reason)
}

// IsFalse matches an object whose condition is False for a reason.
func IsFalse(conditionType, reason string) gomegatypes.GomegaMatcher {
	return because(conditionType, metav1.ConditionFalse, reason)
}

func because(conditionType string, status metav1.ConditionStatus, reason string) gomegatypes.GomegaMatcher {
	return Condition(conditionType, gomega.HaveField("Status", status), gomega.HaveField("Reason", reason))
}

// StalledBecause matches an object that is not Ready, and Stalled, for a reason.
func StalledBecause(reason string) gomegatypes.GomegaMatcher {
	return gomega.And(IsFalse(v1alpha1.ConditionReady, reason), IsTrue(v1alpha1.ConditionStalled, reason))
}

// ReconcilingBecause matches an object that is not Ready, and Reconciling, for a reason.
func ReconcilingBecause(reason string) gomegatypes.GomegaMatcher {
	return gomega.And(IsFalse(v1alpha1.ConditionReady, reason), IsTrue(v1alpha1.ConditionReconciling, reason))
}
