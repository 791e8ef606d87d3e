// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Mutate computes what an update makes of a resource: the new object and whether
// anything changed, members included. It records changes of a group's members in
// members, which is nil for other types. It may run again on a fresher object and must
// not keep what it is given. ReadOnly attributes of the result are ignored.
type Mutate func(current *scim.Object, members *scim.Members) (result *scim.Object, changed bool, err error)

// Update changes one resource through mutate, whole or not at all, and says whether it
// changed; nothing is written when it did not. Match is checked against the resource
// that is changed: 412 when it fails.
func (s *Store) Update(ctx context.Context, rt *scim.ResourceType, id string, m Match, mutate Mutate) (*Resource, bool, error) {
	k, err := s.named(rt, id)
	if err != nil {
		return nil, false, err
	}
	if err := s.serving(); err != nil {
		return nil, false, err
	}
	o := s.writers.do(ctx, k, id, &change{match: m, mutate: mutate})
	return o.resource, o.changed, o.err
}

// settled is what became of the first changes of a queue. Those without an outcome are for
// the next write.
type settled struct {
	outcomes []outcome
	split    bool // a write of several changes was refused because of one of them
}

// settleChanges writes what the changes make of a resource. A write that is refused is
// tried again with the first half of its changes, until the refusal is that of one change
// alone: no change is answered with the refusal of another.
func (s *Store) settleChanges(ctx context.Context, k *kind, id string, changes []*change) settled {
	attempts := newRetry()
	split := false
	fresh := false // base is known to be the newest version
	base, err := s.current(ctx, k, id)
	for {
		switch {
		case err != nil:
			return settled{sameForAll(changes, err), split}
		case base == nil || !base.live():
			return settled{sameForAll(changes, scim.ErrNotFound(k.rt.Name, id)), split}
		}
		m := s.merge(k, base, changes)
		written, failure := s.settle(ctx, m, fresh)
		taken := len(m.results)
		switch {
		case failure == nil:
			s.index.put(k.shelf, written)
			return settled{m.outcomes(written), split}
		case !errors.Is(failure, errAgain) && !isRefusal(failure):
			return settled{sameForAll(changes[:taken], failure), split}
		}
		tried, read := base, fresh
		again := errors.Is(failure, errAgain)
		attempts.contended = attempts.contended && again // whether a refusal stands is seen at once
		base, err = s.reread(ctx, k, tried, attempts)
		fresh = true
		if again || err != nil || base == nil || !base.live() || !stands(failure, tried, base, read) {
			continue
		}
		if taken == 1 {
			return settled{sameForAll(changes[:taken], failure), split}
		}
		changes, split = changes[:taken/2], true
		attempts.contended = false
	}
}

// stands reports whether a version of a resource, read for the refused write or not, was the newest one
// when it was refused. What the version alone decides, or the API server, which compares versions first,
// is decided of the moment at which it was read or written. That a name is taken may have taken long to find
// out, and then the version is the newest before and after it. Otherwise those who go on writing
// elsewhere would put off every refusal, and the changes that wait with it.
func stands(refusal error, tried, now *entry, read bool) bool {
	var answer *scim.Error
	aboutName := errors.As(refusal, &answer) && answer.Status == http.StatusConflict
	return now.revision == tried.revision || read && !aboutName
}

// settle writes what changes have made of a resource, or makes sure that there is nothing
// to write. The error is errAgain when the version is not the newest.
func (s *Store) settle(ctx context.Context, m *merged, fresh bool) (*entry, error) {
	if m.dirty {
		return s.write(ctx, m)
	}
	return s.confirm(ctx, m.kind, m.base, fresh)
}

// isRefusal reports whether what was to be written is at fault, and not whoever was to
// write it.
func isRefusal(err error) bool {
	var refusal *scim.Error
	if errors.As(err, &refusal) {
		return true
	}
	return refused(err) && !apierrors.IsTooManyRequests(err) && !apierrors.IsUnauthorized(err)
}

// outcomes are those of the changes that were merged.
func (m *merged) outcomes(written *entry) []outcome {
	r := m.store.resource(m.store.index.view(), m.kind, written)
	for i := range m.results {
		if m.results[i].err == nil && m.results[i].panicked == nil {
			m.results[i].resource = r
		}
	}
	return m.results
}

func sameForAll(changes []*change, err error) []outcome {
	outcomes := make([]outcome, len(changes))
	for i := range outcomes {
		outcomes[i].err = err
	}
	return outcomes
}

// current gives the newest version of a resource that the index knows; nil when the
// resource does not exist.
func (s *Store) current(ctx context.Context, k *kind, id string) (*entry, error) {
	if e, ok := s.index.view().shelf(s, k).live.find(id); ok {
		return e, nil
	}
	behind, err := s.behind(ctx, "", k)
	if err != nil {
		return nil, err
	}
	if len(behind) > 0 {
		s.renewLater(k)
		return s.live(ctx, k, id)
	}
	e, _ := s.index.view().shelf(s, k).live.find(id)
	return e, nil
}

// confirm makes sure that a version that is not changed is the newest; the error is
// errAgain when it is not.
func (s *Store) confirm(ctx context.Context, k *kind, base *entry, fresh bool) (*entry, error) {
	if fresh {
		return base, nil
	}
	behind, err := s.behind(ctx, "", k)
	if err != nil {
		return nil, err
	}
	now, ok := s.index.view().shelf(s, k).live.find(base.id)
	if len(behind) > 0 || !ok || now.revision != base.revision {
		return nil, errAgain
	}
	return base, nil
}

