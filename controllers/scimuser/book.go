// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
)

// book counts one kind of loss among the users of an endpoint: of access, or of roles.
type book struct {
	// prefix begins the ids of its holds.
	prefix string
	loses  v1alpha1.HoldLoss
	// gone are those who have lost it without a person's approval, and when.
	gone map[string]time.Time
	held map[string]heldUser
	// holds counts held by holdID, rejected those who keep it because a person decided that.
	holds, rejected map[string]int64
	// ledger is what has been decided and is not in the cache yet.
	ledger map[string]entry
}

type heldUser struct {
	holdID, userName string
	since            time.Time
}

// fate is what became of a loss: why a person has to decide about it, "" when it has taken
// effect, in which hold, and since when.
type fate struct {
	heldBecause, holdID string
	at                  time.Time
}

func (f *fate) gone() bool { return f != nil && f.heldBecause == "" }

// waits reports whether a person has to decide.
func (f *fate) waits() bool {
	return f != nil && (f.heldBecause == v1alpha1.ReasonHeldByGuard || f.heldBecause == v1alpha1.ReasonLastProtectedRoleHolder)
}

func (f *fate) same(other *fate) bool {
	return f != nil && f.heldBecause == other.heldBecause && f.holdID == other.holdID && f.at.Equal(other.at)
}

// entry is a decision, and the roles that the user had then.
type entry struct {
	uid   types.UID
	fate  fate
	roles []string
}

// accessOf is what became of the wish that a user leave, nil for nothing.
func accessOf(user *v1alpha1.ScimUser) *fate {
	d, _ := identity.Recall(user)
	if d == nil {
		return nil
	}
	return &fate{d.HeldBecause, d.HoldID, d.Time.Time}
}

// rolesOf is what became of the loss of a user's roles, nil for nothing.
func rolesOf(user *v1alpha1.ScimUser) *fate {
	l := identity.RecallRoles(user)
	if l == nil {
		return nil
	}
	return &fate{l.HeldBecause, l.HoldID, l.Time.Time}
}

func newBook(prefix string, loses v1alpha1.HoldLoss) *book {
	return &book{
		prefix: prefix, loses: loses, gone: map[string]time.Time{}, held: map[string]heldUser{},
		holds: map[string]int64{}, rejected: map[string]int64{}, ledger: map[string]entry{},
	}
}

func (b *book) add(user *v1alpha1.ScimUser, f *fate, sign int64) {
	switch {
	case f.waits():
		tick(b.holds, f.holdID, sign)
		set(b.held, user.Name, heldUser{f.holdID, user.Spec.UserName, f.at}, sign)
	case f != nil && !f.gone():
		tick(b.rejected, f.holdID, sign)
	case f.gone() && f.holdID == "":
		set(b.gone, user.Name, f.at, sign)
	}
}

// settle forgets a decision that the cache shows, or that was about another user of the name.
func (b *book) settle(user *v1alpha1.ScimUser, shown *fate) {
	if known, ok := b.ledger[user.Name]; ok && (known.uid != user.UID || shown.same(&known.fate)) {
		delete(b.ledger, user.Name)
	}
}

// leaving counts those of whom the cache does not show yet that they have lost it.
func (b *book) leaving() (n int64) {
	for _, decided := range b.ledger {
		if decided.fate.gone() {
			n++
		}
	}
	return n
}

// within counts those of whom the cache shows that they have lost it within the guard's window.
func (b *book) within(guard *v1alpha1.DeprovisioningGuard, now time.Time) (n int64) {
	if guard == nil {
		return 0
	}
	begin, outdated := now.Add(-guard.EffectiveWindow()), now.Add(-v1alpha1.MaxGuardWindow)
	for name, at := range b.gone {
		_, decided := b.ledger[name]
		switch {
		case at.Before(outdated):
			delete(b.gone, name)
		case at.After(begin) && !decided:
			n++
		}
	}
	return n
}

// openHold is the hold that the next user joins: one that nobody has been shown yet, or a new
// one.
func (b *book) openHold(sealed map[string]bool, t *identity.Terms) string {
	open := ""
	join := func(id string) {
		if id != "" && !sealed[id] && t.SealedAs(id) == nil && (open == "" || id < open) {
			open = id
		}
	}
	for id := range b.holds {
		join(id)
	}
	for _, decided := range b.ledger {
		if decided.fate.waits() {
			join(decided.fate.holdID)
		}
	}
	if open == "" {
		const length = 10
		open = b.prefix + rand.String(length)
	}
	return open
}

// members are the ids of all who are in a hold, those included whose status does not say so
// yet.
func (b *book) members(holdID string) (ids []string) {
	for name, user := range b.held {
		if user.holdID == holdID {
			ids = append(ids, name)
		}
	}
	for name, decided := range b.ledger {
		if _, counted := b.held[name]; !counted && decided.fate.waits() && decided.fate.holdID == holdID {
			ids = append(ids, name)
		}
	}
	return ids
}

func tick(counts map[string]int64, key string, sign int64) {
	if counts[key] += sign; counts[key] == 0 {
		delete(counts, key)
	}
}

func set[V any](values map[string]V, name string, value V, sign int64) {
	if sign < 0 {
		delete(values, name)
		return
	}
	values[name] = value
}
