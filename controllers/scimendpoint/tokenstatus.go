// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/token"
)

// maxTokens is how many tokens the status shows, and how many there are at a time.
const maxTokens = 2

// showTokens shows the tokens in force without revealing them. When they were last used is
// not its to say: see usage.
func showTokens(ep *v1alpha1.ScimEndpoint, record *token.Record, delivered map[string]*metav1.PartialObjectMetadata, now time.Time) {
	live := record.Live(now)
	tokens := make([]v1alpha1.TokenStatus, 0, maxTokens)
	for i := range live[:min(len(live), maxTokens)] {
		t := &live[i]
		shown := v1alpha1.TokenStatus{
			ID: t.ID, SecretName: t.SecretName,
			CreatedTime: metav1.NewTime(t.CreatedTime),
			ExpiresTime: ptr.To(metav1.NewTime(t.End())),
		}
		if !t.Brought() {
			shown.Generation = ptr.To(t.Generation)
		}
		before := ptr.Deref(shownToken(ep, t.ID), v1alpha1.TokenStatus{})
		shown.FirstReadTime = firstRead(delivered[t.SecretName], before.FirstReadTime)
		shown.LastUsedTime = before.LastUsedTime
		tokens = append(tokens, shown)
	}
	ep.Status.Tokens = tokens
	if len(tokens) == 0 {
		ep.Status.Tokens = nil
	}
	ep.Status.TokenGeneration = nil
	if record.Generation > 0 {
		ep.Status.TokenGeneration = ptr.To(record.Generation)
	}
}

// firstRead is what whoever has read a token out of its Secret has noted there. It is
// remembered when the Secret is gone.
func firstRead(secret *metav1.PartialObjectMetadata, before *metav1.Time) *metav1.Time {
	if secret == nil {
		return before
	}
	noted, err := time.Parse(time.RFC3339, secret.Annotations[v1alpha1.FirstReadTimeAnnotation])
	if err != nil {
		return before
	}
	return ptr.To(metav1.NewTime(noted.UTC().Truncate(time.Second)))
}

// tellTokenReady says which token is in force and where it is to be had. The
// IdentityProvider looks for its Secret when it sees a change of this.
func (r *Reconciler) tellTokenReady(pass *outcome.Pass, ep *v1alpha1.ScimEndpoint, m *memory, delivered map[string]*metav1.PartialObjectMetadata) error {
	live := m.record.Live(r.now())
	if m.refused != nil {
		return r.tellRefused(ep, m.refused, live)
	}
	if len(live) == 0 {
		return r.tellNoToken(pass, ep, &m.record)
	}
	if warning := token.Warning(live, ep.EffectiveTokenPolicy(), r.now()); warning > 0 && needed(ep) {
		tellExpiring(pass, ep, &live[0], warning, m.record.Generation)
		return nil
	}
	if live[0].Brought() {
		outcome.Set(ep, v1alpha1.ConditionTokenReady, true, v1alpha1.ReasonTokenProvided,
			fmt.Sprintf("The token is the one in Secret %s.%s", live[0].SecretName, goesOn(live[1:])+mustNotExpire(ep, live)))
		return nil
	}
	message := "A token has been issued. The Secret in which it was delivered has been deleted."
	if delivered[live[0].SecretName] != nil {
		message = fmt.Sprintf("A token has been issued and delivered in Secret %s; the Secret may be deleted once the token has been copied.", live[0].SecretName)
	}
	outcome.Set(ep, v1alpha1.ConditionTokenReady, true, v1alpha1.ReasonTokenIssued, message+goesOn(live[1:])+mustNotExpire(ep, live))
	return nil
}

// tellRefused says why the token that the spec refers to is not accepted. What was
// accepted before goes on working: whoever maintains the Secret may just be at it.
func (r *Reconciler) tellRefused(ep *v1alpha1.ScimEndpoint, refused *outcome.Failure, live []token.Token) error {
	failure := *refused
	failure.Message += goesOn(live)
	outcome.Set(ep, v1alpha1.ConditionTokenReady, false, failure.Reason, failure.Message)
	return &failure
}

// needed says whether anybody goes without when the last token ends: with an OAuth issuer
// nobody does who has never used it.
func needed(ep *v1alpha1.ScimEndpoint) bool {
	return ep.Spec.OAuth == nil || slices.ContainsFunc(ep.Status.Tokens, func(t v1alpha1.TokenStatus) bool { return t.LastUsedTime != nil })
}

