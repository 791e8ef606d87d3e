// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

// memory is the annotation DepartureAnnotation of a user. It holds what nobody could tell from
// the spec after the status is lost: who is kept active, why and in which hold, whom a person let
// go, whom the guard does not count, and for whom provisioning has ended.
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
	if departure = user.Status.Departure; departure == nil {
		departure = recovered(user)
	}
	kept, ok := user.Annotations[v1alpha1.DepartureAnnotation]
	if !ok {
		return departure, switchedOff
	}
	var m memory
	if json.Unmarshal([]byte(kept), &m) != nil {
		return departure, switchedOff
	}
	if m.HoldID != "" {
		departure = &m.Departure
	}
	return departure, switchedOff || m.SwitchedOff
}

// recovered returns the departure of a user who had left before the object was made, which a
// restore did: so a guard goes on counting whoever left within its window. When the identity
// provider has changed the user since, it takes that time for the departure's.
func recovered(user *v1alpha1.ScimUser) *v1alpha1.Departure {
	at := user.Spec.DeletedTime
	if at == nil {
		at = user.Spec.LastModifiedTime
	}
	shown := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive) != nil
	active, _, _ := Active(user)
	if at == nil || shown || active || !at.Time.Before(user.CreationTimestamp.Time) {
		return nil
	}
	return &v1alpha1.Departure{Wish: wish(user), Time: metav1.Time{Time: at.Truncate(time.Second)}}
}

// Memory returns the annotation that keeps a standing, or "" when the spec says enough.
func (s *Standing) Memory() string {
	m := memory{SwitchedOff: s.Reason == v1alpha1.ReasonProvisioningDisabled}
	if s.Departure != nil && s.Departure.HoldID != "" {
		m.Departure = *s.Departure
	}
	if !m.SwitchedOff && m.HoldID == "" {
		return ""
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return "" // strings, a time and a flag
	}
	return string(encoded)
}
