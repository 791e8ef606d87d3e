// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

func limits(users, percent int32) *v1alpha1.Deprovisioning {
	g := &v1alpha1.DeprovisioningGuard{}
	if users >= 0 {
		g.MaxUsers = &users
	}
	if percent >= 0 {
		g.MaxPercent = &percent
	}
	return &v1alpha1.Deprovisioning{Guard: g}
}

func TestHold(t *testing.T) {
	const none = -1
	for _, row := range []struct {
		name         string
		terms        *v1alpha1.Deprovisioning
		active, left int64
		held         bool
	}{
		{"nothing is said about leaving", nil, 1, 999, false},
		{"there is no guard", &v1alpha1.Deprovisioning{Policy: v1alpha1.DeprovisioningDelete}, 1, 999, false},

		{"the first of 20", limits(20, none), 1000, 0, false},
		{"the 20th of 20", limits(20, none), 981, 19, false},
		{"the 21st of 20", limits(20, none), 980, 20, true},
		{"after the limit was lowered", limits(20, none), 900, 100, true},
		{"more may leave than there are", limits(20, none), 3, 2, false},
		{"nobody may leave without a person", limits(0, none), 1000, 0, true},

		{"the 100th of 1,000, when 10 per cent may", limits(none, 10), 901, 99, false},
		{"the 101st of 1,000, when 10 per cent may", limits(none, 10), 900, 100, true},
		{"10 per cent of 5 users are one", limits(none, 10), 5, 0, false},
		{"10 per cent of 5 users are not two", limits(none, 10), 4, 1, true},
		{"10 per cent of 11 users are two", limits(none, 10), 10, 1, false},
		{"the only user, when 1 per cent may leave", limits(none, 1), 1, 0, false},
		{"no per cent", limits(none, 0), 1000, 0, true},
		{"everybody may leave", limits(none, 100), 1, 999, false},

		{"the number is reached and the percentage is not", limits(20, 10), 980, 20, true},
		{"the percentage is reached and the number is not", limits(20, 10), 45, 5, true},
		{"neither is reached", limits(20, 10), 490, 10, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			reason := Hold(user(nil), &Terms{Deprovisioning: row.terms}, Headcount{Active: row.active, Left: row.left})
			if want := map[bool]string{true: v1alpha1.ReasonHeldByGuard}[row.held]; reason != want {
				t.Errorf("held because %q, want %q", reason, want)
			}
		})
	}
}

func TestHoldProtectedRole(t *testing.T) {
	for _, row := range []struct {
		name            string
		roles, withheld []string
		others          int64
		reason          string
	}{
		{"the last one whom a rule names for the role", nil, []string{"SystemAdministrator"}, 0, v1alpha1.ReasonLastProtectedRoleHolder},
		{"the last one who has it, in another case", []string{"systemadministrator"}, nil, 0, v1alpha1.ReasonLastProtectedRoleHolder},
		{"another one stays", nil, []string{"SystemAdministrator"}, 1, ""},
		{"the last one with a role that is not protected", []string{"Tier1"}, nil, 0, ""},
		{"somebody without roles", nil, nil, 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.Status.Roles, u.Status.WithheldRoles = row.roles, row.withheld
			count := Headcount{Active: 10, Others: func(string) int64 { return row.others }}
			if reason := Hold(u, &Terms{ProtectedRoles: []string{"Billing", "SystemAdministrator"}}, count); reason != row.reason {
				t.Errorf("held because %q, want %q", reason, row.reason)
			}
		})
	}
}

const (
	reasonNone     = ""
	reasonHeld     = v1alpha1.ReasonHeldByGuard
	reasonRejected = v1alpha1.ReasonDeprovisioningRejected
	deactivate     = v1alpha1.DeprovisioningDeactivate
	deleted        = v1alpha1.DeprovisioningDelete
)

