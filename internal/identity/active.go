// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"time"

	"scim-operator.io/api/v1alpha1"
)

// activeRule answers for the users whom it makes inactive.
type activeRule func(*v1alpha1.ScimUser) (reason, message string, inactive bool)

var activeRules = []activeRule{
	deletedByProvider,
	deactivatedByHand,
	deactivatedByProvider,
}

// Active decides whether the person may sign in. Reason is one of the constants of the
// Active condition, message a sentence for people. A user whose identity provider says
// nothing about active is active (RFC 7643 §4.1.1 leaves it to the service provider).
func Active(user *v1alpha1.ScimUser) (active bool, reason, message string) {
	for _, rule := range activeRules {
		if reason, message, inactive := rule(user); inactive {
			return false, reason, message
		}
	}
	if !user.Linked() {
		return true, v1alpha1.ReasonUnlinked, "No identity provider has provisioned this user; spec.active decides."
	}
	return true, v1alpha1.ReasonProvisioned, "The identity provider has provisioned this user."
}

func deletedByProvider(user *v1alpha1.ScimUser) (reason, message string, inactive bool) {
	deleted := user.Spec.DeletedTime
	if deleted == nil {
		return "", "", false
	}
	return v1alpha1.ReasonDeletedByProvider,
		"The identity provider deleted this user at " + deleted.UTC().Format(time.RFC3339) + ".", true
}

// deactivatedByHand answers for those whom no identity provider has provisioned.
func deactivatedByHand(user *v1alpha1.ScimUser) (reason, message string, inactive bool) {
	if active := user.Spec.Active; user.Linked() || active == nil || *active {
		return "", "", false
	}
	return v1alpha1.ReasonDeactivated, "No identity provider has provisioned this user, and spec.active is false.", true
}

func deactivatedByProvider(user *v1alpha1.ScimUser) (reason, message string, inactive bool) {
	if active := user.Spec.Active; active == nil || *active {
		return "", "", false
	}
	return v1alpha1.ReasonDeactivatedByProvider, "The identity provider deactivated this user.", true
}
