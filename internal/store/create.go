// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Create makes a resource. A user whom the identity provider had deleted and who comes
// back gets the old record and id; return.go has who that is. So does one whom it had
// deactivated (same externalId and userName). One who was here before is adopted where the
// endpoint links.
func (s *Store) Create(ctx context.Context, rt *scim.ResourceType, p *scim.Parsed) (*Resource, error) {
	k, err := s.kindOf(rt)
	if err != nil {
		return nil, err
	}
	if err := s.serving(); err != nil {
		return nil, err
	}
	ctx, cancel := s.writeContext(ctx)
	defer cancel()
	if err := k.checkUnique(p.Object); err != nil {
		return nil, err
	}
	attempts := newRetry()
	for round := 0; ; round++ {
		r, err := s.createOrReturn(ctx, k, p, round)
		if !errors.Is(err, errAgain) && !s.refusedTooSoon(k, err, p.Object) {
			return r, err
		}
		if err := attempts.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// createOrReturn is one attempt. The error is errAgain when somebody else came first, to
// the record of a user who returns or to the name: who it is then has to be found anew.
func (s *Store) createOrReturn(ctx context.Context, k *kind, p *scim.Parsed, lost int) (*Resource, error) {
	who := claimant{id: uuid.NewString(), lost: lost}
	if k == s.users {
		name := k.unique[0].of(p.Object)
		if r, err := s.returning(ctx, p.Object, name); r != nil || err != nil {
			return r, err
		}
		if err := s.checkDomains(nil, p.Object); err != nil {
			return nil, err
		}
		r, alike, err := s.adopting(ctx, p.Object, name)
		if r != nil || err != nil {
			return r, err
		}
		who.alike = alike
	}
	return s.createNew(ctx, k, p, who)
}

// writeContext bounds a write. A client that goes away does not stop it half-way.
func (s *Store) writeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline := time.Now().Add(s.timeouts.write)
	if given, ok := ctx.Deadline(); ok && given.Before(deadline) {
		deadline = given
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// createNew makes a resource with an id that nobody has used. The error is errAgain when
// others have given the creation up: the claim is theirs.
func (s *Store) createNew(ctx context.Context, k *kind, p *scim.Parsed, who claimant) (*Resource, error) {
	var members *memberList
	var err error
	if k == s.groups {
		if members, err = s.newMembers(ctx, who.id, k.unique[0].of(p.Object), p.Members); err != nil {
			return nil, err
		}
	}
	claims, err := s.acquireAll(ctx, k, nil, p.Object, who)
	if err != nil {
		s.deleteSlices(ctx, members)
		return nil, err
	}
	e, err := s.createObject(ctx, k, who, p, members)
	if err != nil {
		var refusal *scim.Error
		if errors.As(err, &refusal) || refused(err) {
			s.undoAll(ctx, claims)
		}
		return nil, err
	}
	s.index.put(k.shelf, e)
	return s.resource(s.index.view(), k, e), nil
}

// createObject is the second write of a creation. The error is errAgain when
// somebody else has abandoned it. members are a group's.
func (s *Store) createObject(ctx context.Context, k *kind, who claimant, p *scim.Parsed, members *memberList) (*entry, error) {
	o, err := s.newResource(k, who, p, members)
	if err != nil {
		return nil, err
	}
	created := k.newObject()
	err = s.client.create(ctx, k.resource, o, created)
	if err != nil && !refused(err) {
		err = s.lookAgain(ctx, k, o, func(there object) bool { return sameSpec(o, there) }, created, err)
	}
	switch {
	case apierrors.IsAlreadyExists(err):
		s.deleteSlices(ctx, members)
		return nil, errAgain
	case err != nil:
		if refused(err) {
			s.deleteSlices(ctx, members)
		}
		return nil, s.answer(err, k)
	}
	v, err := s.read(created)
	if err != nil {
		return nil, unavailable(err)
	}
	if members != nil {
		v.entry.members = members
	}
	return v.entry, nil
}

// newResource is the custom resource of a creation.
func (s *Store) newResource(k *kind, who claimant, p *scim.Parsed, members *memberList) (object, error) {
	m := s.newMetadata(who.id)
	switch k {
	case s.users:
		if len(who.alike) > 0 {
			m.Annotations = map[string]string{api.AmbiguousMatchAnnotation: strings.Join(who.alike, ",")}
		}
		return s.userObject(m, p.Object, nil), nil
	case s.groups:
		g := s.groupObject(m, p.Object)
		members.setIn(g)
		return g, nil
	default:
		return s.resourceObject(k, m, p.Object)
	}
}

// lookAgain finds out whether a write whose answer was lost was carried out: sent is
// what was to be written, found becomes what is there, and carriedOut tells from that.
func (s *Store) lookAgain(ctx context.Context, k *kind, sent object, carriedOut func(there object) bool, found object, cause error) error {
	there := k.newObject()
	if err := s.client.get(ctx, k.resource, sent.GetName(), there); err != nil {
		return cause
	}
	if !carriedOut(there) {
		// Only what others have abandoned tells that a creation failed. Of anything else it may have made
		// what somebody has changed since.
		if sent.GetResourceVersion() == "" && there.GetAnnotations()[api.AbandonedAnnotation] != "" {
			return apierrors.NewAlreadyExists(api.Resource(string(k.resource)), sent.GetName())
		}
		return cause
	}
	copyInto(there, found)
	return nil
}
