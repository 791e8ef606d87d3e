// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

const (
	byITSupport  = "roles[Tier1].groups: IT Support"
	byAudit      = "roles[Auditor].roles: audit"
	byAgents     = "userTypes.technicians.groups: Agents"
	noLongerHeld = "" // it took effect
)

func supportRules() v1alpha1.AccountRules {
	return v1alpha1.AccountRules{
		UserTypes: &v1alpha1.UserTypeRules{
			Technicians: &v1alpha1.UserMatcher{Groups: list("Agents")},
			EndUsers:    &v1alpha1.UserMatcher{Groups: list("Trainees")},
		},
		Roles: []v1alpha1.RoleRule{
			{Name: "Tier1", UserMatcher: v1alpha1.UserMatcher{Groups: list("IT Support", "Second Line")}},
			{Name: "Auditor", UserMatcher: v1alpha1.UserMatcher{Roles: list("audit"), Expression: `user.title == "Auditor"`}},
		},
	}
}

// TestStandRoles: what the account has, in which groups the user is by now, what is on record
// and what a person decided, and what comes of it.
func TestStandRoles(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	tier1 := v1alpha1.LostRole{Name: "Tier1", Rule: byITSupport}
	auditor := v1alpha1.LostRole{Name: "Auditor", Rule: byAudit}
	record := func(because string, roles ...v1alpha1.LostRole) *v1alpha1.RoleLoss {
		return &v1alpha1.RoleLoss{Roles: roles, HeldBecause: because, HoldID: "h1", Time: metav1.NewTime(now.Add(-time.Minute))}
	}
	const held, rejected = v1alpha1.ReasonHeldByGuard, v1alpha1.ReasonRoleLossRejected
	for _, row := range []struct {
		name   string
		rules  func(*v1alpha1.AccountRules)
		has    []v1alpha1.LostRole // the roles of the status
		by     string              // userTypeRule of a technician
		groups string
		known  *v1alpha1.RoleLoss
		terms  Terms
		own    map[string]string

		asks     []string // the roles that nobody has decided about
		together bool     // with what is held
		keeps    []string // of the decision, after all
		loss     *string  // heldBecause of the record; nil for none
		tech     bool
	}{
		{name: "still in the group", has: []v1alpha1.LostRole{tier1}, groups: "IT Support", keeps: list("Tier1")},
		{name: "in another group that gives it", has: []v1alpha1.LostRole{tier1}, groups: "Second Line", keeps: list("Tier1")},
		{name: "not in the group any more", has: []v1alpha1.LostRole{tier1}, asks: list("Tier1")},
		{name: "without the SCIM role any more", has: []v1alpha1.LostRole{auditor}, asks: list("Auditor")},
		{name: "a role that an expression gave", has: []v1alpha1.LostRole{{Name: "Auditor", Rule: "roles[Auditor].expression"}}},
		{name: "a technician by a group that the user is not in any more", by: byAgents, asks: list("Technician")},
		{name: "an end user by another group", by: byAgents, groups: "Trainees"},

		{name: "the rule is gone", rules: func(r *v1alpha1.AccountRules) { r.Roles = r.Roles[1:] }, has: []v1alpha1.LostRole{tier1}},
		{name: "the rule names another group", rules: func(r *v1alpha1.AccountRules) { r.Roles[0].Groups = list("Root") }, has: []v1alpha1.LostRole{tier1}},
		{name: "the role is protected by now", rules: func(r *v1alpha1.AccountRules) { r.ProtectedRoles = list("TIER1") }, has: []v1alpha1.LostRole{tier1}, groups: "IT Support"},
		{name: "the types have no rule", rules: func(r *v1alpha1.AccountRules) { r.UserTypes = nil }, by: byAgents},

		{name: "held", has: []v1alpha1.LostRole{tier1}, known: record(held, tier1), keeps: list("Tier1"), loss: ptr.To(held)},
		{name: "held, after the status was lost", known: record(held, tier1), keeps: list("Tier1"), loss: ptr.To(held)},
		{name: "held, and in the group again", has: []v1alpha1.LostRole{tier1}, known: record(held, tier1), groups: "IT Support", keeps: list("Tier1")},
		{name: "held, and the rule is gone", rules: func(r *v1alpha1.AccountRules) { r.Roles = r.Roles[1:] }, has: []v1alpha1.LostRole{tier1}, known: record(held, tier1)},
		{name: "held, and approved", has: []v1alpha1.LostRole{tier1}, known: record(held, tier1), terms: Terms{Approved: list("h1")}, loss: ptr.To(noLongerHeld)},
		{name: "held, and another hold was approved", has: []v1alpha1.LostRole{tier1}, known: record(held, tier1), terms: Terms{Approved: list("h0")},
			keeps: list("Tier1"), loss: ptr.To(held)},
		{name: "held, and approved for this user", has: []v1alpha1.LostRole{tier1}, known: record(held, tier1),
			own: map[string]string{v1alpha1.ApproveHeldAnnotation: "h1"}, loss: ptr.To(noLongerHeld)},
		{name: "held, and rejected", has: []v1alpha1.LostRole{tier1}, known: record(held, tier1), terms: Terms{Rejected: list("h1")}, keeps: list("Tier1"), loss: ptr.To(rejected)},
		{name: "rejected, and the annotation is gone", has: []v1alpha1.LostRole{tier1}, known: record(rejected, tier1), keeps: list("Tier1"), loss: ptr.To(rejected)},
		{name: "rejected, and approved after all", has: []v1alpha1.LostRole{tier1}, known: record(rejected, tier1), terms: Terms{Approved: list("h1")}, loss: ptr.To(noLongerHeld)},
		{name: "held for two, one of which is back", has: []v1alpha1.LostRole{tier1, auditor}, known: record(held, tier1, auditor), groups: "IT Support",
			keeps: list("Tier1", "Auditor"), loss: ptr.To(held)},
		{name: "rejected, and the user is to lose more", has: []v1alpha1.LostRole{tier1, auditor}, known: record(rejected, tier1), terms: Terms{Rejected: list("h1")},
			asks: list("Tier1", "Auditor"), together: true},
		{name: "approved, and the user is to lose more", has: []v1alpha1.LostRole{tier1, auditor}, known: record(held, tier1), terms: Terms{Approved: list("h1")},
			asks: list("Auditor")},
		{name: "lost, and still not back", known: record(noLongerHeld, tier1), loss: ptr.To(noLongerHeld)},
		{name: "lost, and back", known: record(noLongerHeld, tier1), groups: "IT Support", keeps: list("Tier1")},
		{name: "a technician who is held", by: byAgents, known: &v1alpha1.RoleLoss{TechnicianRule: byAgents, HeldBecause: held, HoldID: "h1"}, loss: ptr.To(held), tech: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			rules := supportRules()
			if row.rules != nil {
				row.rules(&rules)
			}
			compiled := rulesOf(rules)
			u := user(nil)
			u.Annotations, u.Status.RoleLoss, u.Status.UserTypeRule = row.own, row.known, row.by
			if row.by != "" {
				u.Status.UserType = v1alpha1.AccountTechnician
			}
			for _, role := range row.has {
				u.Status.Roles, u.Status.RoleRules = append(u.Status.Roles, role.Name), append(u.Status.RoleRules, role.Rule)
			}
			d := compiled.Decide(u, groupsNamed(row.groups))
			s := compiled.StandRoles(u, &d, &row.terms, now)
			if asks := namesIn(s.Ask); !slices.Equal(asks, row.asks) || s.Held != row.together {
				t.Errorf("asks about %q, together with what is held: %v", asks, s.Held)
			}
			if (s.Loss == nil) != (row.loss == nil) || s.Loss != nil && s.Loss.HeldBecause != *row.loss {
				t.Errorf("the record is %+v", s.Loss)
			}
			kept := compiled.Keep(u, &d, s.Loss)
			if technician := kept.UserType == v1alpha1.AccountTechnician; !slices.Equal(kept.Roles(), row.keeps) || technician != row.tech {
				t.Errorf("has %q, technician: %v", kept.Roles(), technician)
			}
			if s.Loss.Kept() {
				u.Annotations = map[string]string{v1alpha1.RoleLossAnnotation: RolesMemory(s.Loss)}
				u.Status = v1alpha1.ScimUserStatus{}
				if again := compiled.StandRoles(u, &d, &Terms{}, now); again.Ask != nil || RolesMemory(again.Loss) != RolesMemory(s.Loss) {
					t.Errorf("after the status was lost: %+v", again)
				}
			}
		})
	}
}

func namesIn(l *v1alpha1.RoleLoss) []string {
	if l == nil {
		return nil
	}
	names := namesOf(l.Roles)
	if l.TechnicianRule != "" {
		names = append(names, "Technician")
	}
	return names
}

func TestHoldRoles(t *testing.T) {
	for _, row := range []struct {
		name         string
		terms        *v1alpha1.Deprovisioning
		active, lost int64
		held         bool
	}{
		{"there is no guard", nil, 100, 100, false},
		{"the 20th of 20", limits(20, -1), 1000, 19, false},
		{"the 21st of 20", limits(20, -1), 1000, 20, true},
		{"the 100th, when 10 per cent of 1,000 may", limits(-1, 10), 1000, 99, false},
		{"the 101st", limits(-1, 10), 1000, 100, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if held := HoldRoles(&Terms{Deprovisioning: row.terms}, row.active, row.lost); held != row.held {
				t.Errorf("held: %v", held)
			}
		})
	}
}
