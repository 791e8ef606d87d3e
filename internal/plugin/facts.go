// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

// facts are what an explanation is made of.
type facts struct {
	user     *user
	provider *provider
	groups   []Membership
	claim    Answer
	notes    []string
}

func (f *facts) note(text string) { f.notes = append(f.notes, text) }

// explain puts the facts into sentences.
func (f *facts) explain() *Explanation {
	u := f.user
	e := &Explanation{
		ID: u.Name, UserName: u.Spec.UserName, ExternalID: u.Spec.ExternalID, DisplayName: u.Spec.DisplayName,
		Endpoint: u.Spec.EndpointRef.Name, Origin: u.origin(),
		State: f.state(), UserType: f.userType(), Organizations: f.organizations(), Roles: f.roles(),
		Withheld: f.withheld(), Groups: f.groups, UserNameClaim: f.claim,
	}
	if f.provider != nil {
		e.Kind, e.Provider = f.provider.kind(), f.provider.name
	}
	if e.Groups == nil {
		e.Groups = []Membership{}
	}
	f.remarks()
	if e.Notes = f.notes; e.Notes == nil {
		e.Notes = []string{}
	}
	return e
}

// state is Active or Inactive, and why.
func (f *facts) state() Answer {
	active := f.user.condition(v1alpha1.ConditionActive)
	if active == nil {
		return Answer{Value: "Unknown", Why: "The operator has not looked at the user yet."}
	}
	answer := Answer{Value: "Inactive", Reason: active.Reason, Why: active.Message, Since: &active.LastTransitionTime}
	if active.Status == metav1.ConditionTrue {
		answer.Value = "Active"
	}
	return answer
}

// userType puts status.userTypeRule into words.
func (f *facts) userType() Answer {
	u := f.user
	answer := Answer{Value: string(u.Status.UserType), Reason: u.Status.UserTypeRule}
	rule, what, _ := strings.Cut(u.Status.UserTypeRule, ": ")
	switch {
	case answer.Value == "":
		answer.Value, answer.Why = "Unknown", "The operator has not decided yet."
	case rule == "spec.account.userType":
		answer.Why = "The identity provider says so: the userType of the account is " + quoted(f.accountType()) + "."
	case rule == "default":
		answer.Why = "No rule describes the user, and whom none describes is an end user."
	case strings.HasSuffix(rule, ".groups"):
		answer.Why = fmt.Sprintf("%s names the group %q, %s.", rule, what, f.membershipIn(what))
	case strings.HasSuffix(rule, ".roles"):
		answer.Why = fmt.Sprintf("%s names the SCIM role %q, which the identity provider gives the user.", rule, what)
	case strings.HasSuffix(rule, ".expression"):
		answer.Why = fmt.Sprintf("%s is true for the user%s.", rule, f.expressionAt(rule))
	default:
		answer.Why = "The rule " + u.Status.UserTypeRule + " decided."
	}
	return answer
}

func (f *facts) accountType() string {
	if f.user.Spec.Account == nil {
		return ""
	}
	return f.user.Spec.Account.UserType
}

// expressionAt quotes the expression of a rule of userTypes.
func (f *facts) expressionAt(rule string) string {
	types := f.policy().UserTypes
	if types == nil {
		return ""
	}
	m := types.Technicians
	if strings.HasPrefix(rule, "userTypes.endUsers") {
		m = types.EndUsers
	}
	if m == nil || m.Expression == "" {
		return ""
	}
	return ": " + m.Expression
}

func (f *facts) policy() v1alpha1.AccountPolicy {
	if f.provider == nil {
		return v1alpha1.AccountPolicy{}
	}
	return f.provider.policy()
}

// groupNamed is the user's group that a rule names by displayName or id.
func (f *facts) groupNamed(name string) *Membership {
	i := slices.IndexFunc(f.groups, func(m Membership) bool {
		return m.ID == name || strings.EqualFold(strings.TrimSpace(m.DisplayName), strings.TrimSpace(name))
	})
	if i < 0 {
		return nil
	}
	return &f.groups[i]
}

func (f *facts) membershipIn(group string) string {
	switch m := f.groupNamed(group); {
	case m == nil:
		return "which the user was in when that was decided"
	case m.Through != "":
		return fmt.Sprintf("which the user is in through the group %q", m.Through)
	}
	return "which the user is a member of"
}

func (f *facts) organizations() Answers {
	u := f.user
	answer := Answers{Values: u.Status.Organizations}
	named := u.Spec.Account != nil && len(u.Spec.Account.OrganizationIDs) > 0
	switch {
	case named && len(answer.Values) > 0:
		answer.Why = "The identity provider names them."
	case named:
		answer.Why = "The identity provider names " + orNone(u.Spec.Account.OrganizationIDs) + ", which is not allowed."
	case len(answer.Values) > 0:
		answer.Why = "It is organizationID of the provider, where end users go for whom the identity provider names none."
	case u.Status.UserType == v1alpha1.AccountTechnician:
		answer.Why = "The identity provider names none, and technicians do not go to the organizationID of the provider."
	default:
		answer.Why = "The identity provider names none, and the provider has no organizationID."
	}
	if answer.Values == nil {
		answer.Values = []string{}
	}
	return answer
}

