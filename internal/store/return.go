// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"scim-operator.io/internal/scim"
)

// returning gives a user whom the identity provider deleted or deactivated and now
// creates again the old record and id. It gives nil when the user is a new one.
func (s *Store) returning(ctx context.Context, o *scim.Object, name string) (*Resource, error) {
	external := o.Text(s.userAttributes.externalID)
	if external == "" {
		return nil, nil
	}
	if err := s.fresh(ctx, s.users); err != nil {
		return nil, err
	}
	if e := s.deactivated(name, o); e != nil {
		return s.reactivate(ctx, e.id, o)
	}
	old := s.findReturning(s.index.view(), external)
	if old == nil {
		return nil, nil
	}
	return s.writers.exclusive(ctx, s.users, old.id, func(ctx context.Context) (*Resource, error) {
		return s.restore(ctx, old, o, name)
	})
}

// deactivated gives the live user of a name whom creating o reactivates, if there is one.
func (s *Store) deactivated(name string, o *scim.Object) *entry {
	for e := range s.index.view().users.live.named(name) {
		if s.reactivates(e.object(), o) {
			return e
		}
	}
	return nil
}

// refusedTooSoon says that a name is taken by somebody whom creating o reactivates: who
// has it has changed since that was looked for.
func (s *Store) refusedTooSoon(k *kind, err error, o *scim.Object) bool {
	var refusal *scim.Error
	return k == s.users && errors.As(err, &refusal) && refusal.Status == http.StatusConflict && s.deactivated(k.unique[0].of(o), o) != nil
}

// findReturning finds the record of a user who was deleted, by externalId, which the
// identity provider never gives to another person. A userName is given to the next one of
// that name, who must not inherit groups with the id. Of several records it is the one
// deleted last.
func (s *Store) findReturning(view *snapshot, external string) *entry {
	var found *entry
	for e := range view.users.retired.external(external) {
		if !e.returnable() {
			continue
		}
		if found == nil || e.deleted.After(found.deleted.Time) {
			found = e
		}
	}
	return found
}

// reactivates says whether creating o means a live user of the same userName: one who is
// deactivated and has the same externalId. Providers that never delete, such as the
// applications of Okta's catalogue, create those again who come back.
func (s *Store) reactivates(live, o *scim.Object) bool {
	a := s.userAttributes
	was, known := live.Bool(a.active)
	becomes, asked := o.Bool(a.active)
	external := o.Text(a.externalID)
	return known && !was && (becomes || !asked) && external != "" && external == live.Text(a.externalID)
}

// reactivate gives a deactivated user new attributes. One of several who ask for it
// succeeds; the others have come upon an active user.
func (s *Store) reactivate(ctx context.Context, id string, o *scim.Object) (*Resource, error) {
	rt, name := s.users.rt, s.userAttributes.userName
	if _, asked := o.Bool(s.userAttributes.active); !asked {
		o = o.With(s.userAttributes.active, true) // who comes back is active, as somebody new is
	}
	replace := func(current *scim.Object, _ *scim.Members) (*scim.Object, bool, error) {
		if scim.FoldName(current.Text(name)) != scim.FoldName(o.Text(name)) {
			return nil, false, errAgain // renamed meanwhile: the name may be free
		}
		if !s.reactivates(current, o) {
			return nil, false, s.users.unique[0].taken(id)
		}
		return rt.Replace(current, o)
	}
	r, _, err := s.Update(ctx, rt, id, Match{}, replace)
	if err == nil {
		back := *r // which others may have been answered with
		back.Existing = true
		r = &back
	}
	if refusal := (*scim.Error)(nil); errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, errAgain
	}
	return r, err
}

// restore brings a user back with new attributes. The error is errAgain when the record
// changed meanwhile.
func (s *Store) restore(ctx context.Context, old *entry, o *scim.Object, name string) (*Resource, error) {
	claim, err := s.acquire(ctx, s.users.unique[0], name, claimant{id: old.id, existing: true})
	if err != nil {
		return nil, err
	}
	next := s.users.rt.KeepReadOnly(old.object(), o)
	u := s.userObject(s.metadata(old), next, old)
	u.Spec.LastModifiedTime = s.laterThan(old.modified)
	e, err := s.swap(ctx, s.users, draft{object: u, base: old, next: next})
	switch {
	case err == nil:
		s.index.put(s.users.shelf, e)
		return s.resource(s.index.view(), s.users, e), nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		s.undo(ctx, claim)
		if _, err := s.live(ctx, s.users, old.id); err != nil {
			return nil, err
		}
		return nil, errAgain
	case refused(err):
		s.undo(ctx, claim)
	}
	return nil, s.answer(err, s.users)
}