// TestStand: what the identity provider wants, what the status says so far, what somebody
// decided, and what comes of it.
func TestStand(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	gone := func(id string) *v1alpha1.Departure {
		return &v1alpha1.Departure{Wish: deactivate, HoldID: id, Time: metav1.NewTime(now.Add(-time.Minute))}
	}
	under := func(reason string, wish v1alpha1.DeprovisioningPolicy) *v1alpha1.Departure {
		return &v1alpha1.Departure{Wish: wish, HeldBecause: reason, HoldID: "h1", Time: metav1.NewTime(now.Add(-time.Minute))}
	}
	const (
		stays, deactivates, deletes = "", "active: false", "DELETE"
		unknown                     = ""
		active                      = v1alpha1.ReasonProvisioned
		disabled                    = v1alpha1.ReasonProvisioningDisabled
	)
	for _, row := range []struct {
		name      string
		wish      string
		before    string // the reason of Active
		departure *v1alpha1.Departure
		terms     Terms
		own       map[string]string // annotations of the user

		want   string // the reason of Active, or "ask"
		active bool
		left   *string // heldBecause of the departure; nil for none
	}{
		{"a new user", stays, unknown, nil, Terms{}, nil, active, true, nil},
		{"a new user who is inactive from the beginning", deactivates, unknown, nil, Terms{}, nil, v1alpha1.ReasonDeactivatedByProvider, false, nil},
		{"one who never was active is deleted", deletes, v1alpha1.ReasonDeactivatedByProvider, nil, Terms{}, nil, v1alpha1.ReasonDeletedByProvider, false, nil},
		{"an active user is deactivated", deactivates, active, nil, Terms{}, nil, "ask", false, nil},
		{"an active user is deleted", deletes, active, nil, Terms{}, nil, "ask", false, nil},
		{"who has left stays away", deactivates, v1alpha1.ReasonDeactivatedByProvider, gone(""), Terms{}, nil, v1alpha1.ReasonDeactivatedByProvider, false, ptr.To(reasonNone)},
		{"and is deleted", deletes, v1alpha1.ReasonDeactivatedByProvider, gone(""), Terms{}, nil, v1alpha1.ReasonDeletedByProvider, false, ptr.To(reasonNone)},
		{"and comes back", stays, v1alpha1.ReasonDeactivatedByProvider, gone(""), Terms{}, nil, active, true, nil},

		{"held", deletes, reasonHeld, under(reasonHeld, deleted), Terms{}, nil, reasonHeld, true, ptr.To(reasonHeld)},
		{"held as the last with a role", deletes, v1alpha1.ReasonLastProtectedRoleHolder, under(v1alpha1.ReasonLastProtectedRoleHolder, deleted), Terms{}, nil,
			v1alpha1.ReasonLastProtectedRoleHolder, true, ptr.To(v1alpha1.ReasonLastProtectedRoleHolder)},
		{"held, and the wish is taken back", stays, reasonHeld, under(reasonHeld, deleted), Terms{}, nil, active, true, nil},
		{"held, and approved", deletes, reasonHeld, under(reasonHeld, deleted), Terms{Approved: []string{"h1"}}, nil, v1alpha1.ReasonDeletedByProvider, false, ptr.To(reasonNone)},
		{"held, and an earlier hold was approved", deletes, reasonHeld, under(reasonHeld, deleted), Terms{Approved: []string{"h0"}}, nil, reasonHeld, true, ptr.To(reasonHeld)},
		{"held, and approved before another hold was", deletes, reasonHeld, under(reasonHeld, deleted), Terms{Approved: []string{"h1", "h2"}}, nil,
			v1alpha1.ReasonDeletedByProvider, false, ptr.To(reasonNone)},
		{"held, and another hold was approved, this one rejected", deletes, reasonHeld, under(reasonHeld, deleted),
			Terms{Approved: []string{"h2"}, Rejected: []string{"h0", "h1"}}, nil, reasonRejected, true, ptr.To(reasonRejected)},
		{"held, and approved for this user alone, with another hold", deletes, reasonHeld, under(reasonHeld, deleted), Terms{},
			map[string]string{v1alpha1.ApproveHeldAnnotation: "h1, h2"}, v1alpha1.ReasonDeletedByProvider, false, ptr.To(reasonNone)},
		{"held, and approved for this user alone", deletes, reasonHeld, under(reasonHeld, deleted), Terms{},
			map[string]string{v1alpha1.ApproveHeldAnnotation: "h1"}, v1alpha1.ReasonDeletedByProvider, false, ptr.To(reasonNone)},
		{"held, and an earlier hold was approved for this user", deletes, reasonHeld, under(reasonHeld, deleted), Terms{},
			map[string]string{v1alpha1.ApproveHeldAnnotation: "h0"}, reasonHeld, true, ptr.To(reasonHeld)},
		{"approved but for this user", deletes, reasonHeld, under(reasonHeld, deleted), Terms{Approved: []string{"h1"}},
			map[string]string{v1alpha1.RejectHeldAnnotation: "h1"}, reasonRejected, true, ptr.To(reasonRejected)},
		{"rejected", deactivates, reasonHeld, under(reasonHeld, deactivate), Terms{Rejected: []string{"h1"}}, nil, reasonRejected, true, ptr.To(reasonRejected)},
		{"approved and rejected", deactivates, reasonHeld, under(reasonHeld, deactivate), Terms{Approved: []string{"h1"}, Rejected: []string{"h1"}}, nil, reasonRejected, true, ptr.To(reasonRejected)},
		{"rejected, and the annotation is gone", deactivates, reasonRejected, under(reasonRejected, deactivate), Terms{}, nil, reasonRejected, true, ptr.To(reasonRejected)},
		{"rejected, and approved after all", deactivates, reasonRejected, under(reasonRejected, deactivate), Terms{Approved: []string{"h1"}}, nil, v1alpha1.ReasonDeactivatedByProvider, false, ptr.To(reasonNone)},
		{"rejected, and the wish is taken back", stays, reasonRejected, under(reasonRejected, deactivate), Terms{Rejected: []string{"h1"}}, nil, active, true, nil},
		{"a deactivation was rejected, and the user is deleted", deletes, reasonRejected, under(reasonRejected, deactivate), Terms{}, nil, "ask", false, nil},
		{"the same while the annotation is there", deletes, reasonRejected, under(reasonRejected, deactivate), Terms{Rejected: []string{"h1"}}, nil, "ask", false, nil},
		{"a deletion was rejected, and the user comes back inactive", deactivates, reasonRejected, under(reasonRejected, deleted), Terms{}, nil, reasonRejected, true, ptr.To(reasonRejected)},

		{"provisioning ends", stays, active, nil, Terms{Ended: true}, nil, disabled, false, nil},
		{"provisioning ends for one who has left", deactivates, v1alpha1.ReasonDeactivatedByProvider, gone(""), Terms{Ended: true}, nil, v1alpha1.ReasonDeactivatedByProvider, false, ptr.To(reasonNone)},
		{"provisioning ends for one who is held", deletes, reasonHeld, under(reasonHeld, deleted), Terms{Ended: true}, nil, disabled, false, ptr.To(reasonHeld)},
		{"provisioning ends for one about whom nobody has decided", deletes, active, nil, Terms{Ended: true}, nil, disabled, false, nil},
		{"provisioning begins again", stays, disabled, nil, Terms{Served: true}, nil, active, true, nil},
		{"provisioning begins again for one who was held", deletes, disabled, under(reasonHeld, deleted), Terms{Served: true}, nil, reasonHeld, true, ptr.To(reasonHeld)},
		{"provisioning begins again for one about whom nobody had decided", deletes, disabled, nil, Terms{Served: true}, nil, "ask", false, nil},
		{"provisioning had ended, and onDisable is Keep by now, or the provider is gone", stays, disabled, nil, Terms{}, nil, disabled, false, nil},
		{"the same for one who was held", deletes, disabled, under(reasonHeld, deleted), Terms{}, nil, disabled, false, ptr.To(reasonHeld)},
		{"the same for one who has been approved meanwhile", deletes, disabled, under(reasonHeld, deleted), Terms{Approved: []string{"h1"}}, nil,
			v1alpha1.ReasonDeletedByProvider, false, ptr.To(reasonNone)},
		{"provisioning ends, which the guard covers", stays, active, nil, guardedEnd(), nil, "ask", false, nil},
		{"the same for one who is held", stays, reasonHeld, under(reasonHeld, deactivate), guardedEnd(), nil, reasonHeld, true, ptr.To(reasonHeld)},
		{"the same, and approved", stays, reasonHeld, under(reasonHeld, deactivate), guardedEnd("h1"), nil, disabled, false, ptr.To(reasonNone)},
		{"the same for one who is off", stays, disabled, gone(""), guardedEnd(), nil, disabled, false, ptr.To(reasonNone)},
		{"the same for one whose leaving was rejected", stays, reasonRejected, under(reasonRejected, deactivate), guardedEnd(), nil, reasonRejected, true, ptr.To(reasonRejected)},
		{"the same for a new user", stays, unknown, nil, guardedEnd(), nil, disabled, false, nil},
		{"the same for one whom the identity provider wants to be inactive", deletes, active, nil, guardedEnd(), nil, "ask", false, nil},
		{"the same for one who has left", deactivates, v1alpha1.ReasonDeactivatedByProvider, gone(""), guardedEnd(), nil, v1alpha1.ReasonDeactivatedByProvider, false, ptr.To(reasonNone)},
		{"the provider is gone after that was rejected", stays, reasonRejected, under(reasonRejected, deactivate), Terms{}, nil, active, true, nil},
		{"the provider is gone after that was approved", stays, disabled, gone("h1"), Terms{}, nil, disabled, false, nil},
		{"provisioning begins again for one who was held at its end", stays, reasonHeld, under(reasonHeld, deactivate), Terms{Served: true}, nil, active, true, nil},
		{"the provider is gone, and users were to stay as they are", stays, active, nil, Terms{}, nil, active, true, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.Spec.EndpointRef.Name = "okta"
			u.Annotations, u.Status.Departure = row.own, row.departure
			if row.wish == deactivates {
				u.Spec.Active = ptr.To(false)
			}
			if row.wish == deletes {
				u.Spec.DeletedTime = ptr.To(metav1.NewMicroTime(now))
			}
			if row.before != unknown {
				u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionActive, Reason: row.before, Status: activeWhen(row.before)}}
			}
			s := Stand(u, &row.terms, now)
			if reason := map[bool]string{true: "ask", false: s.Reason}[s.Ask]; reason != row.want || s.Active != row.active {
				t.Errorf("got %v, %s: %s", s.Active, reason, s.Message)
			}
			if !s.Ask && s.Message == "" {
				t.Error("nobody is told why")
			}
			if (s.Departure == nil) != (row.left == nil) || s.Departure != nil && s.Departure.HeldBecause != *row.left {
				t.Errorf("the departure is %+v", s.Departure)
			}
		})
	}
}

