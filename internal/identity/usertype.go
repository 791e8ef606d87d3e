// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"unicode"

	"scim-operator.io/api/v1alpha1"
)

// The rules that decide a user's type, as status.userTypeRule shows them.
const (
	// RuleAccountUserType: the identity provider said so in the account extension.
	RuleAccountUserType = "spec.account.userType"
	// RuleDefault: no rule had an answer, and who is not a technician is an end user.
	RuleDefault = "default"
)

// userTypeRule answers for the users it knows something about.
type userTypeRule struct {
	name   string
	decide func(*v1alpha1.ScimUser) (v1alpha1.AccountType, bool)
}

var userTypeRules = []userTypeRule{
	{RuleAccountUserType, accountUserType},
}

// UserType decides whether a user is a technician or an end user, and by which rule.
func UserType(user *v1alpha1.ScimUser) (accountType v1alpha1.AccountType, rule string) {
	for _, r := range userTypeRules {
		if accountType, ok := r.decide(user); ok {
			return accountType, r.name
		}
	}
	return v1alpha1.AccountEndUser, RuleDefault
}

// accountUserType reads values such as "Technician", "endUser" and "End User (Sales)".
// A value that names both is an end user's: when in doubt, the lesser rights.
func accountUserType(user *v1alpha1.ScimUser) (v1alpha1.AccountType, bool) {
	if user.Spec.Account == nil {
		return "", false
	}
	switch value := lettersOf(user.Spec.Account.UserType); {
	case strings.Contains(value, "enduser"):
		return v1alpha1.AccountEndUser, true
	case strings.Contains(value, "technician"):
		return v1alpha1.AccountTechnician, true
	default:
		return "", false
	}
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
