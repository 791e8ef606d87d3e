// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// DefaultGuardWindow is the window of a guard that names none.
	DefaultGuardWindow = time.Hour
	// MaxGuardWindow is the longest window of a guard.
	MaxGuardWindow = 7 * 24 * time.Hour
)

// DeprovisioningPolicy says what becomes of a user whom the identity provider deletes.
// +kubebuilder:validation:Enum=Deactivate;Delete
type DeprovisioningPolicy string

const (
	// DeprovisioningDeactivate keeps the user as an inactive record.
	DeprovisioningDeactivate DeprovisioningPolicy = "Deactivate"
	// DeprovisioningDelete removes the record, too.
	DeprovisioningDelete DeprovisioningPolicy = "Delete"
)

// OnDisable says what becomes of users when their provisioning ends.
// +kubebuilder:validation:Enum=Keep;Deactivate
type OnDisable string

const (
	// OnDisableKeep leaves users as they are.
	OnDisableKeep OnDisable = "Keep"
	// OnDisableDeactivate makes them inactive until provisioning is enabled again.
	OnDisableDeactivate OnDisable = "Deactivate"
)

// GuardOnDisable says what a guard does with users whose provisioning ends.
// +kubebuilder:validation:Enum=Ignore;Hold
type GuardOnDisable string

const (
	// GuardOnDisableIgnore lets all of them go.
	GuardOnDisableIgnore GuardOnDisable = "Ignore"
	// GuardOnDisableHold counts them as any others who leave.
	GuardOnDisableHold GuardOnDisable = "Hold"
)

// Deprovisioning says how people leave.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.retention) || !has(self.policy) || self.policy == 'Deactivate'",message="retention is how long Deactivate keeps a record; with the policy Delete there is none"
type Deprovisioning struct {
	// policy is what becomes of a user whom the identity provider deletes, who is 404 over
	// SCIM at once either way. Deactivate keeps the user as an inactive record, Delete
	// removes it. Left out, it is Deactivate.
	// +optional
	Policy DeprovisioningPolicy `json:"policy,omitempty"`

	// retention is how long the record of a deleted user is kept, such as 720h. Left out,
	// it is kept until somebody deletes it.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}[hms])+$') && duration(self) > duration('0s') && duration(self) <= duration('876000h')",message="retention must be a duration such as 720h, longer than nothing and at most 876000h; use the policy Delete to keep no record"
	Retention *metav1.Duration `json:"retention,omitempty"`

	// guard holds a mass deprovisioning until a person approves or rejects it. Left out,
	// nothing is held but the last holder of a protected role.
	// +optional
	Guard *DeprovisioningGuard `json:"guard,omitempty"`
}

// DeprovisioningGuard limits how many active users the identity provider may make inactive
// within a time, and from how many it may take roles, each counted apart. The rest is held.
// +kubebuilder:validation:XValidation:rule="has(self.maxUsers) || has(self.maxPercent)",message="say how many may leave: give maxUsers, maxPercent or both"
type DeprovisioningGuard struct {
	// maxUsers is how many users may become inactive within the window, and how many may lose
	// roles or be technicians no more because the groups or SCIM roles went that gave it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000000
	MaxUsers *int32 `json:"maxUsers,omitempty"`

	// maxPercent is how many per cent of the users who were active at the beginning of the
	// window may become inactive within it, and how many per cent of the active users may lose
	// roles or be technicians no more, rounded up to whole users.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxPercent *int32 `json:"maxPercent,omitempty"`

	// window is the time, from 1m to 168h. Left out, it is 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}[hms])+$') && duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="window must be a duration such as 1h, from 1m to 168h"
	Window *metav1.Duration `json:"window,omitempty"`

	// onDisable is what the guard does with the users whom onDisable: Deactivate of an
	// IdentityProvider makes inactive. Hold counts them as any others who leave, and holds the
	// rest: a pipeline that deletes the IdentityProvider by mistake does not lock everybody out,
	// and the IdentityProvider goes once a person has decided. Ignore lets all of them go. Left
	// out, it is Ignore.
	// +optional
	OnDisable GuardOnDisable `json:"onDisable,omitempty"`
}

// EffectiveWindow is the window in force.
func (g *DeprovisioningGuard) EffectiveWindow() time.Duration {
	if g.Window == nil {
		return DefaultGuardWindow
	}
	return g.Window.Duration
}

// EffectivePolicy is the policy in force.
func (d *Deprovisioning) EffectivePolicy() DeprovisioningPolicy {
	if d == nil || d.Policy == "" {
		return DeprovisioningDeactivate
	}
	return d.Policy
}

// Guarded is the guard in force, or nil.
func (d *Deprovisioning) Guarded() *DeprovisioningGuard {
	if d == nil {
		return nil
	}
	return d.Guard
}

// HoldVerdict is what a person decided about a hold.
// +kubebuilder:validation:Enum=Approved;Rejected
type HoldVerdict string

const (
	// HoldApproved lets the users go, or takes the roles.
	HoldApproved HoldVerdict = "Approved"
	// HoldRejected keeps them active, or with their roles.
	HoldRejected HoldVerdict = "Rejected"
)

