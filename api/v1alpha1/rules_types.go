// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AccountRules decide what the users of an endpoint become: technicians or end users, and
// with which roles in the applications.
type AccountRules struct {
	// userTypes decide who is a technician and who is an end user, for users about whom
	// the identity provider does not say it itself. Who fits no rule is an end user.
	// +optional
	UserTypes *UserTypeRules `json:"userTypes,omitempty"`

	// roles are the roles in the applications, and who has them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Roles []RoleRule `json:"roles,omitempty"` //nolint:kubeapilinter // what it requires is inline

	// protectedRoles are never given through SCIM, whichever rule or identity provider
	// asks for it. Names are compared without case.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	ProtectedRoles []string `json:"protectedRoles,omitempty"`
}

// AccountPolicy is the rules in force, and the ones that are tried.
type AccountPolicy struct {
	AccountRules `json:",inline"`

	// allowedOrganizationIDs are the organizations that the identity provider may put
	// users into. A user for whom it names another is provisioned without that one. All,
	// for every organization, must be named here as well. Left out, every organization
	// is allowed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	AllowedOrganizationIDs []string `json:"allowedOrganizationIDs,omitempty"`

	// preview is a whole set of rules that is tried on the directory and changes nobody:
	// status.rules.preview says whom it would change. What is left out of it is tried as
	// left out.
	// +optional
	Preview *AccountRules `json:"preview,omitempty"`
}

// UserTypeRules say who is what. A user whom both describe is an end user.
// +kubebuilder:validation:XValidation:rule="has(self.technicians) || has(self.endUsers)",message="say who the technicians are, or who the endUsers are"
type UserTypeRules struct {
	// technicians describes the technicians.
	// +optional
	Technicians *UserMatcher `json:"technicians,omitempty"`

	// endUsers describes end users whom a later rule would make technicians: groups are
	// asked before roles, and roles before expressions.
	// +optional
	EndUsers *UserMatcher `json:"endUsers,omitempty"`
}

// RoleRule gives a role in the applications to the users it describes.
type RoleRule struct {
	// name of the role in the applications.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^ \\\\t\\\\r\\\\n]([^\\\\t\\\\r\\\\n]*[^ \\\\t\\\\r\\\\n])?$')",message="the name of a role must not begin or end with a blank nor contain a line break or tab"
	Name string `json:"name,omitempty"`

	UserMatcher `json:",inline"`
}

// UserMatcher describes users in up to three ways; a user whom one of them describes is
// described.
// +kubebuilder:validation:XValidation:rule="has(self.groups) || has(self.roles) || has(self.expression)",message="describe the users: give groups, roles or an expression"
type UserMatcher struct {
	// groups whose members are described, direct or by a group in a group. A group is
	// given by its displayName, compared without case, or by its id.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Groups []string `json:"groups,omitempty"`

	// roles are values of the user's SCIM attribute roles, compared without case.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Roles []string `json:"roles,omitempty"`

	// expression is true for the users described, in CEL with the variable user, such as
	// user.enterprise.department == "IT". What the identity provider did not say about a
	// user is empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Expression string `json:"expression,omitempty"`
}

// RulesStatus says how far the rules have been applied to the directory.
type RulesStatus struct {
	// observedRules is a digest of the rules that this status speaks of.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ObservedRules string `json:"observedRules,omitempty"`

	// usersToDecide is the number of users who were in the directory, deleted ones that are
	// kept as records included, when these rules were applied to it. Whoever has come since is
	// decided by them at once and not counted: status.users of the IdentityProvider is the
	// number of users now.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UsersToDecide *int64 `json:"usersToDecide,omitempty"`

	// usersDecided is the number of those users who have been decided by these rules. The
	// rules have been applied when it is that of usersToDecide.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UsersDecided *int64 `json:"usersDecided,omitempty"`

	// preview is what the rules in spec.preview would do.
	// +optional
	Preview *PreviewStatus `json:"preview,omitempty"`
}

// PreviewStatus is what rules would do that are not in force.
type PreviewStatus struct {
	// observedRules is a digest of the rules that were tried, and of the ones in force.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ObservedRules string `json:"observedRules,omitempty"`

	// message says why the rules could not be tried.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// users is the number of users on whom the rules were tried.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int64 `json:"users,omitempty"`

	// changed is the number of users who would change.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Changed *int64 `json:"changed,omitempty"`

	// examples are the first of those users by userName, at most 10.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Examples []PreviewExample `json:"examples,omitempty"`
}

// PreviewExample is one user who would change.
type PreviewExample struct {
	// userName of the user.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`

	// change is what would change, such as EndUser becomes Technician; gains Tier1.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Change string `json:"change,omitempty"`
}

// Applied says whether rules with the digest have been applied to the whole directory.
func (s *RulesStatus) Applied(digest string) bool {
	return s != nil && s.ObservedRules == digest && s.UsersToDecide != nil && s.UsersDecided != nil && *s.UsersToDecide == *s.UsersDecided
}
