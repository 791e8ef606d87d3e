// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
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
	// Approved and Rejected are the holds about which a person has decided, if any. Refused are
	// verdicts that do not count: their hold was shown with another digest, or is not known.
	Approved, Rejected, Refused []string
	// Sealed are the holds that were shown to a person.
	Sealed []SealedHold

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

// Judge takes what a person has decided from the annotations of the provider or endpoint.
func (t *Terms) Judge(annotations map[string]string) {
	t.Sealed, t.Refused = SealedHolds(annotations), nil
	t.Approved = t.matching(annotations[v1alpha1.ApproveHeldAnnotation])
	t.Rejected = t.matching(annotations[v1alpha1.RejectHeldAnnotation])
}

// matching returns the holds of verdicts that name the digest with which the hold was shown.
func (t *Terms) matching(annotation string) (holdIDs []string) {
	for _, ref := range v1alpha1.HoldRefs(annotation) {
		holdID, digest := v1alpha1.ParseHoldRef(ref)
		if sealed := t.SealedAs(holdID); sealed != nil && sealed.Digest == digest {
			holdIDs = append(holdIDs, holdID)
		} else {
			t.Refused = append(t.Refused, ref)
		}
	}
	return holdIDs
}

// verdictFor is what a person has decided about a user's hold: what stands at the user goes
// before what stands at the provider.
func (t *Terms) verdictFor(user *v1alpha1.ScimUser, holdID string) v1alpha1.HoldVerdict {
	if said := verdictAbout(user, holdID); said != "" {
		return said
	}
	return t.Verdict(holdID)
}

// verdictAbout is what a person has decided about one user in the user's annotations.
func verdictAbout(user *v1alpha1.ScimUser, holdID string) v1alpha1.HoldVerdict {
	named := func(annotation string) (holdIDs []string) {
		for _, ref := range v1alpha1.HoldRefs(user.Annotations[annotation]) {
			id, _ := v1alpha1.ParseHoldRef(ref)
			holdIDs = append(holdIDs, id)
		}
		return holdIDs
	}
	return verdict(holdID, named(v1alpha1.ApproveHeldAnnotation), named(v1alpha1.RejectHeldAnnotation))
}

// SameFor reports whether both mean the same for every user: which holds were shown decides
// about nobody.
func (t *Terms) SameFor(other *Terms) bool {
	a, b := *t, *other
	a.Sealed, a.Refused, b.Sealed, b.Refused = nil, nil, nil, nil
	return equality.Semantic.DeepEqual(a, b)
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
	known, switchedOff := Recall(user)
	// Only being served again brings back who was switched off: that the provider has
	// another onDisable by now, or is gone, is no reason to let anybody in.
	ended := t.Ended || switchedOff && !t.Served
	departure := decided(user, known, t, now)
	inactive, off := Standing{Reason: reason, Message: message, Departure: departure}, switchedOffWith(departure)
	left := departure.Gone() || !switchedOff && !wasActive(user, known)
	switch {
	case !active && left:
		return inactive
	case ended && (!t.GuardsEnd() || switchedOff || left):
		return off
	case active && !ended:
		return Standing{Active: true, Reason: reason, Message: message}
	case departure != nil:
		return kept(user, departure)
	case active:
		off.Ask = true
		return off
	default:
		inactive.Ask = true
		return inactive
	}
}

// wasActive reports whether a user could sign in so far: who is held or was rejected could.
func wasActive(user *v1alpha1.ScimUser, known *v1alpha1.Departure) bool {
	return known != nil && !known.Gone() || meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionActive)
}

// switchedOffWith is the standing of a user whose provisioning has ended.
func switchedOffWith(departure *v1alpha1.Departure) Standing {
	return Standing{
		Reason: v1alpha1.ReasonProvisioningDisabled, Departure: departure,
		Message: "Provisioning by the user's identity provider has ended with onDisable: Deactivate. Enabling it again takes this back.",
	}
}

// GuardsEnd reports whether provisioning has ended and the guard holds whom that makes inactive.
func (t *Terms) GuardsEnd() bool {
	guard := t.Deprovisioning.Guarded()
	return t.Ended && guard != nil && guard.OnDisable == v1alpha1.GuardOnDisableHold
}

// decided is the user's departure after what a person decided about it; nil of a user who is not to leave.
func decided(user *v1alpha1.ScimUser, known *v1alpha1.Departure, t *Terms, now time.Time) *v1alpha1.Departure {
	if active, _, _ := Active(user); known == nil || active && !t.GuardsEnd() {
		return nil
	}
	d := *known
	said := t.verdictFor(user, d.HoldID)
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
func kept(user *v1alpha1.ScimUser, d *v1alpha1.Departure) Standing {
	wants := map[v1alpha1.DeprovisioningPolicy]string{
		v1alpha1.DeprovisioningDeactivate: "has deactivated", v1alpha1.DeprovisioningDelete: "has deleted",
	}[d.Wish]
	who := "The identity provider " + wants + " this user"
	if active, _, _ := Active(user); active {
		who = "Provisioning by the user's identity provider has ended with onDisable: Deactivate"
	}
	var message string
	switch d.HeldBecause {
	case v1alpha1.ReasonHeldByGuard:
		message = fmt.Sprintf("%s, and more users are to leave than the guard lets go. Hold %s waits for a person.", who, d.HoldID)
	case v1alpha1.ReasonLastProtectedRoleHolder:
		message = fmt.Sprintf("%s, the last active one with a protected role. Hold %s waits for a person.", who, d.HoldID)
	default:
		message = fmt.Sprintf("%s, and a person has rejected that with hold %s.", who, d.HoldID)
	}
	return Standing{Active: true, Reason: d.HeldBecause, Message: message, Departure: d}
}

// Leave is the standing of a user who is let go, or, with a reason, held.
func Leave(user *v1alpha1.ScimUser, heldBecause, holdID string, now time.Time) Standing {
	d := &v1alpha1.Departure{Wish: wish(user), HeldBecause: heldBecause, HoldID: holdID, Time: metav1.Time{Time: now.Truncate(time.Second)}}
	if heldBecause != "" {
		return kept(user, d)
	}
	active, reason, message := Active(user)
	if active {
		return switchedOffWith(d) // nobody but the end of provisioning wants that
	}
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
