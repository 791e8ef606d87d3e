// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// AbandonedAge is when an abandoned user, group or resource may go: the creation that it
// keeps from succeeding had a deadline of seconds, and clocks differ. Until then its
// finalizer stays, also when somebody deletes it, unless the namespace goes as a whole.
const AbandonedAge = time.Hour

// namespaceRetry is how soon to look again whether the namespace of an abandoned object
// that somebody has deleted is being deleted as well.
const namespaceRetry = 10 * time.Second

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get

// Only who may release takes the finalizer away and deletes claims (config/policy/directory.yaml).
// +kubebuilder:rbac:groups=scim-operator.io,resources=scimusers;scimgroups;scimresources;scimgroupslices;scimclaims,verbs=release

const abandonedMessage = "A creation under this id was given up; this object keeps it from succeeding late, and goes by itself an hour after it was made."

// Keep says whether an abandoned user or group has to stay, and what to report of it. It
// deletes one that has come of age.
func (r *Releaser) Keep(ctx context.Context, obj client.Object, now time.Time) (outcome.Result, bool, error) {
	wait, stays, err := r.Stays(ctx, obj, now)
	switch {
	case err != nil || !stays:
		return outcome.Result{}, stays, err
	case wait > 0 && !obj.GetDeletionTimestamp().IsZero():
		return outcome.Result{}, true, outcome.Waiting(v1alpha1.ReasonTerminating, abandonedMessage).After(wait)
	}
	return outcome.Result{Reason: v1alpha1.ReasonSucceeded, Message: abandonedMessage, Next: wait}, true, nil
}

// Stays says whether an abandoned object has to stay, and for how long before it is worth
// another look. It deletes one that has come of age.
func (r *Releaser) Stays(ctx context.Context, obj client.Object, now time.Time) (wait time.Duration, stays bool, err error) {
	wait = AbandonedAge - now.Sub(obj.GetCreationTimestamp().Time)
	deleting := !obj.GetDeletionTimestamp().IsZero()
	switch {
	case wait > 0 && deleting:
		ending, err := r.namespaceEnds(ctx, obj.GetNamespace())
		return min(wait, namespaceRetry), err != nil || !ending, err
	case wait > 0:
		return wait, true, nil
	case deleting:
		return 0, false, nil
	}
	same := client.Preconditions{UID: ptr.To(obj.GetUID())}
	// A copy: the answer must not replace the object whose status is reported.
	if err := r.Client.Delete(ctx, obj.DeepCopyObject().(client.Object), same); client.IgnoreNotFound(err) != nil {
		return 0, true, fmt.Errorf("delete what keeps an id: %w", err)
	}
	return 0, true, nil
}

// namespaceEnds says whether a namespace is being deleted. Nothing can be created there any
// more, so that nothing has to be kept from being created.
func (r *Releaser) namespaceEnds(ctx context.Context, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Live.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return false, fmt.Errorf("see whether the namespace is being deleted: %w", err)
	}
	return !namespace.DeletionTimestamp.IsZero(), nil
}
