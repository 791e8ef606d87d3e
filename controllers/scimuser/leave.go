// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// leave decides whether the user may sign in, and removes the record of one whose time is
// over. It returns when that is.
func (r *Reconciler) leave(ctx context.Context, pass *outcome.Pass, user *v1alpha1.ScimUser, terms *identity.Terms) (next time.Duration, err error) {
	now := r.now()
	s := identity.Stand(user, terms, now)
	switch {
	case s.Ask:
		s = r.census.release(user, terms, now)
	case s.Departure == nil:
		r.census.withdraw(user)
	}
	if err := pass.Annotate(ctx, v1alpha1.DepartureAnnotation, s.Memory()); err != nil {
		return 0, err
	}
	user.Status.Departure = s.Departure
	outcome.Set(user, v1alpha1.ConditionActive, s.Active, s.Reason, s.Message)
	if s.Reason == v1alpha1.ReasonLastProtectedRoleHolder && pass.Before(v1alpha1.ConditionActive).Reason != s.Reason {
		pass.Warn(s.Reason, s.Message)
	}
	if s.Active || pass.Before(v1alpha1.ConditionActive).Status != metav1.ConditionFalse {
		return 0, nil // the record stays at least until it says that the user is inactive
	}
	return r.remove(ctx, user, terms, now)
}

// remove deletes the record of a user whom the identity provider deleted once it has been
// kept long enough; somebody who returns meanwhile is not deleted.
func (r *Reconciler) remove(ctx context.Context, user *v1alpha1.ScimUser, terms *identity.Terms, now time.Time) (next time.Duration, err error) {
	at, ok := identity.Removal(user, terms)
	if !ok {
		return 0, nil
	}
	if wait := at.Sub(now); wait > 0 {
		return wait, nil
	}
	unchanged := client.Preconditions{UID: ptr.To(user.UID), ResourceVersion: ptr.To(user.ResourceVersion)}
	// A copy: the answer must not replace the object whose status is reported.
	if err := r.client.Delete(ctx, user.DeepCopy(), unchanged); client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("delete the record: %w", err)
	}
	return 0, nil
}
