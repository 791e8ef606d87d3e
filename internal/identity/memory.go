// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/api/meta"

	"scim-operator.io/api/v1alpha1"
)

// memory is the annotation DepartureAnnotation of a user. It holds what nobody could tell from
// the spec after the status is lost: who is kept active, why and in which hold, and for whom
// provisioning has ended.
type memory struct {
	v1alpha1.Departure

	SwitchedOff bool `json:"switchedOff,omitempty"`
}

// Recall returns what became so far of the identity provider's wish that the user leave, and
// whether provisioning has ended for the user. The annotation is written before the status, so
// it counts where both are there. Of a user who is being deleted from the cluster there is
// nothing left to decide.
func Recall(user *v1alpha1.ScimUser) (departure *v1alpha1.Departure, switchedOff bool) {
	if !user.DeletionTimestamp.IsZero() {
		return nil, false
	}
	if c := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive); c != nil {
		switchedOff = c.Reason == v1alpha1.ReasonProvisioningDisabled
	}
	departure = user.Status.Departure
	kept, ok := user.Annotations[v1alpha1.DepartureAnnotation]
	if !ok {
		return departure, switchedOff
	}
	var m memory
	if json.Unmarshal([]byte(kept), &m) != nil {
		return departure, switchedOff
	}
	if m.HeldBecause != "" {
		departure = &m.Departure
	}
	return departure, switchedOff || m.SwitchedOff
}

// Memory returns the annotation that keeps a standing, or "" when the spec says enough.
func (s *Standing) Memory() string {
	m := memory{SwitchedOff: s.Reason == v1alpha1.ReasonProvisioningDisabled}
	if s.Departure != nil && !s.Departure.Gone() {
		m.Departure = *s.Departure
	}
	if !m.SwitchedOff && m.HeldBecause == "" {
		return ""
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return "" // strings, a time and a flag
	}
	return string(encoded)
}