// guardedEnd is that provisioning has ended while the guard covers that.
func guardedEnd(approved ...string) Terms {
	return Terms{Ended: true, Approved: approved, Deprovisioning: &v1alpha1.Deprovisioning{
		Guard: &v1alpha1.DeprovisioningGuard{MaxUsers: ptr.To[int32](1), OnDisable: v1alpha1.GuardOnDisableHold},
	}}
}

func activeWhen(reason string) metav1.ConditionStatus {
	switch reason {
	case v1alpha1.ReasonDeactivatedByProvider, v1alpha1.ReasonDeletedByProvider, v1alpha1.ReasonProvisioningDisabled:
		return metav1.ConditionFalse
	default:
		return metav1.ConditionTrue
	}
}

func TestRemoval(t *testing.T) {
	deletion := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	left := func(after time.Duration, id string) *v1alpha1.Departure {
		return &v1alpha1.Departure{Wish: deleted, HoldID: id, Time: metav1.NewTime(deletion.Add(after))}
	}
	hours := func(n time.Duration) *metav1.Duration { return &metav1.Duration{Duration: n * time.Hour} }
	guard := &v1alpha1.DeprovisioningGuard{MaxUsers: ptr.To[int32](1), Window: hours(2)}
	const never = -1
	for _, row := range []struct {
		name      string
		terms     *v1alpha1.Deprovisioning
		departure *v1alpha1.Departure
		after     time.Duration
	}{
		{"nothing is said", nil, left(0, ""), never},
		{"no retention", &v1alpha1.Deprovisioning{Policy: deactivate}, left(0, ""), never},
		{"kept for a day", &v1alpha1.Deprovisioning{Retention: hours(24)}, left(0, ""), 24 * time.Hour},
		{"kept for a day after a person let the user go", &v1alpha1.Deprovisioning{Retention: hours(24)}, left(time.Hour, "h1"), 25 * time.Hour},
		{"deactivated long before", &v1alpha1.Deprovisioning{Retention: hours(24)}, left(-100*time.Hour, ""), 24 * time.Hour},
		{"never was active", &v1alpha1.Deprovisioning{Retention: hours(24)}, nil, 24 * time.Hour},
		{"removed at once", &v1alpha1.Deprovisioning{Policy: deleted}, left(0, ""), 0},
		{"removed once the guard does not count it any more", &v1alpha1.Deprovisioning{Policy: deleted, Guard: guard}, left(0, ""), 2 * time.Hour},
		{"removed at once when approved", &v1alpha1.Deprovisioning{Policy: deleted, Guard: guard}, left(time.Hour, "h1"), time.Hour},
		{"kept for less than the guard counts it", &v1alpha1.Deprovisioning{Retention: hours(1), Guard: guard}, left(0, ""), 2 * time.Hour},
		{"held", &v1alpha1.Deprovisioning{Policy: deleted}, &v1alpha1.Departure{Wish: deleted, HeldBecause: reasonHeld, HoldID: "h1"}, never},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			u.Spec.DeletedTime, u.Status.Departure = ptr.To(metav1.NewMicroTime(deletion)), row.departure
			at, ok := Removal(u, &Terms{Served: true, Deprovisioning: row.terms})
			if ok != (row.after != never) || ok && !at.Equal(deletion.Add(row.after)) {
				t.Errorf("got %v, %v", at, ok)
			}
			if _, ok := Removal(u, &Terms{Deprovisioning: row.terms}); ok {
				t.Error("a record goes although nothing is served")
			}
			u.Spec.DeletedTime = nil
			if _, ok := Removal(u, &Terms{Served: true, Deprovisioning: row.terms}); ok {
				t.Error("a user goes whom nobody deleted")
			}
		})
	}
}