// roles finds out from the rules in force why the user has each role.
func (f *facts) roles() []Answer {
	answers := make([]Answer, 0, len(f.user.Status.Roles))
	for _, role := range f.user.Status.Roles {
		answers = append(answers, f.role(role))
	}
	return answers
}

func (f *facts) role(name string) Answer {
	rules := f.policy().Roles
	i := slices.IndexFunc(rules, func(r v1alpha1.RoleRule) bool { return r.Name == name })
	if i < 0 {
		return Answer{Value: name, Why: "No rule in force gives it; it stays from rules that were in force before."}
	}
	rule := rules[i]
	if because, kept := f.keptRole(name); kept {
		return Answer{Value: name, Reason: because, Why: "The user is no longer in what its rule names, and keeps it for now."}
	}
	for _, group := range rule.Groups {
		if f.groupNamed(group) != nil {
			return Answer{Value: name, Reason: "groups: " + group,
				Why: fmt.Sprintf("Its rule names the group %q, %s.", group, f.membershipIn(group))}
		}
	}
	for _, role := range rule.Roles {
		if slices.ContainsFunc(f.user.Spec.Roles, func(v v1alpha1.MultiValue) bool { return strings.EqualFold(v.Value, role) }) {
			return Answer{Value: name, Reason: "roles: " + role,
				Why: fmt.Sprintf("Its rule names the SCIM role %q, which the identity provider gives the user.", role)}
		}
	}
	if rule.Expression != "" {
		return Answer{Value: name, Reason: "expression", Why: "The expression of its rule is true for the user: " + rule.Expression}
	}
	return Answer{Value: name, Why: "Its rule describes the user."}
}

// keptRole says why the user keeps a role that the identity provider has taken.
func (f *facts) keptRole(name string) (because string, kept bool) {
	loss := f.user.Status.RoleLoss
	kept = loss.Kept() && slices.ContainsFunc(loss.Roles, func(role v1alpha1.LostRole) bool { return role.Name == name })
	if kept {
		because = loss.HeldBecause
	}
	return because, kept
}

func (f *facts) withheld() *Withheld {
	c := f.user.condition(v1alpha1.ConditionWithheld)
	if c == nil || c.Status != metav1.ConditionTrue {
		return nil
	}
	return &Withheld{Reason: c.Reason, Message: c.Message, Roles: f.user.Status.WithheldRoles}
}

// remarks are what explains that somebody is not what another expects.
func (f *facts) remarks() {
	f.remarksOnState()
	f.remarksOnProvider()
	u := f.user
	for _, conditionType := range []string{conditionRefused, conditionAmbiguousMatch, v1alpha1.ConditionUnresolvedReference} {
		if c := u.condition(conditionType); c != nil && c.Status == metav1.ConditionTrue {
			f.note(conditionType + ", " + c.Reason + ": " + c.Message)
		}
	}
	for _, endpoint := range requestedBy(u) {
		f.note(fmt.Sprintf("%s waits for somebody to let it adopt the user: kubectl scim approve --adoption %s %s", endpoint, u.Name, endpoint))
	}
	if ready := u.condition(v1alpha1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
		f.note("Not Ready, " + ready.Reason + ": " + ready.Message)
	}
	if seen := u.Status.ObservedGeneration; seen != nil && *seen < u.Generation {
		f.note("The operator has not looked at the newest change of the user yet; what is said here is from before.")
	}
}

func (f *facts) remarksOnState() {
	u := f.user
	if u.Abandoned() {
		f.note("This is nobody: it only keeps its id from being given to another person, and goes by itself.")
	}
	if !u.DeletionTimestamp.IsZero() {
		f.note("The record is being deleted.")
	}
	decide := fmt.Sprintf("Decide it with: kubectl scim approve %s --user %s (or reject)", u.Spec.EndpointRef.Name, u.Name)
	if u.Status.Departure.Held() {
		f.note("The identity provider wants her inactive and the guard holds that. " + decide)
	}
	if c := u.condition(v1alpha1.ConditionRolesHeld); c != nil && c.Status == metav1.ConditionTrue {
		f.note(c.Message)
	}
	if u.Status.RoleLoss.Held() {
		f.note("The guard holds a loss of roles. " + decide)
	}
}

func (f *facts) remarksOnProvider() {
	switch p := f.provider; {
	case f.user.Spec.EndpointRef.Name == "":
		f.note("No identity provider has provisioned the user.")
	case p == nil:
		f.note(fmt.Sprintf("The provider %q is gone: nothing changes the user any more, and type, organizations and roles stay as they were.", f.user.Spec.EndpointRef.Name))
	case p.endpoint == nil:
		f.note(p.String() + " is not served now: nothing changes the user, and type, organizations and roles stay as they were.")
	case p.endpoint.Paused():
		f.note(p.String() + " is Paused: what the identity provider changes does not arrive.")
	}
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }
