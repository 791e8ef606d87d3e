// SPDX-License-Identifier: Apache-2.0

package token

import (
	"fmt"
	"slices"
	"time"

	"scim-operator.io/api/v1alpha1"
)

const (
	// rereadAfter is how soon a Secret that is somebody else's is looked at again.
	rereadAfter = time.Minute
	// A token that has ended is remembered for so long, and so many of them, so that a
	// client that still has it hears that it has expired.
	rememberFor = 30 * 24 * time.Hour
	maxEnded    = 4
)

// Facts are what is known when it is decided which tokens there should be.
type Facts struct {
	Policy *v1alpha1.TokenPolicy
	// Record is what was written down the last time.
	Record Record
	// Brought is the digest of the token in the Secret to which the policy refers; nil
	// when it refers to none, or what is there is no token.
	Brought *Digest
	Now     time.Time
}

// Plan is what is to be done about it.
type Plan struct {
	// Record is to be written down, and the digests that follow from it.
	Record Record
	// Issue says that a token is then to be issued.
	Issue bool
	// Notices are what people should hear about.
	Notices []Notice
	// Next is when the facts lead to something else by themselves; zero for never.
	Next time.Time
}

// Notice is something that has happened to a token.
type Notice struct {
	Reason, Message string
	// Bad asks somebody to look.
	Bad bool
}

// Plan decides which tokens there should be. Everything that is revoked or over goes into
// the record before a token is issued, so that nothing keeps it from happening.
func (f Facts) Plan() Plan {
	f.Now = f.Now.UTC().Truncate(time.Second)
	p := Plan{Record: f.Record.clone()}
	p.limit(f)
	p.revoke(f)
	p.follow(f)
	p.forget(f.Now)
	p.Issue = f.Policy.Reference() == nil &&
		(f.Policy.EffectiveGeneration() > p.Record.Generation || p.renewalDue(f))
	p.Next = p.next(f)
	return p
}

// limit gives a lifetime to tokens that were issued without one.
func (p *Plan) limit(f Facts) {
	for i := range p.Record.Tokens {
		if t := &p.Record.Tokens[i]; t.ExpiresTime.IsZero() {
			t.ExpiresTime = t.CreatedTime.Add(f.Policy.EffectiveLifetime())
		}
	}
}

// revoke takes away what the policy revokes now or has ever revoked.
func (p *Plan) revoke(f Facts) {
	p.drop(func(t *Token) bool { return f.revoked(t.ID) }, func(t *Token) {
		p.remember(t.ID)
		p.warn(v1alpha1.ReasonTokenRevoked, "Token %s was revoked.", t.ID)
	})
	if f.Brought != nil && f.revoked(f.Brought.ID) {
		p.remember(f.Brought.ID)
	}
}

func (f Facts) revoked(id string) bool {
	return slices.Contains(f.Policy.Revoked(), id) || slices.Contains(f.Record.Revoked, id)
}

func (p *Plan) remember(id string) {
	if !slices.Contains(p.Record.Revoked, id) {
		p.Record.Revoked = append(p.Record.Revoked, id)
	}
	p.Record.Revoked = p.Record.Revoked[max(0, len(p.Record.Revoked)-maxRevoked):]
}

// follow makes the token to which the policy refers the newest one. Without a reference
// it takes away those that were brought, and a token of the operator's own is due again.
func (p *Plan) follow(f Facts) {
	ref := f.Policy.Reference()
	if ref == nil {
		p.drop((*Token).Brought, func(t *Token) {
			p.Record.Generation = 0
			p.warn(v1alpha1.ReasonTokenRevoked, "Token %s was revoked, because spec.token.secretRef no longer names Secret %s.", t.ID, t.SecretName)
		})
		return
	}
	if f.Brought == nil || f.revoked(f.Brought.ID) {
		return // what is in force stays
	}
	brought := Token{Digest: *f.Brought}
	brought.ExpiresTime = brought.CreatedTime.Add(f.Policy.EffectiveLifetime())
	if i := slices.IndexFunc(p.Record.Tokens, func(t Token) bool { return t.ID == f.Brought.ID }); i >= 0 {
		before := p.Record.Tokens[i]
		expired := !f.Now.Before(before.ExpiresTime)
		if expired || before.Brought() && !before.Replaced() && before.SecretName == ref.Name {
			return
		}
		brought.CreatedTime, brought.ExpiresTime = before.CreatedTime, before.ExpiresTime
		p.Record.Tokens = slices.Delete(p.Record.Tokens, i, i+1)
	}
	brought.SecretName = ref.Name
	p.Record.add(brought, f.Policy.EffectiveOverlap(), f.Now)
	p.tell(v1alpha1.ReasonTokenProvided, "Token %s was taken from Secret %s.", brought.ID, ref.Name)
}

