// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// observeHold fails while users are held until a person has decided about them. The endpoint
// serves meanwhile. Who finds that a hold begins has sent the event.
func observeHold(pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) error {
	pass.Mute(v1alpha1.ReasonDeprovisioningHeld)
	d := ep.Status.Deprovisioning
	switch {
	case d == nil || d.HoldID == "":
		return nil
	case d.Verdict != "":
		return outcome.Waiting(v1alpha1.ReasonApplyingVerdict, "Hold %s is %s; status.deprovisioning says how many users are left of it.", d.HoldID, d.Verdict)
	}
	return outcome.Stalled(v1alpha1.ReasonDeprovisioningHeld, "%s", identity.HeldMessage(d.HoldID))
}
