// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// RoleStanding is what becomes of what the identity provider has taken from an account: the
// roles, and the type Technician, that a rule gave by a group or SCIM role which the user has
// no longer.
type RoleStanding struct {
	// Loss is what is on record: what the account keeps nevertheless, or has lost.
	Loss *v1alpha1.RoleLoss
	// Ask is what the account is to lose and nobody has decided about; nil for nothing.
	Ask *v1alpha1.RoleLoss
	// Held means that a hold keeps some of it already, so all of it is held.
	Held bool
}

// StandRoles decides what becomes of what the decision takes away. An administrator who
// changes a rule takes away what it gave; nothing of that is held.
func (r *Rules) StandRoles(user *v1alpha1.ScimUser, d *Decision, t *Terms, now time.Time) RoleStanding {
	known := RecallRoles(user)
	lost := r.lost(user, known, d)
	switch {
	case lost == nil:
		return RoleStanding{Loss: stillLost(known, d)}
	case !known.Kept():
		return RoleStanding{Ask: lost}
	}
	more := beyond(lost, known)
	switch said := t.verdictFor(user, known.HoldID); {
	case said == v1alpha1.HoldApproved && more != nil:
		return RoleStanding{Ask: more}
	case said == v1alpha1.HoldApproved:
		return RoleStanding{Loss: Lose(lost, "", known.HoldID, now)}
	case more != nil:
		return RoleStanding{Ask: lost, Held: true}
	case said == v1alpha1.HoldRejected:
		return RoleStanding{Loss: Lose(lost, v1alpha1.ReasonRoleLossRejected, known.HoldID, known.Time.Time)}
	default:
		return RoleStanding{Loss: Lose(lost, known.HeldBecause, known.HoldID, known.Time.Time)}
	}
}

// Lose returns the record of a loss that took effect or, with a reason, is held.
func Lose(lost *v1alpha1.RoleLoss, heldBecause, holdID string, at time.Time) *v1alpha1.RoleLoss {
	l := *lost
	l.HeldBecause, l.HoldID, l.Time = heldBecause, holdID, metav1.Time{Time: at.Truncate(time.Second)}
	return &l
}

// RolesJudged reports whether a verdict changes what the account of a user keeps.
func RolesJudged(user *v1alpha1.ScimUser, t *Terms) bool {
	known := RecallRoles(user)
	if !known.Kept() || !t.Served {
		return false
	}
	said := t.verdictFor(user, known.HoldID)
	return said == v1alpha1.HoldApproved || said == v1alpha1.HoldRejected && known.Held()
}

// HoldRoles reports whether a user keeps roles until a person decides, when so many users are
// active and so many have lost roles within the guard's window.
func HoldRoles(t *Terms, active, lost int64) bool {
	guard := t.Deprovisioning.Guarded()
	return guard != nil && lost >= allowance(guard, active)
}

// RecallRoles returns what became so far of what the identity provider has taken from the
// account. The annotation is written before the status, so it counts where both are there.
func RecallRoles(user *v1alpha1.ScimUser) *v1alpha1.RoleLoss {
	if !user.DeletionTimestamp.IsZero() {
		return nil
	}
	var l v1alpha1.RoleLoss
	if kept := user.Annotations[v1alpha1.RoleLossAnnotation]; kept != "" && json.Unmarshal([]byte(kept), &l) == nil && l.Kept() {
		return &l
	}
	return user.Status.RoleLoss
}

// RolesMemory returns the annotation that keeps a loss, or "" when the account keeps nothing.
func RolesMemory(l *v1alpha1.RoleLoss) string {
	if !l.Kept() {
		return ""
	}
	encoded, err := json.Marshal(l)
	if err != nil {
		return "" // strings and a time
	}
	return string(encoded)
}

// lost returns what the account has and the decision takes away, although the rule that gave
// it by a group or SCIM role stands; nil for nothing.
func (r *Rules) lost(user *v1alpha1.ScimUser, known *v1alpha1.RoleLoss, d *Decision) *v1alpha1.RoleLoss {
	var l v1alpha1.RoleLoss
	for _, role := range rolesOf(user, known) {
		if !d.grants(role.Name) && !r.protected[scim.Fold(role.Name)] && r.states(role.Rule) {
			l.Roles = append(l.Roles, role)
		}
	}
	// Another rule that makes an end user of the account is somebody's word, not a loss.
	if rule := technicianRuleOf(user, known); rule != "" && d.UserTypeRule == RuleDefault && r.states(rule) {
		l.TechnicianRule = rule
	}
	return orNothing(&l)
}

func orNothing(l *v1alpha1.RoleLoss) *v1alpha1.RoleLoss {
	if len(l.Roles) == 0 && l.TechnicianRule == "" {
		return nil
	}
	return l
}

