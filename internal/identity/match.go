// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Group is a group that a user is a member of, directly or by a group in it.
type Group struct{ ID, DisplayName string }

// subject is the user who is decided about, prepared for the questions that rules ask.
type subject struct {
	user *v1alpha1.ScimUser
	// groupIDs, groupNames (folded) and roles (folded) are sets.
	groupIDs, groupNames, roles map[string]bool
	// person is made for the first expression.
	person *person
	// cost is what the expressions have cost so far.
	cost uint64
	// failures are the expressions that had no answer.
	failures []string
}

func newSubject(user *v1alpha1.ScimUser, groups []Group) *subject {
	s := &subject{user: user}
	if len(groups) > 0 {
		s.groupIDs, s.groupNames = make(map[string]bool, len(groups)), make(map[string]bool, len(groups))
		for _, g := range groups {
			s.groupIDs[g.ID] = true
			s.groupNames[scim.FoldName(g.DisplayName)] = true
		}
	}
	if len(user.Spec.Roles) > 0 {
		s.roles = make(map[string]bool, len(user.Spec.Roles))
		for _, role := range user.Spec.Roles {
			s.roles[scim.Fold(role.Value)] = true
		}
	}
	return s
}

// matcher describes users by groups, SCIM roles and an expression.
type matcher struct {
	path          string
	groups, roles []string
	expression    *expression
}

func (m *matcher) groupRule(group string) string { return m.path + ".groups: " + group }

func (m *matcher) roleRule(role string) string { return m.path + ".roles: " + role }

// byGroup names the first of the matcher's groups that the user is in, as a rule.
func (m *matcher) byGroup(s *subject) (rule string, ok bool) {
	if m == nil {
		return "", false
	}
	for _, group := range m.groups {
		if s.groupIDs[group] || s.groupNames[scim.FoldName(group)] {
			return m.groupRule(group), true
		}
	}
	return "", false
}

// byRole names the first of the matcher's SCIM roles that the user has, as a rule.
func (m *matcher) byRole(s *subject) (rule string, ok bool) {
	if m == nil {
		return "", false
	}
	for _, role := range m.roles {
		if s.roles[scim.Fold(role)] {
			return m.roleRule(role), true
		}
	}
	return "", false
}

// byExpression asks the expression. One that is not valid decides nothing anew: who was
// decided by it before still is.
func (m *matcher) byExpression(s *subject, before bool) (rule string, ok bool) {
	if m == nil || m.expression == nil {
		return "", false
	}
	rule = m.path + ".expression"
	if !m.expression.valid() {
		return rule, before
	}
	ok, err := m.expression.describes(s)
	if err != nil {
		s.failures = append(s.failures, fmt.Sprintf("%s has no answer for this user: %v", rule, err))
	}
	return rule, ok
}

// describes asks in the order of userTypes: groups, roles, expression.
func (m *matcher) describes(s *subject, before bool) (rule string, ok bool) {
	if rule, ok := m.byGroup(s); ok {
		return rule, true
	}
	if rule, ok := m.byRole(s); ok {
		return rule, true
	}
	return m.byExpression(s, before)
}