// add makes a token the newest one. The one before goes on for the overlap, and those
// before that end: there are never more than two.
func (r *Record) add(t Token, overlap time.Duration, now time.Time) {
	for i := range r.Tokens {
		switch before := &r.Tokens[i]; {
		case !before.Replaced():
			before.RetireTime = now.Add(overlap)
		case !before.ended(now):
			before.RetireTime = now
		}
	}
	r.Tokens = append(r.Tokens, t)
}

// Issued is the record with a token that has been issued and delivered.
func (r *Record) Issued(d Digest, policy *v1alpha1.TokenPolicy, secretName string, now time.Time) Record {
	next := r.clone()
	next.Serial++
	next.Generation = max(next.Generation, policy.EffectiveGeneration())
	d.ExpiresTime = d.CreatedTime.Add(policy.EffectiveLifetime())
	next.add(Token{Digest: d, SecretName: secretName, Generation: next.Generation},
		policy.EffectiveOverlap(), now.UTC().Truncate(time.Second))
	return next
}

// forget drops what ended long ago.
func (p *Plan) forget(now time.Time) {
	ended := 0
	for i := len(p.Record.Tokens) - 1; i >= 0; i-- { // the youngest first
		t := &p.Record.Tokens[i]
		if !t.ended(now) {
			continue
		}
		if ended++; t.Replaced() && (ended > maxEnded || now.Sub(t.End()) >= rememberFor) {
			p.Record.Tokens = slices.Delete(p.Record.Tokens, i, i+1)
		}
	}
}

// renewalDue says that the newest token is to be replaced before it expires.
func (p *Plan) renewalDue(f Facts) bool {
	at := renewal(p.Record.Newest(), f.Policy)
	return !at.IsZero() && !f.Now.Before(at)
}

// renewal is when a token is replaced unasked, zero for never.
func renewal(newest *Token, policy *v1alpha1.TokenPolicy) time.Time {
	before := policy.EffectiveRenewBefore()
	if newest == nil || newest.Brought() || before == 0 {
		return time.Time{}
	}
	return newest.ExpiresTime.Add(-before)
}

func (p *Plan) next(f Facts) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(f.Now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	consider(renewal(p.Record.Newest(), f.Policy))
	for _, t := range p.Record.Live(f.Now) {
		end := t.End()
		consider(end)
		for _, days := range warnings {
			consider(end.Add(-days))
		}
	}
	if f.Policy.Reference() != nil {
		consider(f.Now.Add(rereadAfter))
	}
	return next
}

const day = 24 * time.Hour

// warnings are how long before its end people hear of a token, the last first.
var warnings = []time.Duration{day, 7 * day, 14 * day, 30 * day}

// Warning is how near the end of the last token is: the shortest of 30, 14, 7 and 1 days
// that is not left any more. It is zero when there is no need for a warning yet: while
// more is left, when the token was never to live that long, and when another one will be
// issued before.
func Warning(live []Token, policy *v1alpha1.TokenPolicy, now time.Time) time.Duration {
	if len(live) == 0 {
		return 0
	}
	last := &live[0]
	if !last.Replaced() && renewal(last, policy).After(now) {
		return 0
	}
	for _, within := range warnings {
		if last.ExpiresTime.Sub(last.CreatedTime) > within && last.End().Sub(now) <= within {
			return within
		}
	}
	return 0
}

// drop takes tokens away and tells of each.
func (p *Plan) drop(which func(*Token) bool, tell func(*Token)) {
	p.Record.Tokens = slices.DeleteFunc(p.Record.Tokens, func(t Token) bool {
		if !which(&t) {
			return false
		}
		tell(&t)
		return true
	})
}

func (p *Plan) tell(reason, format string, args ...any) {
	p.Notices = append(p.Notices, Notice{Reason: reason, Message: fmt.Sprintf(format, args...)})
}

func (p *Plan) warn(reason, format string, args ...any) {
	p.Notices = append(p.Notices, Notice{Reason: reason, Message: fmt.Sprintf(format, args...), Bad: true})
}