// write carries out a change of a resource. The error is errAgain when the resource was
// changed by somebody else.
func (s *Store) write(ctx context.Context, m *merged) (*entry, error) {
	var claims, old []*held
	if m.renamed {
		var err error
		who := claimant{id: m.base.id, existing: true}
		if claims, err = s.acquireAll(ctx, m.kind, m.base, m.object, who); err != nil {
			return nil, err
		}
		// As it is before the name is given up: what claims it later is not released.
		if old, err = s.claimsOf(ctx, m.kind, m.base, m.object); err != nil {
			s.undoAll(ctx, claims)
			return nil, err
		}
	}
	e, err := s.writeResource(ctx, m)
	var refusal *scim.Error
	switch {
	case err == nil:
		s.index.put(m.kind.shelf, e) // before somebody else can have the name
		s.releaseEach(ctx, old)
		return e, nil
	case refused(err), errors.As(err, &refusal):
		s.undoAll(ctx, claims)
	}
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil, errAgain
	}
	return nil, s.answer(err, m.kind)
}

func (s *Store) writeResource(ctx context.Context, m *merged) (*entry, error) {
	switch m.kind {
	case s.users:
	case s.groups:
		return s.writeGroup(ctx, m)
	default:
		return s.writeDeclared(ctx, m)
	}
	u := s.userObject(s.metadata(m.base), m.object, m.base)
	u.Spec.LastModifiedTime = s.laterThan(m.base.modified)
	return s.swap(ctx, s.users, draft{object: u, base: m.base, next: m.object})
}

func (s *Store) writeDeclared(ctx context.Context, m *merged) (*entry, error) {
	r, err := s.resourceObject(m.kind, s.metadata(m.base), m.object)
	if err != nil {
		return nil, err
	}
	r.Spec.LastModifiedTime = s.laterThan(m.base.modified)
	return s.swap(ctx, m.kind, draft{object: r, base: m.base, next: m.object})
}

// writeGroup writes fresh slices and then the group that names them. Those that it names
// no longer go behind the answer.
func (s *Store) writeGroup(ctx context.Context, m *merged) (*entry, error) {
	l := &layout{next: m.base.members}
	if m.members.Changed() {
		l = plan(m.base.members, m.members)
	}
	unread, err := s.memberSurplus(ctx, m.base, l.next)
	if err != nil {
		return nil, err
	}
	for _, c := range l.next.chunks {
		if !c.partial && c.slice == "" {
			c.partial = unread.has(c.members)
		}
	}
	if err := s.writeSlices(ctx, m.base.id, l, unread); err != nil {
		return nil, err
	}
	g := s.groupObject(s.metadata(m.base), m.object)
	g.Spec.LastModifiedTime = s.laterThan(m.base.modified)
	l.next.setIn(g)
	e, err := s.swap(ctx, s.groups, draft{object: g, base: m.base, next: m.object, members: m.members.Changed(), surplus: unread})
	if err != nil {
		if refused(err) {
			s.removeSlices(ctx, l.fresh)
		}
		return nil, err
	}
	e.members = l.next
	s.index.put(s.groups.shelf, e) // before the slices go that it replaced
	s.discardSlices(ctx, l.replaced)
	return e, nil
}

// swap writes the next version of a resource if it is still the version that it was made
// from. Errors are the API server's.
func (s *Store) swap(ctx context.Context, k *kind, d draft) (*entry, error) {
	written := k.newObject()
	carriedOut, err := s.send(ctx, k, d, written)
	if carriedOut != nil && err != nil && !refused(err) {
		err = s.lookAgain(ctx, k, d.object, carriedOut, written, err)
	}
	if err != nil {
		return nil, err
	}
	v, err := s.read(written)
	if err != nil {
		return nil, unavailable(err)
	}
	return v.entry, nil
}

// send writes a draft: the stored JSON with the changes in it where more may be stored in
// what changes than this process reads, and else the changes alone. It returns what tells
// from a stored object whether the write was carried out, or nil when nothing was sent.
func (s *Store) send(ctx context.Context, k *kind, d draft, written object) (carriedOut func(object) bool, err error) {
	patch, ok, err := s.patch(k, d)
	if err != nil {
		return nil, err
	}
	if !ok || d.base.partial() || len(d.surplus) > 0 {
		from, sent, err := s.overlay(ctx, k, d)
		if err != nil {
			return nil, err
		}
		return func(there object) bool { return sameSpec(sent, there) }, s.client.update(ctx, k.resource, from, written)
	}
	name := d.object.GetName()
	err = otherUID(s.client.mergePatch(ctx, k.resource, name, patch, written), k.resource, name)
	return func(there object) bool { return hasSpecOf(there, patch) }, err
}

// laterThan is now, or just behind the last change where clocks differ or went backwards:
// a change is always later than the one before.
func (s *Store) laterThan(modified int64) *metav1.MicroTime {
	t := metav1.NewMicroTime(time.UnixMicro(max(s.now().UnixMicro(), modified+1)))
	return &t
}

// sameSpec says whether what is there is what was sent.
func sameSpec(sent, there object) bool {
	switch sent := sent.(type) {
	case *api.ScimUser:
		there, ok := there.(*api.ScimUser)
		return ok && sameJSON(&sent.Spec, &there.Spec)
	case *api.ScimGroup:
		there, ok := there.(*api.ScimGroup)
		return ok && sameJSON(&sent.Spec, &there.Spec)
	case *api.ScimResource:
		there, ok := there.(*api.ScimResource)
		return ok && sameJSON(&sent.Spec, &there.Spec)
	}
	return false
}

// copyInto makes to what from is; both are of one type.
func copyInto(from, to object) {
	switch to := to.(type) {
	case *api.ScimUser:
		from.(*api.ScimUser).DeepCopyInto(to)
	case *api.ScimGroup:
		from.(*api.ScimGroup).DeepCopyInto(to)
	case *api.ScimResource:
		from.(*api.ScimResource).DeepCopyInto(to)
	}
}
