// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Rules are the rules of one endpoint, ready to decide any number of its users. They
// never change, so that any number of goroutines may use them.
type Rules struct {
	organizationID string
	// allowed are the organizations on the list; nil when there is no list.
	allowed map[string]bool

	technicians, endUsers *matcher
	roles                 []roleRule
	// protected holds folded names, protectedRoles the names as they are given.
	protected      map[string]bool
	protectedRoles []string

	// groupNames (folded) and groupIDs are the groups that any of the rules names.
	groupNames, groupIDs map[string]bool
	invalid              []error
}

type roleRule struct {
	name  string
	match *matcher
}

// Compile makes rules ready. It always succeeds: a rule whose expression is not valid
// decides nothing anew, and Err tells what is wrong with it.
func Compile(organizationID string, policy v1alpha1.AccountPolicy) *Rules {
	r := &Rules{
		organizationID: organizationID,
		protected:      map[string]bool{},
		protectedRoles: policy.ProtectedRoles,
		groupNames:     map[string]bool{},
		groupIDs:       map[string]bool{},
	}
	if len(policy.AllowedOrganizationIDs) > 0 {
		r.allowed = map[string]bool{}
		for _, id := range policy.AllowedOrganizationIDs {
			r.allowed[organizationKey(id)] = true
		}
	}
	if types := policy.UserTypes; types != nil {
		r.technicians = r.matcher("userTypes.technicians", types.Technicians)
		r.endUsers = r.matcher("userTypes.endUsers", types.EndUsers)
	}
	for i := range policy.Roles {
		role := &policy.Roles[i]
		r.roles = append(r.roles, roleRule{role.Name, r.matcher("roles["+role.Name+"]", &role.UserMatcher)})
	}
	for _, name := range policy.ProtectedRoles {
		r.protected[scim.Fold(name)] = true
	}
	return r
}

// Err names every expression that is not valid and says what is wrong with it, or is nil.
func (r *Rules) Err() error { return errors.Join(r.invalid...) }

// UseGroups says whether any rule depends on the groups of a user.
func (r *Rules) UseGroups() bool { return len(r.groupNames) > 0 }

// NameGroup says whether any rule names the group.
func (r *Rules) NameGroup(g Group) bool {
	return r.groupIDs[g.ID] || r.groupNames[scim.FoldName(g.DisplayName)]
}

func (r *Rules) matcher(path string, m *v1alpha1.UserMatcher) *matcher {
	if m == nil {
		return nil
	}
	for _, group := range m.Groups {
		r.groupIDs[group] = true
		r.groupNames[scim.FoldName(group)] = true
	}
	compiled := &matcher{path: path, groups: m.Groups, roles: m.Roles}
	if m.Expression != "" {
		var err error
		if compiled.expression, err = compile(m.Expression); err != nil {
			r.invalid = append(r.invalid, fmt.Errorf("%s.expression is not valid: %w", path, err))
		}
	}
	return compiled
}

// Digest identifies rules: equal rules have equal digests.
func Digest(organizationID string, policy v1alpha1.AccountPolicy) string {
	policy.Preview = nil
	return digest(organizationID, policy)
}

// PreviewDigest identifies the rules that are tried together with those in force.
func PreviewDigest(organizationID string, policy v1alpha1.AccountPolicy) string {
	return digest(organizationID, policy)
}

func digest(organizationID string, policy v1alpha1.AccountPolicy) string {
	// Marshalling a struct of strings and lists cannot fail.
	encoded, _ := json.Marshal(struct { //nolint:errchkjson // as said
		OrganizationID string
		Policy         v1alpha1.AccountPolicy
	}{organizationID, policy})
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:6])
}

// Previewed is the policy with the rules of its preview in force.
func Previewed(policy v1alpha1.AccountPolicy) v1alpha1.AccountPolicy {
	return v1alpha1.AccountPolicy{
		AccountRules:           *policy.Preview,
		AllowedOrganizationIDs: policy.AllowedOrganizationIDs,
	}
}