// HoldLoss says what the users of a hold lose when it is approved.
// +kubebuilder:validation:Enum=Access;Roles
type HoldLoss string

const (
	// LosesAccess means that the users become inactive.
	LosesAccess HoldLoss = "Access"
	// LosesRoles means that the users lose roles, or are technicians no more.
	LosesRoles HoldLoss = "Roles"
)

// DeprovisioningStatus says how people leave, and who is held.
type DeprovisioningStatus struct {
	// policy is the value in force.
	// +optional
	Policy DeprovisioningPolicy `json:"policy,omitempty"`

	// window is that of the guard in force; there is none without a guard.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	Window *metav1.Duration `json:"window,omitempty"`

	// holdID names users who are held, and whom nobody joins any more. A person approves or
	// rejects it with one of the annotations scim-operator.io/approve-held and
	// scim-operator.io/reject-held, whose value is holdID@digest.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	HoldID string `json:"holdID,omitempty"`

	// loses is what its users lose when it is approved: Access when they become inactive, Roles
	// when they lose roles or are technicians no more.
	// +optional
	Loses HoldLoss `json:"loses,omitempty"`

	// digest is made of the ids of the users who were in the hold when it was first shown. A
	// verdict that does not name it is refused.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest,omitempty"`

	// members is the number of those users.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members *int64 `json:"members,omitempty"`

	// verdict is what a person has decided about the hold while it is being carried out.
	// +optional
	Verdict HoldVerdict `json:"verdict,omitempty"`

	// held is the number of users whom the hold keeps active, or with their roles: those of its
	// members who have not come back.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Held *int64 `json:"held,omitempty"`

	// since is when the first of them was held.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// examples are the first of them by userName, at most 10.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Examples []string `json:"examples,omitempty"`

	// queued is the number of users who are held since the hold was shown. They are in another
	// hold, which is shown when this one is decided.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Queued *int64 `json:"queued,omitempty"`

	// rejected is the number of users who stay active, or keep roles, because a person rejected
	// that they lose it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Rejected *int64 `json:"rejected,omitempty"`

	// refusedVerdict is a verdict that does not count, because it names a hold of these users
	// with another digest.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	RefusedVerdict string `json:"refusedVerdict,omitempty"`
}

// Departure is what became of the identity provider's wish that a user who was active be
// inactive.
type Departure struct {
	// wish is Deactivate or Delete.
	// +required
	Wish DeprovisioningPolicy `json:"wish,omitempty"`

	// heldBecause is why the user is active nevertheless: HeldByGuard,
	// LastProtectedRoleHolder or DeprovisioningRejected. It is left out when the user has
	// become inactive.
	// +optional
	// +kubebuilder:validation:Enum=HeldByGuard;LastProtectedRoleHolder;DeprovisioningRejected
	HeldBecause string `json:"heldBecause,omitempty"`

	// holdID names the hold that the user is or was under. It is left out when nobody had
	// to decide.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	HoldID string `json:"holdID,omitempty"`

	// time is when the user was held, or became inactive.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`
}

// Held says whether the departure waits for a person.
func (d *Departure) Held() bool {
	return d != nil && (d.HeldBecause == ReasonHeldByGuard || d.HeldBecause == ReasonLastProtectedRoleHolder)
}

// Gone says whether the user has become inactive.
func (d *Departure) Gone() bool { return d != nil && d.HeldBecause == "" }

// RoleLoss is what became of roles, and of the type Technician, that an account loses because
// the group or SCIM role went by which a rule gave it.
type RoleLoss struct {
	// roles are the roles, each with the rule that gave it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Roles []LostRole `json:"roles,omitempty"`

	// technicianRule is the rule that made the account a technician's, when it is to be an end
	// user's from now on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1280
	TechnicianRule string `json:"technicianRule,omitempty"`

	// heldBecause is why the account keeps it nevertheless: HeldByGuard or RoleLossRejected. It
	// is left out when the account has lost it.
	// +optional
	// +kubebuilder:validation:Enum=HeldByGuard;RoleLossRejected
	HeldBecause string `json:"heldBecause,omitempty"`

	// holdID names the hold that the loss is or was under. It is left out when nobody had to
	// decide.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	HoldID string `json:"holdID,omitempty"`

	// time is when the loss was held, or took effect.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`
}

// LostRole is a role and the rule that gave it.
type LostRole struct {
	// name of the role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// rule that gave it, such as roles[Tier1].groups: IT Support.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1280
	Rule string `json:"rule,omitempty"`
}

// Held reports whether the loss waits for a person.
func (l *RoleLoss) Held() bool { return l != nil && l.HeldBecause == ReasonHeldByGuard }

// Gone reports whether the account has lost it.
func (l *RoleLoss) Gone() bool { return l != nil && l.HeldBecause == "" }

// Kept reports whether the account keeps it although the identity provider took it.
func (l *RoleLoss) Kept() bool { return l != nil && l.HeldBecause != "" }