// tellNoToken says why no token is in force, and how to get one. It is a failure unless an
// OAuth issuer has clients let in; then an event tells those who still use a token.
func (r *Reconciler) tellNoToken(pass *outcome.Pass, ep *v1alpha1.ScimEndpoint, record *token.Record) error {
	advice := fmt.Sprintf("Raise spec.token.generation above %d to get a new token.", record.Generation)
	if ref := ep.Spec.Token.Reference(); ref != nil {
		advice = fmt.Sprintf("Put another token into Secret %s.", ref.Name)
	}
	reason, why := v1alpha1.ReasonTokenDigestsLost, "what was known of them is lost"
	if n := len(record.Revoked); n > 0 {
		reason, why = v1alpha1.ReasonTokenRevoked, record.Revoked[n-1]+" was revoked"
	}
	if newest := record.Newest(); newest != nil {
		reason, why = v1alpha1.ReasonTokenExpired, fmt.Sprintf("%s expired at %s", newest.ID, stamp(newest.End()))
	}
	if ep.Spec.OAuth != nil {
		message := fmt.Sprintf("Clients are let in with access tokens of %s alone. No token of the endpoint's own is in force: %s. %s", ep.Spec.OAuth.Issuer, why, advice)
		if pass.Before(v1alpha1.ConditionTokenReady).Reason != v1alpha1.ReasonOAuthOnly {
			pass.Warn(reason, message)
		}
		outcome.Set(ep, v1alpha1.ConditionTokenReady, true, v1alpha1.ReasonOAuthOnly, message)
		return nil
	}
	failure := outcome.Stalled(reason, "No token is in force: %s. %s", why, advice)
	outcome.Set(ep, v1alpha1.ConditionTokenReady, false, failure.Reason, failure.Message)
	return failure
}

// tellExpiring warns that the last token ends soon, and sends an event each time that it
// has come nearer.
func tellExpiring(pass *outcome.Pass, ep *v1alpha1.ScimEndpoint, last *token.Token, within time.Duration, generation int64) {
	advice := fmt.Sprintf("Raise spec.token.generation above %d to get a new token", generation)
	if ref := ep.Spec.Token.Reference(); ref != nil {
		advice = fmt.Sprintf("Put another token into Secret %s", ref.Name)
	}
	days := fmt.Sprintf("%d days", within/(24*time.Hour))
	if within == 24*time.Hour {
		days = "1 day"
	}
	message := fmt.Sprintf("Token %s expires at %s, within %s. %s, and give it to the identity provider before that.", last.ID, stamp(last.End()), days, advice) + stopsAtTheEnd(ep)
	if before := pass.Before(v1alpha1.ConditionTokenReady); before.Reason != v1alpha1.ReasonTokenExpiring || before.Message != message {
		pass.Warn(v1alpha1.ReasonTokenExpiring, message)
	}
	outcome.Set(ep, v1alpha1.ConditionTokenReady, true, v1alpha1.ReasonTokenExpiring, message)
}

// mustNotExpire tells until when there is time, where the identity provider asks for a token
// that does not expire.
func mustNotExpire(ep *v1alpha1.ScimEndpoint, live []token.Token) string {
	stops := stopsAtTheEnd(ep)
	if stops == "" {
		return ""
	}
	return fmt.Sprintf(" It expires at %s.%s", stamp(live[0].End()), stops)
}

// stopsAtTheEnd tells what happens at the end of a token that must not expire, or nothing.
func stopsAtTheEnd(ep *v1alpha1.ScimEndpoint) string {
	if ep.EffectiveProviderBehavior().ExpiringTokens != v1alpha1.ExpiringTokensUnsupported {
		return ""
	}
	return " The identity provider asks for a token that does not expire: when this one ends it stops provisioning (Entra ID puts the job into quarantine) until a person restarts it."
}

// goesOn tells of tokens that are accepted beside.
func goesOn(live []token.Token) string {
	var text strings.Builder
	for i := range live {
		fmt.Fprintf(&text, " Token %s goes on working until %s.", live[i].ID, stamp(live[i].End()))
	}
	return text.String()
}
