// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"fmt"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// observeHold fails while users are held until a person has decided about them. The endpoint
// serves meanwhile. A hold that takes the place of another is announced like the first.
func observeHold(pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	d := ep.Status.Deprovisioning
	switch {
	case d == nil || d.HoldID == "":
		return nil
	case d.Verdict != "":
		return outcome.Waiting(v1alpha1.ReasonApplyingVerdict, "Hold %s is %s; status.deprovisioning says how many users are left of it.", d.HoldID, d.Verdict)
	}
	message := fmt.Sprintf("The identity provider wants users to be inactive who are held and stay active: more than the guard lets go, or the last holder of a protected role. "+
		"status.deprovisioning names them. Approve or reject that with the annotation %s: %s or %s: %[2]s.",
		v1alpha1.ApproveHeldAnnotation, d.HoldID, v1alpha1.RejectHeldAnnotation)
	if before := pass.Before(v1alpha1.ConditionReady); before.Reason == v1alpha1.ReasonDeprovisioningHeld && before.Message != message {
		pass.Warn(v1alpha1.ReasonDeprovisioningHeld, message)
	}
	return outcome.Stalled(v1alpha1.ReasonDeprovisioningHeld, "%s", message)
}
