// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

// Terms are what the users of an endpoint leave by.
type Terms struct {
	// Served says that there is an endpoint that is to stay.
	Served bool
	// Ended: provisioning is disabled, or its provider is being deleted, and users are to be
	// inactive meanwhile.
	Ended bool
	// Approved and Rejected are the holds about which a person has decided, if any.
	Approved, Rejected []string

	Deprovisioning *v1alpha1.Deprovisioning
	ProtectedRoles []string
}

// Verdict is what a person has decided about a hold, or "".
func (t *Terms) Verdict(holdID string) v1alpha1.HoldVerdict {
	return verdict(holdID, t.Approved, t.Rejected)
}

// verdict is to keep users active when somebody says the one and somebody the other.
func verdict(holdID string, approved, rejected []string) v1alpha1.HoldVerdict {
	switch {
	case slices.Contains(rejected, holdID):
		return v1alpha1.HoldRejected
	case slices.Contains(approved, holdID):
		return v1alpha1.HoldApproved
	default:
		return ""
	}
}

// Verdicts are the holds about which the annotations of an object decide.
func Verdicts(annotations map[string]string) (approved, rejected []string) {
	return v1alpha1.HoldIDs(annotations[v1alpha1.ApproveHeldAnnotation]), v1alpha1.HoldIDs(annotations[v1alpha1.RejectHeldAnnotation])
}

// Standing is whether a user may sign in, and why.
type Standing struct {
	Active          bool
	Reason, Message string
	// Departure is what has become of the identity provider's wish that the user leave.
	Departure *v1alpha1.Departure
	// Ask says that nobody has decided yet whether the user leaves: see Hold.
	Ask bool
}

// Stand decides whether a user may sign in from what the identity provider wants, what
// became of that so far, what a person decided and whether provisioning goes on.
func Stand(user *v1alpha1.ScimUser, t *Terms, now time.Time) Standing {
	active, reason, message := Active(user)
	before := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive)
	switchedOff := before != nil && before.Reason == v1alpha1.ReasonProvisioningDisabled
	wasActive := switchedOff || before != nil && before.Status == metav1.ConditionTrue
	// Only being served again brings back who was switched off: that the provider has
	// another onDisable by now, or is gone, is no reason to let anybody in.
	ended := t.Ended || switchedOff && !t.Served
	var departure *v1alpha1.Departure
	if !active {
		departure = decided(user, t, now)
	}
	inactive := Standing{Reason: reason, Message: message, Departure: departure}
	switch {
	case departure.Gone(), !active && !wasActive:
		return inactive
	case ended:
		return Standing{
			Reason: v1alpha1.ReasonProvisioningDisabled, Departure: departure,
			Message: "Provisioning by the user's identity provider has ended with onDisable: Deactivate. Enabling it again takes this back.",
		}
	case active:
		return Standing{Active: true, Reason: reason, Message: message}
	case departure != nil:
		return kept(departure)
	default:
		inactive.Ask = true
		return inactive
	}
}

// decided is the user's departure after what a person decided about it.
func decided(user *v1alpha1.ScimUser, t *Terms, now time.Time) *v1alpha1.Departure {
	if user.Status.Departure == nil {
		return nil
	}
	d := *user.Status.Departure
	approved, rejections := Verdicts(user.Annotations)
	said := verdict(d.HoldID, approved, rejections)
	if said == "" {
		said = t.Verdict(d.HoldID)
	}
	switch rejected := d.HeldBecause == v1alpha1.ReasonDeprovisioningRejected; {
	case d.Gone():
	case said == v1alpha1.HoldApproved:
		d.HeldBecause, d.Time = "", metav1.Time{Time: now.Truncate(time.Second)}
	case rejected && d.Wish == v1alpha1.DeprovisioningDeactivate && wish(user) == v1alpha1.DeprovisioningDelete:
		return nil // it asks for more than was rejected
	case said == v1alpha1.HoldRejected:
		d.HeldBecause = v1alpha1.ReasonDeprovisioningRejected
	}
	if d.HeldBecause != v1alpha1.ReasonDeprovisioningRejected {
		d.Wish = wish(user)
	}
	return &d
}

// wish is what the identity provider wants of a user whom it does not want to be active.
func wish(user *v1alpha1.ScimUser) v1alpha1.DeprovisioningPolicy {
	if user.Spec.DeletedTime != nil {
		return v1alpha1.DeprovisioningDelete
	}
	return v1alpha1.DeprovisioningDeactivate
}

// kept is the standing of a user who is active although the identity provider wants
// something else.
func kept(d *v1alpha1.Departure) Standing {
	wants := map[v1alpha1.DeprovisioningPolicy]string{
		v1alpha1.DeprovisioningDeactivate: "has deactivated", v1alpha1.DeprovisioningDelete: "has deleted",
	}[d.Wish]
	var message string
	switch d.HeldBecause {
	case v1alpha1.ReasonHeldByGuard:
		message = fmt.Sprintf("The identity provider %s this user, and more users than the guard lets go. Hold %s waits for a person.", wants, d.HoldID)
	case v1alpha1.ReasonLastProtectedRoleHolder:
		message = fmt.Sprintf("The identity provider %s this user, the last active one with a protected role. Hold %s waits for a person.", wants, d.HoldID)
	default:
		message = fmt.Sprintf("The identity provider %s this user, and a person has rejected that with hold %s.", wants, d.HoldID)
	}
	return Standing{Active: true, Reason: d.HeldBecause, Message: message, Departure: d}
}

// HeldMessage calls a person to decide about a hold.
func HeldMessage(holdID string) string {
	return fmt.Sprintf("The identity provider wants users to be inactive who are held and stay active: more than the guard lets go, or the last holder of a protected role. "+
		"status.deprovisioning names them. Approve or reject that with the annotation %s: %s or %s: %[2]s.",
		v1alpha1.ApproveHeldAnnotation, holdID, v1alpha1.RejectHeldAnnotation)
}

// Leave is the standing of a user who is let go, or, with a reason, held.
func Leave(user *v1alpha1.ScimUser, heldBecause, holdID string, now time.Time) Standing {
	d := &v1alpha1.Departure{Wish: wish(user), HeldBecause: heldBecause, HoldID: holdID, Time: metav1.Time{Time: now.Truncate(time.Second)}}
	if heldBecause != "" {
		return kept(d)
	}
	_, reason, message := Active(user)
	return Standing{Reason: reason, Message: message, Departure: d}
}

// Removal says when the record of a user whom the identity provider deleted is to go; it
// is false when it stays. A record that a guard counts goes no earlier than it is counted.
func Removal(user *v1alpha1.ScimUser, t *Terms) (at time.Time, ok bool) {
	d, departure := t.Deprovisioning, user.Status.Departure
	if !t.Served || user.Spec.DeletedTime == nil || d == nil || departure != nil && !departure.Gone() {
		return time.Time{}, false
	}
	var keep time.Duration
	switch {
	case d.EffectivePolicy() == v1alpha1.DeprovisioningDelete:
	case d.Retention != nil:
		keep = d.Retention.Duration
	default:
		return time.Time{}, false
	}
	at = user.Spec.DeletedTime.Add(keep)
	if departure == nil {
		return at, true
	}
	if departure.HoldID == "" && d.Guard != nil {
		keep = max(keep, d.Guard.EffectiveWindow())
	}
	return slices.MaxFunc([]time.Time{at, departure.Time.Add(keep)}, time.Time.Compare), true
}
