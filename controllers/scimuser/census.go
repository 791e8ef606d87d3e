// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// census knows of every endpoint who is active, who has left or lost roles and who is held, as
// the statuses of its users say, and decides one after the other who may leave or loses roles.
// What has been decided and is not in the cache yet is in its ledgers, so that nobody is let go
// twice and nobody beside the count; a new manager begins with what the statuses say.
type census struct {
	// changed is called when somebody is held or not any more.
	changed func(endpoint client.ObjectKey)

	mu    sync.Mutex
	rolls map[client.ObjectKey]*roll
}

// roll is the census of one endpoint.
type roll struct {
	active int64
	// access and roles are what users lose.
	access, roles *book
	// sealed are holds that nobody joins any more.
	sealed map[string]bool
	// staying counts active users who are not held by the roles they have.
	staying map[string]int64
}

func (r *roll) books() [2]*book { return [2]*book{r.access, r.roles} }

// keptBy is the hold that keeps a user's access or roles, or has, and by which reason.
type keptBy struct{ holdID, reason string }

// holdsOf are the holds of a user's access and of the user's roles.
func holdsOf(user *v1alpha1.ScimUser) (holds [2]keptBy) {
	if user == nil {
		return holds
	}
	for i, f := range []*fate{accessOf(user), rolesOf(user)} {
		if f != nil && !f.gone() {
			holds[i] = keptBy{f.holdID, f.heldBecause}
		}
	}
	return holds
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
	moved := holdsOf(before) != holdsOf(after)
	if before != nil {
		r := c.of(endpointOf(before))
		r.add(before, -1)
		if after == nil {
			delete(r.access.ledger, before.Name)
			delete(r.roles.ledger, before.Name)
		}
	}
	if after != nil {
		r := c.of(endpointOf(after))
		r.add(after, +1)
		r.access.settle(after, accessOf(after))
		r.roles.settle(after, rolesOf(after))
	}
	if moved && before != nil {
		changed = append(changed, endpointOf(before))
	}
	if moved && after != nil && (before == nil || endpointOf(before) != endpointOf(after)) {
		changed = append(changed, endpointOf(after))
	}
	return changed
}

func (c *census) of(endpoint client.ObjectKey) *roll {
	r, ok := c.rolls[endpoint]
	if !ok {
		r = &roll{
			access: newBook("hold-", v1alpha1.LosesAccess), roles: newBook("roles-", v1alpha1.LosesRoles),
			sealed: map[string]bool{}, staying: map[string]int64{},
		}
		c.rolls[endpoint] = r
	}
	return r
}

func (r *roll) add(user *v1alpha1.ScimUser, sign int64) {
	access := accessOf(user)
	active := outcome.IsTrue(user, v1alpha1.ConditionActive)
	if active {
		r.active += sign
	}
	if active && !access.waits() {
		for _, role := range identity.RolesOf(user) {
			tick(r.staying, role, sign)
		}
	}
	r.access.add(user, access, sign)
	r.roles.add(user, rolesOf(user), sign)
}

// release decides whether a user leaves or is held. The decision stands until the status
// says it.
func (c *census) release(user *v1alpha1.ScimUser, t *identity.Terms, now time.Time) identity.Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.of(endpointOf(user))
	if known, ok := r.access.ledger[user.Name]; ok && known.uid == user.UID {
		return identity.Leave(user, known.fate.heldBecause, known.fate.holdID, known.fate.at)
	}
	var holdID string
	reason := identity.Hold(user, t, r.headcount(user, t, now))
	if reason != "" {
		holdID = r.access.openHold(r.sealed, t)
	}
	s := identity.Leave(user, reason, holdID, now)
	r.access.ledger[user.Name] = entry{user.UID, fate{s.Departure.HeldBecause, s.Departure.HoldID, s.Departure.Time.Time}, identity.RolesOf(user)}
	return s
}

// takeRoles decides whether a user loses roles or keeps them until a person decides. The
// decision stands until the status says it.
func (c *census) takeRoles(user *v1alpha1.ScimUser, s identity.RoleStanding, t *identity.Terms, now time.Time) *v1alpha1.RoleLoss {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.of(endpointOf(user))
	if known, ok := r.roles.ledger[user.Name]; ok && known.uid == user.UID {
		return identity.Lose(s.Ask, known.fate.heldBecause, known.fate.holdID, known.fate.at)
	}
	var reason, holdID string
	lost := r.roles.leaving() + r.roles.within(t.Deprovisioning.Guarded(), now)
	if s.Held || identity.HoldRoles(t, r.active-r.access.leaving(), lost) {
		reason, holdID = v1alpha1.ReasonHeldByGuard, r.roles.openHold(r.sealed, t)
	}
	l := identity.Lose(s.Ask, reason, holdID, now)
	r.roles.ledger[user.Name] = entry{uid: user.UID, fate: fate{l.HeldBecause, l.HoldID, l.Time.Time}}
	return l
}

// withdraw forgets a decision about a user who stays after all.
func (c *census) withdraw(user *v1alpha1.ScimUser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of(endpointOf(user)).access.ledger, user.Name)
}

// withdrawRoles forgets a decision about roles that is not the one on record.
func (c *census) withdrawRoles(user *v1alpha1.ScimUser, l *v1alpha1.RoleLoss) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.of(endpointOf(user)).roles
	if known, ok := b.ledger[user.Name]; ok && (l == nil || !known.fate.same(&fate{l.HeldBecause, l.HoldID, l.Time.Time})) {
		delete(b.ledger, user.Name)
	}
}

func (r *roll) headcount(user *v1alpha1.ScimUser, t *identity.Terms, now time.Time) identity.Headcount {
	leaving := r.access.leaving()
	return identity.Headcount{
		Active: r.active - leaving, Left: leaving + r.access.within(t.Deprovisioning.Guarded(), now),
		Others: func(role string) int64 { return r.others(user, role) },
	}
}

// others counts who else has a role and stays.
func (r *roll) others(user *v1alpha1.ScimUser, role string) int64 {
	others := r.staying[role]
	if slices.Contains(identity.RolesOf(user), role) {
		others--
	}
	for _, decided := range r.access.ledger {
		if slices.Contains(decided.roles, role) {
			others--
		}
	}
	return max(others, 0)
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
