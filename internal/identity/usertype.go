// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"unicode"

	"scim-operator.io/api/v1alpha1"
)

// The rules that decide a user's type when none of userTypes does, as status.userTypeRule
// shows them. A rule of userTypes is shown as its path and, for a group or SCIM role, which.
const (
	// RuleAccountUserType: the identity provider said so in the account extension.
	RuleAccountUserType = "spec.account.userType"
	// RuleDefault: no rule had an answer, and who is not a technician is an end user.
	RuleDefault = "default"
)

// userTypeRule answers for the users it knows something about.
type userTypeRule func(*Rules, *subject) (accountType v1alpha1.AccountType, rule string, ok bool)

// userTypeRules are asked in this order.
var userTypeRules = []userTypeRule{
	accountUserType,
	userTypeByGroup,
	userTypeByRole,
	userTypeByExpression,
}

// userType decides whether a user is a technician or an end user, and by which rule.
func (r *Rules) userType(s *subject) (accountType v1alpha1.AccountType, rule string) {
	for _, ask := range userTypeRules {
		if accountType, rule, ok := ask(r, s); ok {
			return accountType, rule
		}
	}
	return v1alpha1.AccountEndUser, RuleDefault
}

// accountUserType reads values such as "Technician", "endUser" and "End User (Sales)".
// A value that names both is an end user's: when in doubt, the lesser rights.
func accountUserType(_ *Rules, s *subject) (v1alpha1.AccountType, string, bool) {
	if s.user.Spec.Account == nil {
		return "", "", false
	}
	switch value := lettersOf(s.user.Spec.Account.UserType); {
	case strings.Contains(value, "enduser"):
		return v1alpha1.AccountEndUser, RuleAccountUserType, true
	case strings.Contains(value, "technician"):
		return v1alpha1.AccountTechnician, RuleAccountUserType, true
	default:
		return "", "", false
	}
}

func userTypeByGroup(r *Rules, s *subject) (v1alpha1.AccountType, string, bool) {
	return r.lesser(func(m *matcher) (string, bool) { return m.byGroup(s) })
}

func userTypeByRole(r *Rules, s *subject) (v1alpha1.AccountType, string, bool) {
	return r.lesser(func(m *matcher) (string, bool) { return m.byRole(s) })
}

func userTypeByExpression(r *Rules, s *subject) (v1alpha1.AccountType, string, bool) {
	return r.lesser(func(m *matcher) (string, bool) {
		if m == nil {
			return "", false
		}
		return m.byExpression(s, s.user.Status.UserTypeRule == m.path+".expression")
	})
}

// lesser asks both descriptions: when in doubt, the lesser rights.
func (r *Rules) lesser(ask func(*matcher) (string, bool)) (v1alpha1.AccountType, string, bool) {
	if rule, ok := ask(r.endUsers); ok {
		return v1alpha1.AccountEndUser, rule, true
	}
	if rule, ok := ask(r.technicians); ok {
		return v1alpha1.AccountTechnician, rule, true
	}
	return "", "", false
}

// lettersOf drops case and whatever separates words, so that "End-User" reads like "endUser".
func lettersOf(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
