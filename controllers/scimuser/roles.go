// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// keepRoles decides what becomes of roles, and of the type Technician, that the decision takes
// away because the group or SCIM role went that gave it. It returns the decision together with
// what the account keeps.
func (r *Reconciler) keepRoles(ctx context.Context, pass *outcome.Pass, user *v1alpha1.ScimUser, terms *identity.Terms, rules *identity.Rules, d *identity.Decision) (*identity.Decision, error) {
	if rules == nil { // as in the middle of a restore: what is held stays held
		user.Status.RoleLoss = identity.RecallRoles(user)
		return showRolesHeld(user, noRules, d), nil
	}
	now := r.now()
	s := rules.StandRoles(user, d, terms, now)
	switch {
	case s.Ask == nil:
		r.census.withdrawRoles(user, s.Loss)
	case s.Held || losesInUse(user, terms):
		s.Loss = r.census.takeRoles(user, s, terms, now)
	default:
		r.census.withdrawRoles(user, nil)
	}
	if err := pass.Annotate(ctx, v1alpha1.RoleLossAnnotation, identity.RolesMemory(s.Loss)); err != nil {
		return nil, err
	}
	user.Status.RoleLoss = s.Loss
	return showRolesHeld(user, rules, d), nil
}

// showRolesHeld sets the condition RolesHeld, and returns the decision together with what the
// account keeps.
func showRolesHeld(user *v1alpha1.ScimUser, rules *identity.Rules, d *identity.Decision) *identity.Decision {
	l := user.Status.RoleLoss
	if !l.Kept() {
		outcome.Remove(user, v1alpha1.ConditionRolesHeld)
		return d
	}
	outcome.Set(user, v1alpha1.ConditionRolesHeld, true, l.HeldBecause, identity.RolesHeldMessage(l))
	return rules.Keep(user, d, l)
}

// losesInUse reports whether the guard counts what the user loses: it does nothing for those
// whom the identity provider has made inactive.
func losesInUse(user *v1alpha1.ScimUser, terms *identity.Terms) bool {
	c := outcome.Find(user, v1alpha1.ConditionActive)
	return terms.Deprovisioning.Guarded() != nil && (c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonProvisioningDisabled)
}
