// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Linking says by what a user is recognised who was here before, and whether an
// administrator has to approve.
type Linking struct {
	By       api.Linking
	Domains  []string // whose e-mail addresses are gone by
	Approval bool
}

// NewLinking is what a ScimEndpoint says of linking; nil when it does not link.
func NewLinking(spec *api.ScimEndpointSpec) *Linking {
	if !spec.Links() {
		return nil
	}
	return &Linking{
		By: spec.Linking, Domains: spec.EmailDomains,
		Approval: spec.LinkingApproval == api.LinkingApprovalRequired,
	}
}

// matchKey is what two users have in common who may be the same person: a folded userName or
// a folded e-mail address, with its hash.
type matchKey struct {
	text string
	hash uint64
}

func newMatchKey(text string) matchKey { return matchKey{text: text, hash: hashOf(text)} }

// wanted are the keys of a user whom the identity provider creates. An address of another
// domain is none: the identity provider does not speak for it.
func (l *Linking) wanted(a *userAttributes, o *scim.Object) []matchKey {
	var keys []matchKey
	add := func(text string) {
		if text != "" && !slices.ContainsFunc(keys, func(k matchKey) bool { return k.text == text }) {
			keys = append(keys, newMatchKey(text))
		}
	}
	if l.By == api.LinkingByUserName {
		if name := scim.FoldName(o.Text(a.userName)); l.speaksFor(addressOf(name, primaryEmail(a.emails.values(o)))) {
			add(name)
		}
		return keys
	}
	for _, email := range objects(o, a.emails.attr) {
		if address := foldAddress(email.Text(a.emails.value)); l.speaksFor(address) {
			add(address)
		}
	}
	return keys
}

// known are the texts of the keys of a user who exists. By the userName it is nobody whose
// address is of another domain: that one may be another person of the same name.
func (l *Linking) known(spec *api.ScimUserSpec) []string {
	if l.By == api.LinkingByUserName {
		name := scim.FoldName(spec.UserName)
		if address := addressOf(name, primaryEmail(spec.Emails)); name == "" || address != "" && !l.speaksFor(address) {
			return nil
		}
		return []string{name}
	}
	texts := make([]string, 0, len(spec.Emails))
	for i := range spec.Emails {
		if address := foldAddress(spec.Emails[i].Value); address != "" {
			texts = append(texts, address)
		}
	}
	return texts
}

// matches says whether a user who exists has one of the keys.
func (l *Linking) matches(spec *api.ScimUserSpec, keys []matchKey) bool {
	return slices.ContainsFunc(l.known(spec), func(text string) bool {
		return slices.ContainsFunc(keys, func(k matchKey) bool { return k.text == text })
	})
}

// needsApproval reports whether an administrator has to approve that a user is adopted: always
// of one without an address, whom the claimant recognises by the name alone.
func (l *Linking) needsApproval(spec *api.ScimUserSpec) bool {
	return l.Approval || l.By == api.LinkingByUserName && addressOf(scim.FoldName(spec.UserName), primaryEmail(spec.Emails)) == ""
}

func (l *Linking) speaksFor(address string) bool {
	domain := domainOf(address)
	return domain != "" && slices.Contains(l.Domains, domain)
}

func foldAddress(address string) string { return scim.Fold(strings.TrimSpace(address)) }

// addressOf is the folded e-mail address by which it is told who speaks for a user: the
// userName where that is one, and else the primary address.
func addressOf(name, primary string) string {
	if domainOf(name) != "" {
		return name
	}
	return primary
}

// primaryEmail is the folded primary e-mail address of a user, or the first where none is
// said to be primary, "" for none.
func primaryEmail(emails []api.MultiValue) string {
	if len(emails) == 0 {
		return ""
	}
	primary := slices.IndexFunc(emails, func(e api.MultiValue) bool { return ptr.Deref(e.Primary, false) })
	return foldAddress(emails[max(0, primary)].Value)
}

// domainOf is the domain of a folded e-mail address, "" for what is none.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return ""
	}
	return address[at+1:]
}

// errProvisionedElsewhere returns the answer where a user belongs to another endpoint. It
// does not name that endpoint, of which this one's client may know nothing.
func errProvisionedElsewhere(attribute string) *scim.Error {
	return &scim.Error{Status: http.StatusConflict, ScimType: scim.ScimTypeUniqueness, Path: attribute, Detail: fmt.Sprintf(
		"a user with this %s is provisioned by another identity provider of this organization; remove the user there, or ask the administrator of this service to let both have one",
		attribute)}
}

// errNotApproved returns the answer where an administrator has to approve an adoption. What the
// administrator does is in the condition AdoptionRequested of the ScimUser.
func errNotApproved(attribute string) *scim.Error {
	return &scim.Error{Status: http.StatusConflict, ScimType: scim.ScimTypeUniqueness, Path: attribute, Detail: fmt.Sprintf(
		"a user with this %s exists already and becomes this identity provider's once the administrator of this service approves; ask them to, then send the request again",
		attribute)}
}
