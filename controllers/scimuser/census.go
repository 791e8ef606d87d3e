// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// census knows of every endpoint who is active, who has left and who is held, as the
// statuses of its users say, and decides one after the other who may leave. What has been
// decided and is not in the cache yet is in its ledger, so that nobody is let go twice and
// nobody beside the count; a new manager begins with what the statuses say.
type census struct {
	// changed is called when somebody is held or not any more.
	changed func(endpoint client.ObjectKey)

	mu    sync.Mutex
	rolls map[client.ObjectKey]*roll
}

// roll is the census of one endpoint.
type roll struct {
	active int64
	// left are those who have become inactive without a person's approval, and when.
	left map[string]time.Time
	held map[string]heldUser
	// holds counts held by holdID, rejected those who stay because a person decided that.
	holds, rejected map[string]int64
	// sealed are holds that nobody joins any more.
	sealed map[string]bool
	// staying counts active users who are not held by the roles they have.
	staying map[string]int64
	// ledger is what has been decided and is not in the cache yet.
	ledger map[string]entry
}

type heldUser struct {
	holdID, userName string
	since            time.Time
}

// keptOf is the hold that keeps a user active, or has, and by which reason.
func keptOf(user *v1alpha1.ScimUser) (holdID, reason string) {
	if user == nil {
		return "", ""
	}
	if d, _ := identity.Recall(user); d != nil && !d.Gone() {
		return d.HoldID, d.HeldBecause
	}
	return "", ""
}

type entry struct {
	uid       types.UID
	departure v1alpha1.Departure
	roles     []string
}

func newCensus(changed func(client.ObjectKey)) *census {
	return &census{changed: changed, rolls: map[client.ObjectKey]*roll{}}
}

// OnAdd, OnUpdate and OnDelete make it a handler of what happens to users.
func (c *census) OnAdd(obj any, _ bool) { c.move(nil, compact.UserOf(obj)) }

// OnUpdate counts a user as it is now.
func (c *census) OnUpdate(before, after any) { c.move(compact.UserOf(before), compact.UserOf(after)) }

// OnDelete counts a user no more.
func (c *census) OnDelete(obj any) { c.move(compact.UserOf(obj), nil) }

func (c *census) move(before, after *v1alpha1.ScimUser) {
	for _, endpoint := range c.count(before, after) {
		c.changed(endpoint)
	}
}

func (c *census) count(before, after *v1alpha1.ScimUser) (changed []client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wasIn, wasWhy := keptOf(before)
	isIn, isWhy := keptOf(after)
	moved := wasIn != isIn || wasWhy != isWhy
	if before != nil {
		r := c.of(endpointOf(before))
		r.add(before, -1)
		if after == nil {
			delete(r.ledger, before.Name)
		}
	}
	if after != nil {
		r := c.of(endpointOf(after))
		r.add(after, +1)
		recalled, _ := identity.Recall(after)
		if known, ok := r.ledger[after.Name]; ok && (known.uid != after.UID || same(recalled, &known.departure)) {
			delete(r.ledger, after.Name)
		}
	}
	if moved && before != nil {
		changed = append(changed, endpointOf(before))
	}
	if moved && after != nil && (before == nil || endpointOf(before) != endpointOf(after)) {
		changed = append(changed, endpointOf(after))
	}
	return changed
}

func same(a, b *v1alpha1.Departure) bool {
	return a != nil && a.HeldBecause == b.HeldBecause && a.HoldID == b.HoldID && a.Time.Equal(&b.Time)
}

func (c *census) of(endpoint client.ObjectKey) *roll {
	r, ok := c.rolls[endpoint]
	if !ok {
		r = &roll{
			left: map[string]time.Time{}, held: map[string]heldUser{}, holds: map[string]int64{}, rejected: map[string]int64{}, sealed: map[string]bool{},
			staying: map[string]int64{}, ledger: map[string]entry{},
		}
		c.rolls[endpoint] = r
	}
	return r
}

