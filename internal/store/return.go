// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"scim-operator.io/internal/scim"
)

// How a person who returns is recognised.
//
// A user whom the identity provider deleted leaves a record. Who is created later gets the
// record, its id included, only when it is the same person for certain:
//
//   - The externalId is the same. Blank is no externalId.
//   - The identity provider never gives an externalId to another person, as the
//     administrator or what is known of the product tells. Otherwise, the userName or the
//     primary e-mail address is the same too: some send a nickname as the externalId, and
//     the next person of that nickname must not get the id, the groups and the history of
//     the one who left.
//
// A live user who is deactivated has the userName, so that the same externalId is the
// second thing that agrees.

// returning gives a user whom the identity provider deleted or deactivated and now creates
// again the old record and id. It returns nil when the user is a new one.
func (s *Store) returning(ctx context.Context, o *scim.Object, name string) (*Resource, error) {
	external := o.Text(s.userAttributes.externalID)
	if scim.IsBlank(external) {
		return nil, nil
	}
	if err := s.fresh(ctx, s.users); err != nil {
		return nil, err
	}
	if e := s.deactivated(name, o); e != nil {
		return s.reactivate(ctx, e.id, o)
	}
	old := s.findReturning(s.index.view(), o, name)
	if old == nil {
		return nil, nil
	}
	if err := s.checkDomains(old.object(), o); err != nil {
		return nil, err
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

// findReturning returns the record of a deleted user who is the same person as a new one,
// nil when there is none. Of several records it is the one deleted last.
func (s *Store) findReturning(view *snapshot, o *scim.Object, name string) *entry {
	var found *entry
	for e := range view.users.retired.external(o.Text(s.userAttributes.externalID)) {
		if !e.returnable() || !s.isSamePerson(e, o, name) {
			continue
		}
		if found == nil || e.deleted.After(found.deleted.Time) {
			found = e
		}
	}
	return found
}

// isSamePerson reports whether a record is that of a new user of the same externalId.
func (s *Store) isSamePerson(record *entry, o *scim.Object, name string) bool {
	if s.immutableExternalIDs || record.name == name {
		return true
	}
	emails := s.userAttributes.emails
	address := primaryEmail(emails.values(o))
	return !scim.IsBlank(address) && address == primaryEmail(emails.values(record.object()))
}

// reactivates says whether creating o means a live user of the same userName: one who is
// deactivated and has the same externalId. Providers that never delete, such as the
// applications of Okta's catalogue, create those again who come back.
func (s *Store) reactivates(live, o *scim.Object) bool {
	a := s.userAttributes
	was, known := live.Bool(a.active)
	becomes, asked := o.Bool(a.active)
	external := o.Text(a.externalID)
	return known && !was && (becomes || !asked) && !scim.IsBlank(external) && external == live.Text(a.externalID)
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
		back.Existing, back.Returned = true, true
		r = &back
	}
	if refusal := (*scim.Error)(nil); errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, errAgain
	}
	return r, err
}

// restore brings a user back with new attributes. The error is errAgain when the record
// changed meanwhile: whether it is the same person has then to be found anew.
func (s *Store) restore(ctx context.Context, old *entry, o *scim.Object, name string) (*Resource, error) {
	for attempts := newRetry(); ; {
		r, err := s.restoreVersion(ctx, old, o, name)
		if !errors.Is(err, errAgain) {
			return r, err
		}
		now, err := s.reread(ctx, s.users, old, attempts)
		if err != nil {
			return nil, err
		}
		if now == nil || now.generation != old.generation || !now.returnable() {
			return nil, errAgain
		}
		old = now
	}
}

// restoreVersion brings a user back if the record is still the version old.
func (s *Store) restoreVersion(ctx context.Context, old *entry, o *scim.Object, name string) (*Resource, error) {
	claim, err := s.acquire(ctx, s.users.unique[0], name, claimant{id: old.id, existing: true})
	if err != nil {
		return nil, err
	}
	next := s.users.rt.KeepReadOnly(old.object(), o)
	u := s.userObject(s.metadata(old), next, old)
	u.Spec.LastModifiedTime = s.laterThan(old.modified)
	u.Spec.ReturnedTime = u.Spec.LastModifiedTime
	e, err := s.swap(ctx, s.users, draft{object: u, base: old, next: next})
	switch {
	case err == nil:
		s.index.put(s.users.shelf, e)
		back := s.resource(s.index.view(), s.users, e)
		back.Returned = true
		return back, nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		s.undo(ctx, claim)
		return nil, errAgain
	case refused(err):
		s.undo(ctx, claim)
	}
	return nil, s.answer(err, s.users)
}
