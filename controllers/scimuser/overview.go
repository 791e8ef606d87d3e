// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
)

// batch is the users who are held under one holdID.
type batch struct {
	id    string
	loses v1alpha1.HoldLoss
	since time.Time
	users []string
}

// overview is who is held of one endpoint at one moment.
type overview struct {
	// waiting is the oldest sealed hold about which nobody has decided, decided the oldest that
	// is being carried out, and open the one that users join; each may be nil.
	waiting, decided, open *batch
	// undecided counts the users about whom nobody has decided, rejected those who stay active,
	// or keep roles, because a person decided that.
	undecided, rejected int64
	// named are the holds that users are or were under.
	named map[string]bool
}

// view looks at who is held.
func (c *census) view(endpoint client.ObjectKey, t *identity.Terms) overview {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := overview{named: map[string]bool{}}
	r, ok := c.rolls[endpoint]
	if !ok {
		return v
	}
	holds := map[string]*batch{}
	for _, b := range r.books() {
		b.gather(holds)
		for id, n := range b.rejected {
			v.rejected += n
			v.named[id] = true
		}
	}
	older := func(a, b *batch) *batch {
		if a != nil && cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) < 0 {
			return a
		}
		return b
	}
	for id, h := range holds {
		v.named[id] = true
		switch {
		case t.Verdict(id) != "":
			v.decided = older(v.decided, h)
		case t.SealedAs(id) != nil:
			v.waiting, v.undecided = older(v.waiting, h), v.undecided+int64(len(h.users))
		default:
			v.open, v.undecided = older(v.open, h), v.undecided+int64(len(h.users))
		}
	}
	return v
}

// gather adds the holds of a book to others.
func (b *book) gather(holds map[string]*batch) {
	for _, user := range b.held {
		h, ok := holds[user.holdID]
		if !ok {
			h = &batch{id: user.holdID, loses: b.loses, since: user.since}
			holds[user.holdID] = h
		}
		h.users = append(h.users, user.userName)
		if user.since.Before(h.since) {
			h.since = user.since
		}
	}
}

// shown is the hold that a person is to look at.
func (v *overview) shown() *batch {
	if v.waiting != nil {
		return v.waiting
	}
	return v.decided
}

// describe puts who is held into a status.
func (v *overview) describe(t *identity.Terms, s *v1alpha1.DeprovisioningStatus) {
	if v.rejected > 0 {
		s.Rejected = &v.rejected
	}
	h := v.shown()
	if h == nil {
		return
	}
	slices.Sort(h.users)
	s.HoldID, s.Loses, s.Verdict, s.Held = h.id, h.loses, t.Verdict(h.id), ptr.To(int64(len(h.users)))
	s.Since, s.Examples = &metav1.Time{Time: h.since}, h.users[:min(len(h.users), maxExamples)]
	if sealed := t.SealedAs(h.id); sealed != nil {
		s.Digest, s.Members = sealed.Digest, &sealed.Members
	}
	if queued := v.undecided - *s.Held; h == v.waiting && queued > 0 {
		s.Queued = &queued
	}
	for _, ref := range t.Refused {
		if id, _ := v1alpha1.ParseHoldRef(ref); v.named[id] && t.Verdict(id) == "" {
			s.RefusedVerdict = ref[:min(len(ref), maxRef)]
		}
	}
}

// maxRef bounds what is shown of a verdict that is refused.
const maxRef = 128

// seal closes a hold: nobody joins it from now on. It returns the ids of all who are in it,
// those included whose status does not say so yet.
func (c *census) seal(endpoint client.ObjectKey, holdID string) (members []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.of(endpoint)
	r.sealed[holdID] = true
	for _, b := range r.books() {
		members = append(members, b.members(holdID)...)
	}
	return members
}
