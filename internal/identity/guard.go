// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Headcount is what a guard goes by.
type Headcount struct {
	// Active is how many users of the endpoint may sign in now.
	Active int64
	// Left is how many of them have become inactive within the guard's window, those not
	// counted whose leaving a person has approved.
	Left int64
	// Others says how many other users have a role, by its folded name, and will stay.
	Others func(role string) int64
}

// holdRule answers for the users whom it holds.
type holdRule func(*v1alpha1.ScimUser, *Terms, Headcount) (reason string, held bool)

var holdRules = []holdRule{
	lastProtectedRoleHolder,
	guarded,
}

// Hold decides whether an active user whom the identity provider wants to be inactive has to
// wait for a person. It returns why, or "" when the user may go.
func Hold(user *v1alpha1.ScimUser, t *Terms, count Headcount) (reason string) {
	for _, rule := range holdRules {
		if reason, held := rule(user, t, count); held {
			return reason
		}
	}
	return ""
}

func lastProtectedRoleHolder(user *v1alpha1.ScimUser, t *Terms, count Headcount) (string, bool) {
	has := map[string]bool{}
	for _, role := range RolesOf(user) {
		has[role] = true
	}
	for _, name := range t.ProtectedRoles {
		if role := scim.Fold(name); has[role] && count.Others(role) == 0 {
			return v1alpha1.ReasonLastProtectedRoleHolder, true
		}
	}
	return "", false
}

// RolesOf are the folded names of the roles that a user has, those included that are withheld
// because they are protected: whom a rule or the identity provider names for one is taken for
// its holder, since it is given to such people by other ways than SCIM.
func RolesOf(user *v1alpha1.ScimUser) []string {
	var roles []string
	for _, names := range [][]string{user.Status.Roles, user.Status.WithheldRoles} {
		for _, name := range names {
			roles = append(roles, scim.Fold(name))
		}
	}
	return roles
}

func guarded(_ *v1alpha1.ScimUser, t *Terms, count Headcount) (string, bool) {
	guard := t.Deprovisioning.Guarded()
	if guard == nil || count.Left < allowance(guard, count.Active+count.Left) {
		return "", false
	}
	return v1alpha1.ReasonHeldByGuard, true
}

// allowance is how many users may leave, or lose roles, within the window at whose beginning
// so many were active.
func allowance(guard *v1alpha1.DeprovisioningGuard, atBeginning int64) int64 {
	allowed := atBeginning
	if guard.MaxUsers != nil {
		allowed = min(allowed, int64(*guard.MaxUsers))
	}
	if guard.MaxPercent != nil {
		const whole = 100
		allowed = min(allowed, (atBeginning*int64(*guard.MaxPercent)+whole-1)/whole)
	}
	return allowed
}