func (r *roll) add(user *v1alpha1.ScimUser, sign int64) {
	d, _ := identity.Recall(user)
	active := outcome.IsTrue(user, v1alpha1.ConditionActive)
	if active {
		r.active += sign
	}
	if active && !d.Held() {
		for _, role := range identity.RolesOf(user) {
			tick(r.staying, role, sign)
		}
	}
	switch {
	case d.Held():
		tick(r.holds, d.HoldID, sign)
		set(r.held, user.Name, heldUser{d.HoldID, user.Spec.UserName, d.Time.Time}, sign)
	case d != nil && !d.Gone():
		tick(r.rejected, d.HoldID, sign)
	case d.Gone() && d.HoldID == "":
		set(r.left, user.Name, d.Time.Time, sign)
	}
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

// release decides whether a user leaves or is held. The decision stands until the status
// says it.
func (c *census) release(user *v1alpha1.ScimUser, t *identity.Terms, now time.Time) identity.Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.of(endpointOf(user))
	if known, ok := r.ledger[user.Name]; ok && known.uid == user.UID {
		return identity.Leave(user, known.departure.HeldBecause, known.departure.HoldID, known.departure.Time.Time)
	}
	var holdID string
	reason := identity.Hold(user, t, r.headcount(user, t, now))
	if reason != "" {
		holdID = r.openHold(t)
	}
	s := identity.Leave(user, reason, holdID, now)
	r.ledger[user.Name] = entry{user.UID, *s.Departure, identity.RolesOf(user)}
	return s
}

// withdraw forgets a decision about a user who stays after all.
func (c *census) withdraw(user *v1alpha1.ScimUser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of(endpointOf(user)).ledger, user.Name)
}

func (r *roll) headcount(user *v1alpha1.ScimUser, t *identity.Terms, now time.Time) identity.Headcount {
	count := identity.Headcount{Active: r.active, Others: func(role string) int64 { return r.others(user, role) }}
	for _, decided := range r.ledger {
		if decided.departure.Gone() {
			count.Active--
			count.Left++
		}
	}
	guard := t.Deprovisioning.Guarded()
	if guard == nil {
		return count
	}
	begin, outdated := now.Add(-guard.EffectiveWindow()), now.Add(-v1alpha1.MaxGuardWindow)
	for name, at := range r.left {
		_, decided := r.ledger[name]
		switch {
		case at.Before(outdated):
			delete(r.left, name)
		case at.After(begin) && !decided:
			count.Left++
		}
	}
	return count
}

// others counts who else has a role and stays.
func (r *roll) others(user *v1alpha1.ScimUser, role string) int64 {
	others := r.staying[role]
	if slices.Contains(identity.RolesOf(user), role) {
		others--
	}
	for _, decided := range r.ledger {
		if slices.Contains(decided.roles, role) {
			others--
		}
	}
	return max(others, 0)
}

// openHold is the hold that the next user joins: one that nobody has been shown yet, or a new
// one.
func (r *roll) openHold(t *identity.Terms) string {
	open := ""
	join := func(id string) {
		if id != "" && !r.sealed[id] && t.SealedAs(id) == nil && (open == "" || id < open) {
			open = id
		}
	}
	for id := range r.holds {
		join(id)
	}
	for _, decided := range r.ledger {
		if decided.departure.Held() {
			join(decided.departure.HoldID)
		}
	}
	if open == "" {
		const length = 10
		open = "hold-" + rand.String(length)
	}
	return open
}

// counted lets a controller begin when the census has seen every user that there is.
type counted struct {
	census toolscache.ResourceEventHandlerRegistration
}

// Start implements source.Source.
func (counted) Start(context.Context, enqueue.Queue) error { return nil }

// WaitForSync implements source.SyncingSource.
func (s counted) WaitForSync(ctx context.Context) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), s.census.HasSynced) {
		return errors.New("the users have not been counted in time")
	}
	return nil
}
