// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// keepRoles decides what becomes of roles, and of the type Technician, that the decision takes
// away because the group or SCIM role went that gave it. It returns the decision together with
// what the account keeps.
func (r *Reconciler) keepRoles(ctx context.Context, pass *outcome.Pass, user *v1alpha1.ScimUser, terms *identity.Terms, rules *identity.Rules, d *identity.Decision) (*identity.Decision, error) {
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
	if !s.Loss.Kept() {
		outcome.Remove(user, v1alpha1.ConditionRolesHeld)
		return d, nil
	}
	outcome.Set(user, v1alpha1.ConditionRolesHeld, true, s.Loss.HeldBecause, identity.RolesHeldMessage(s.Loss))
	return rules.Keep(user, d, s.Loss), nil
}

// losesInUse reports whether the guard counts what the user loses: it does nothing for those
// whom the identity provider has made inactive.
func losesInUse(user *v1alpha1.ScimUser, terms *identity.Terms) bool {
	c := outcome.Find(user, v1alpha1.ConditionActive)
	return terms.Deprovisioning.Guarded() != nil && (c.Status == "True" || c.Reason == v1alpha1.ReasonProvisioningDisabled)
}