// rolesOf returns the roles that the account has, each with the rule that gave it. After a
// restore the record of what it keeps is all that there is.
func rolesOf(user *v1alpha1.ScimUser, known *v1alpha1.RoleLoss) (roles []v1alpha1.LostRole) {
	if known.Kept() {
		roles = slices.Clone(known.Roles)
	}
	for i, rule := range user.Status.RoleRules {
		if i < len(user.Status.Roles) && !hasRole(roles, user.Status.Roles[i]) {
			roles = append(roles, v1alpha1.LostRole{Name: user.Status.Roles[i], Rule: rule})
		}
	}
	return roles
}

func technicianRuleOf(user *v1alpha1.ScimUser, known *v1alpha1.RoleLoss) string {
	switch {
	case known.Kept() && known.TechnicianRule != "":
		return known.TechnicianRule
	case user.Status.UserType == v1alpha1.AccountTechnician:
		return user.Status.UserTypeRule
	default:
		return ""
	}
}

func hasRole(roles []v1alpha1.LostRole, name string) bool {
	return slices.ContainsFunc(roles, func(role v1alpha1.LostRole) bool { return role.Name == name })
}

// beyond returns what one loss takes and another does not; nil for nothing.
func beyond(lost, known *v1alpha1.RoleLoss) *v1alpha1.RoleLoss {
	var l v1alpha1.RoleLoss
	for _, role := range lost.Roles {
		if !hasRole(known.Roles, role.Name) {
			l.Roles = append(l.Roles, role)
		}
	}
	if known.TechnicianRule == "" {
		l.TechnicianRule = lost.TechnicianRule
	}
	return orNothing(&l)
}

// stillLost is the record of a loss that took effect, until the account has all of it again.
func stillLost(known *v1alpha1.RoleLoss, d *Decision) *v1alpha1.RoleLoss {
	if !known.Gone() {
		return nil
	}
	missing := slices.ContainsFunc(known.Roles, func(role v1alpha1.LostRole) bool { return !d.grants(role.Name) })
	if missing || known.TechnicianRule != "" && d.UserType != v1alpha1.AccountTechnician {
		return known
	}
	return nil
}

// states reports whether a rule stands that gives by a group or SCIM role, as a Grant or
// Decision.UserTypeRule has it.
func (r *Rules) states(rule string) bool {
	if r.technicians.states(rule) {
		return true
	}
	return slices.ContainsFunc(r.roles, func(role roleRule) bool { return role.match.states(rule) })
}

func (m *matcher) states(rule string) bool {
	if m == nil {
		return false
	}
	return slices.ContainsFunc(m.groups, func(group string) bool { return rule == m.groupRule(group) }) ||
		slices.ContainsFunc(m.roles, func(role string) bool { return rule == m.roleRule(role) })
}

// Keep is a decision together with what the account keeps.
func (r *Rules) Keep(user *v1alpha1.ScimUser, d *Decision, l *v1alpha1.RoleLoss) *Decision {
	if !l.Kept() {
		return d
	}
	kept := *d
	if l.TechnicianRule != "" {
		kept.UserType, kept.UserTypeRule = v1alpha1.AccountTechnician, l.TechnicianRule
		kept.Organizations, kept.WithheldOrganizations = r.organizations(user, kept.UserType)
	}
	kept.Grants = slices.Clone(d.Grants)
	for _, role := range l.Roles {
		if !d.grants(role.Name) {
			kept.Grants = append(kept.Grants, Grant{role.Name, role.Rule})
		}
	}
	slices.SortStableFunc(kept.Grants, func(a, b Grant) int { return cmp.Compare(r.order(a.Role), r.order(b.Role)) })
	return &kept
}

// order is the place of the rule that gives a role.
func (r *Rules) order(role string) int {
	return slices.IndexFunc(r.roles, func(rule roleRule) bool { return rule.name == role })
}

// RolesHeldMessage says what the account keeps, and until when.
func RolesHeldMessage(l *v1alpha1.RoleLoss) string {
	var what string
	switch names := namesOf(l.Roles); {
	case l.TechnicianRule == "":
		what = listed("role", names)
	case len(names) == 0:
		what = "type Technician"
	default:
		what = "type Technician and the " + listed("role", names)
	}
	if l.HeldBecause == v1alpha1.ReasonRoleLossRejected {
		return fmt.Sprintf("The account keeps the %s although the user is no longer in what gave it: a person has rejected the loss with hold %s.", what, l.HoldID)
	}
	return fmt.Sprintf("The account keeps the %s although the user is no longer in what gave it: more users are to lose roles than the guard lets. Hold %s waits for a person.",
		what, l.HoldID)
}

func namesOf(roles []v1alpha1.LostRole) (names []string) {
	for _, role := range roles {
		names = append(names, role.Name)
	}
	return names
}
