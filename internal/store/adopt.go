// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// adopting links a user who was here before and whom the identity provider now creates to
// the endpoint. It gives nil when the user is a new one, with the ids of those who may be
// the same person when they are several: of them none is given away.
//
// What is known here of the users of others may be old. It only says whom to read; the
// decision is about the user as the API server has it, and holds for that version alone.
func (s *Store) adopting(ctx context.Context, o *scim.Object, name string) (*Resource, []string, error) {
	if s.linking == nil {
		return nil, nil, nil
	}
	keys := s.linking.wanted(s.userAttributes, o)
	if len(keys) == 0 {
		return nil, nil, nil
	}
	ids, err := s.others.alike(keys)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	unlinked, err := s.unlinkedAmong(ctx, ids[:min(len(ids), maxAlike)], keys)
	if err != nil || len(unlinked) == 0 {
		return nil, nil, err
	}
	alone, err := s.alone(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	if !alone || len(unlinked) > 1 || len(ids) > maxAlike {
		return nil, namesOf(unlinked), nil
	}
	if who := unlinked[0]; s.linking.needsApproval(&who.Spec) && who.Annotations[api.ApproveAdoptionAnnotation] != s.endpoint {
		return nil, nil, s.requestApproval(ctx, who)
	}
	r, err := s.writers.exclusive(ctx, s.users, unlinked[0].Name, func(ctx context.Context) (*Resource, error) {
		return s.adopt(ctx, unlinked[0], o, name)
	})
	return r, nil, err
}

// unlinkedAmong reads users from the API server and gives those who have one of the keys and
// belong to nobody. The error is 409 when one of them belongs to another endpoint: two
// identity providers do not share a user.
func (s *Store) unlinkedAmong(ctx context.Context, ids []string, keys []matchKey) ([]*api.ScimUser, error) {
	var unlinked []*api.ScimUser
	for _, id := range ids {
		u := &api.ScimUser{}
		if err := s.client.get(ctx, usersResource, id, u); apierrors.IsNotFound(err) {
			continue
		} else if err != nil {
			return nil, s.answer(err, s.users)
		}
		switch {
		case !u.Live() || !s.linking.matches(&u.Spec, keys):
		case isLinkedElsewhere(u, s.endpoint):
			s.log.Info("A user of another endpoint keeps one from being created", "id", u.Name, "otherEndpoint", u.Spec.EndpointRef.Name)
			if s.elsewhere != nil {
				s.elsewhere(u.Name, u.Spec.EndpointRef.Name)
			}
			return nil, errProvisionedElsewhere(s.linkedBy())
		case !u.Linked():
			unlinked = append(unlinked, u)
		}
	}
	return unlinked, nil
}

func (s *Store) linkedBy() string {
	if s.linking.By == api.LinkingByUserName {
		return s.userAttributes.userName.Path()
	}
	return s.userAttributes.emails.value.Path()
}

// alone says that no user of this endpoint has one of the keys already. Of userNames the
// claims make sure; an e-mail address that two have does not tell who somebody is.
func (s *Store) alone(ctx context.Context, keys []matchKey) (bool, error) {
	if s.linking.By == api.LinkingByUserName {
		return true, nil
	}
	if err := s.fresh(ctx, s.users); err != nil {
		return false, err
	}
	live := s.index.view().users.live
	for _, k := range keys {
		for range live.emailed(k.text) {
			return false, nil
		}
	}
	return true, nil
}

func namesOf(users []*api.ScimUser) []string {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Name
	}
	return names
}

// adopt makes a user who was here before one of this endpoint's, with what the identity
// provider says. The error is errAgain when the user changed meanwhile: whether it is the
// same person, and belongs to nobody, is then to be seen anew.
func (s *Store) adopt(ctx context.Context, before *api.ScimUser, o *scim.Object, name string) (*Resource, error) {
	d, err := s.adopted(before, o)
	if err != nil {
		return nil, err
	}
	claim, err := s.acquire(ctx, s.users.unique[0], name, claimant{id: before.Name, existing: true})
	if err != nil {
		return nil, err
	}
	e, err := s.swap(ctx, s.users, d)
	switch {
	case err == nil:
		s.index.put(s.users.shelf, e)
		s.log.Info("A user who was here before was adopted", "id", e.id)
		adopted := s.resource(s.index.view(), s.users, e)
		adopted.Existing = true
		return adopted, nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsForbidden(err) && s.changed(ctx, before):
		s.undo(ctx, claim)
		return nil, errAgain
	case refused(err):
		s.undo(ctx, claim)
	}
	return nil, s.answer(err, s.users)
}

// changed says whether a user is not the version any more that was read. A policy may refuse
// a write of a user who belongs to another endpoint before the version is compared.
func (s *Store) changed(ctx context.Context, before *api.ScimUser) bool {
	now := &api.ScimUser{}
	err := s.client.get(ctx, usersResource, before.Name, now)
	return apierrors.IsNotFound(err) || err == nil && now.ResourceVersion != before.ResourceVersion
}

// adopted is what a user who was here before becomes. The preferences that the identity
// provider does not send stay; everything else is as it sends it.
func (s *Store) adopted(before *api.ScimUser, o *scim.Object) (draft, error) {
	base, err := s.userEntry(before)
	if err != nil {
		return draft{}, unavailable(err)
	}
	now := s.laterThan(base.modified)
	base.keepAdopted(now)
	was := base.object()
	next := s.userAttributes.keepPreferences(s.users.rt.KeepReadOnly(was, o), was)
	u := s.userObject(s.metadata(base), next, base)
	u.Annotations = maps.Clone(u.Annotations)
	delete(u.Annotations, api.AdoptionRequestedAnnotation)
	u.Spec.LastModifiedTime = now
	return draft{object: u, base: base, next: next}, nil
}

// keepPreferences keeps what people may set themselves where the new state has no value.
func (a *userAttributes) keepPreferences(next, before *scim.Object) *scim.Object {
	for _, preference := range []*scim.Attribute{a.preferredLanguage, a.locale, a.timezone, a.phoneNumbers.attr} {
		if next.Get(preference) == nil {
			next = next.With(preference, before.Get(preference))
		}
	}
	return next
}

// requestApproval notes on a user who was here before that this endpoint waits for an
// administrator, once, and gives the answer that says so.
func (s *Store) requestApproval(ctx context.Context, who *api.ScimUser) error {
	answer := errNotApproved(s.linkedBy())
	s.log.Info("A pre-existing user waits for an approval to be adopted", "id", who.Name)
	var asking []string
	if noted := who.Annotations[api.AdoptionRequestedAnnotation]; noted != "" {
		asking = strings.Split(noted, ",")
	}
	if slices.Contains(asking, s.endpoint) {
		return answer
	}
	asking = append(asking, s.endpoint)
	slices.Sort(asking)
	// Over the version that was read: what another endpoint notes at once is not lost.
	patch := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q,"annotations":{%q:%q}}}`,
		who.ResourceVersion, api.AdoptionRequestedAnnotation, strings.Join(asking, ","))
	err := s.client.mergePatch(ctx, usersResource, who.Name, patch, &api.ScimUser{})
	switch {
	case err == nil:
		return answer
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsForbidden(err) && s.changed(ctx, who):
		return errAgain
	}
	return s.answer(err, s.users)
}
