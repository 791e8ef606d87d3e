// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"
	"strings"

	"scim-operator.io/internal/scim"
)

// maxDomainsTold bounds the domains that a refusal names.
const maxDomainsTold = 5

// DomainError refuses an address of a domain that the identity provider does not speak for. It
// wraps the answer for the client.
type DomainError struct{ Answer *scim.Error }

// Error implements error.
func (e *DomainError) Error() string { return e.Answer.Error() }

// Unwrap returns the answer.
func (e *DomainError) Unwrap() error { return e.Answer }

// checkDomains refuses a user with an address of a domain that is not one of the endpoint's: as
// an e-mail address, or as the userName where that is one. What the user has already, as before
// says, stays: a user from before the domains were listed can be changed in every other way.
// Before is nil for a new user.
func (s *Store) checkDomains(before, o *scim.Object) error {
	if s.domains == nil {
		return nil
	}
	a := s.userAttributes
	name := scim.FoldName(o.Text(a.userName))
	if strings.Contains(name, "@") && !s.ownDomain(name) && (before == nil || scim.FoldName(before.Text(a.userName)) != name) {
		return s.errOtherDomain(a.userName, "a userName that is an address")
	}
	for _, email := range objects(o, a.emails.attr) {
		address := foldAddress(email.Text(a.emails.value))
		if address != "" && !s.ownDomain(address) && !s.hasAddress(before, address) {
			return s.errOtherDomain(a.emails.value, "the address")
		}
	}
	return nil
}

func (s *Store) ownDomain(address string) bool { return slices.Contains(s.domains, domainOf(address)) }

// hasAddress reports whether a user has a folded e-mail address.
func (s *Store) hasAddress(o *scim.Object, address string) bool {
	if o == nil {
		return false
	}
	a := s.userAttributes
	return slices.ContainsFunc(objects(o, a.emails.attr), func(email *scim.Object) bool {
		return foldAddress(email.Text(a.emails.value)) == address
	})
}

// errOtherDomain names the domains, which the administrator of the endpoint has listed, and
// never the address.
func (s *Store) errOtherDomain(attribute *scim.Attribute, what string) error {
	domains := strings.Join(s.domains[:min(len(s.domains), maxDomainsTold)], ", ")
	if more := len(s.domains) - maxDomainsTold; more > 0 {
		domains += fmt.Sprintf(" and %d more", more)
	}
	return &DomainError{scim.ErrInvalidValue(attribute.Path(), fmt.Sprintf(
		"%s must be of an e-mail domain that this identity provider speaks for (emailDomains: %s)", what, domains))}
}
