// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

// soon is how long before its end a token is worth a word.
const soon = 30 * 24 * time.Hour

// renewalGrace is how long the operator may take to renew a token.
const renewalGrace = 5 * time.Minute

// wanted are the conditions that should be True, what others follow from first.
var wanted = []string{
	v1alpha1.ConditionSSOConfigured, v1alpha1.ConditionTokenReady, v1alpha1.ConditionAvailable,
	v1alpha1.ConditionExposed, v1alpha1.ConditionScimReady, v1alpha1.ConditionReady,
}

// unwanted are conditions that are present only while something is wrong. Held has lines of its own.
var unwanted = []string{
	v1alpha1.ConditionPolicyMissing, v1alpha1.ConditionLinkingBlocked, v1alpha1.ConditionLinkConflict, v1alpha1.ConditionUnreadableValues,
}

// warnings are reasons of a condition that is True and yet asks for a person.
var warnings = []string{v1alpha1.ReasonCertificateExpiring, reasonTokenExpiring}

// asAsked are reasons of a condition that is False because the spec asks for that.
var asAsked = []string{v1alpha1.ReasonProvisioningDisabled, v1alpha1.ReasonProvisioningPaused}

func isReady(p *provider) bool {
	conditions := conditionsOf(p)
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady)
}

func conditionsOf(p *provider) []metav1.Condition {
	if p.identityProvider != nil {
		return p.identityProvider.Status.Conditions
	}
	return p.endpoint.Status.Conditions
}

// problems are what is wrong with a provider: with its endpoint first, since most of what
// is wrong with an IdentityProvider follows from that.
func (s *session) problems(p *provider) []Problem {
	found := []Problem{}
	add := func(more ...Problem) {
		for _, problem := range more {
			if !slices.ContainsFunc(found, func(f Problem) bool { return f.Reason == problem.Reason && f.Message == problem.Message }) {
				found = append(found, problem)
			}
		}
	}
	if ep := p.endpoint; ep != nil {
		add(unseen(kindScimEndpoint, ep.Generation, ep.Status.ObservedGeneration)...)
		add(amiss(kindScimEndpoint, ep.Status.Conditions)...)
		add(missingServers(ep)...)
		add(s.endingToken(p)...)
	}
	if idp := p.identityProvider; idp != nil {
		add(unseen(kindIdentityProvider, idp.Generation, idp.Status.ObservedGeneration)...)
		add(amiss(kindIdentityProvider, idp.Status.Conditions)...)
	}
	if batch := p.held(); batch.HoldID != "" && batch.Held > 0 {
		add(Problem{Subject: "Guard", Reason: reasonHeldByGuard, Since: batch.Since,
			Message: fmt.Sprintf("%s of %s is held: %s", batch.loss(), counted(batch.Held, "user"), someOf(batch.Examples, int(batch.Held))),
			Do:      fmt.Sprintf("kubectl scim approve %s, or kubectl scim reject %s", p.name, p.name)})
	}
	add(heldBesides(p.held())...)
	return found
}

// heldBesides is what else a person should know of who is held or was.
func heldBesides(batch heldBatch) (found []Problem) {
	if batch.Queued > 0 {
		found = append(found, Problem{Subject: "Guard", Reason: v1alpha1.ReasonHoldOpened,
			Message: fmt.Sprintf("%s held since then wait in another hold, which is shown when this one is decided", counted(batch.Queued, "user"))})
	}
	if batch.RefusedVerdict != "" {
		found = append(found, Problem{Subject: "Guard", Reason: v1alpha1.ReasonVerdictRefused,
			Message: fmt.Sprintf("the verdict %q does not count: it names other users than were shown", batch.RefusedVerdict)})
	}
	if batch.Rejected > 0 {
		found = append(found, Problem{Subject: "Guard", Reason: v1alpha1.ReasonDeprovisioningRejected,
			Message: fmt.Sprintf("%s stay active, or keep roles, although the identity provider wants otherwise: a person rejected that", counted(batch.Rejected, "user")),
			Do:      "have the identity provider take its wish back, or approve the hold after all"})
	}
	return found
}

// unseen says that the operator has not looked at an object, or at its newest spec.
func unseen(kind string, generation int64, observed *int64) []Problem {
	switch {
	case observed == nil || *observed < 0:
		return []Problem{{Subject: kind, Reason: "NotObserved", Message: "the operator has not looked at it yet; is the manager running?"}}
	case *observed < generation:
		return []Problem{{Subject: kind, Reason: "NotObserved", Message: "the operator has not looked at the newest spec yet; what is shown is from before"}}
	}
	return nil
}

// amiss are the conditions that are not as they should be.
func amiss(kind string, conditions []metav1.Condition) (found []Problem) {
	for _, conditionType := range wanted {
		c := meta.FindStatusCondition(conditions, conditionType)
		if c == nil {
			continue
		}
		good := c.Status == metav1.ConditionTrue
		if good && !slices.Contains(warnings, c.Reason) || !good && slices.Contains(asAsked, c.Reason) {
			continue
		}
		problem := Problem{Subject: kind + "/" + c.Type, Reason: c.Reason, Message: c.Message, Since: &c.LastTransitionTime}
		if c.Type == v1alpha1.ConditionReady && meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled) {
			problem.Do = "It is stalled: nothing changes until a person changes something."
		}
		found = append(found, problem)
	}
	for _, conditionType := range unwanted {
		if c := meta.FindStatusCondition(conditions, conditionType); c != nil && c.Status == metav1.ConditionTrue {
			found = append(found, Problem{Subject: kind + "/" + c.Type, Reason: c.Reason, Message: c.Message, Since: &c.LastTransitionTime})
		}
	}
	return found
}

func missingServers(ep *v1alpha1.ScimEndpoint) []Problem {
	asked, ready := valueOf(ep.Status.Replicas), valueOf(ep.Status.ReadyReplicas)
	if ready >= asked {
		return nil
	}
	return []Problem{{Subject: "Servers", Reason: "TooFew", Message: fmt.Sprintf("%d of %d servers are ready", ready, asked)}}
}

// endingToken looks at the newest token, since an older one is there for the overlap alone.
// One that is renewed unasked is no problem before that is overdue, nor is one that nobody
// uses beside an OAuth issuer.
func (s *session) endingToken(p *provider) []Problem {
	served := fieldsOf(p.served)
	tokens := newestFirst(served.tokens())
	if len(tokens) == 0 || tokens[0].ExpiresTime == nil || tokens[0].ExpiresTime.After(s.now.Add(soon)) {
		return nil
	}
	t, policy := &tokens[0], served.tokenPolicy(tokenOfEndpoint)
	spare := served.into(new(any), "spec", "oauth") && t.LastUsedTime == nil
	if spare || renewal(t, policy).Add(renewalGrace).After(s.now) {
		return nil
	}
	do := "kubectl scim token rotate " + p.name
	if policy.SecretRef != nil {
		do = "put another token into the Secret " + policy.SecretRef.Name
	}
	return []Problem{{Subject: "Token", Reason: "Expires",
		Message: fmt.Sprintf("the token %s expires %s", t.ID, day(s.now, t.ExpiresTime)), Do: do}}
}

func newestFirst(tokens []tokenStatus) []tokenStatus {
	made := func(t tokenStatus) time.Time {
		if t.CreatedTime == nil {
			return time.Time{}
		}
		return t.CreatedTime.Time
	}
	slices.SortStableFunc(tokens, func(a, b tokenStatus) int { return made(b).Compare(made(a)) })
	return tokens
}
