// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"fmt"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
)

// ObserveHeld sets the condition Held while users wait for a person. It is a condition of its
// own because the object does what its spec asks for: a pipeline that waits for Ready does not
// fail for what the identity provider wants. The controller of users sends the events.
func ObserveHeld(obj Object, d *v1alpha1.DeprovisioningStatus) {
	switch {
	case d == nil || d.HoldID == "":
		Remove(obj, v1alpha1.ConditionHeld)
	case d.Verdict != "":
		Set(obj, v1alpha1.ConditionHeld, true, v1alpha1.ReasonApplyingVerdict,
			fmt.Sprintf("Hold %s is %s; status.deprovisioning says how many users are left of it.", d.HoldID, d.Verdict))
	case d.RefusedVerdict != "":
		Set(obj, v1alpha1.ConditionHeld, true, v1alpha1.ReasonVerdictRefused, identity.RefusedMessage(d)+" "+identity.HeldMessage(d))
	default:
		Set(obj, v1alpha1.ConditionHeld, true, v1alpha1.ReasonDeprovisioningHeld, identity.HeldMessage(d))
	}
}
