// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

const (
	// sliceWriters bounds the slices that one write of a group has under way at a time.
	sliceWriters = 8
	// maxChores bounds the writes whose leftovers are being removed.
	maxChores = 16
)

// setIn puts the members into the group that is to be written, or the names of the
// slices that hold them.
func (l *memberList) setIn(g *api.ScimGroup) {
	count := int64(l.count)
	g.Spec.MemberCount = &count
	if !l.sliced() {
		for _, c := range l.chunks {
			g.Spec.Members = append(g.Spec.Members, c.stored()...)
		}
		return
	}
	g.Spec.Slices = make([]string, len(l.chunks))
	for i, c := range l.chunks {
		g.Spec.Slices[i] = c.slice
	}
}

// newMembers writes the slices of a new group, if it needs any. That comes before the
// claim on its name, because who finds a claim without its holder waits only a moment. A
// name that is known to be taken is not worth the writing.
func (s *Store) newMembers(ctx context.Context, group, name string, members []scim.Member) (*memberList, error) {
	if len(members) > maxGroupMembers {
		return nil, errTooManyMembers
	}
	l := settle(withAdded(nil, members), newMemberList())
	if len(l.fresh) > 0 {
		if holder, err := s.holderOf(ctx, s.groups.unique[0], name, group); err != nil {
			return nil, err
		} else if holder != "" {
			// It answers 409, unless the holder goes at this moment.
			claim, err := s.acquire(ctx, s.groups.unique[0], name, claimant{id: group})
			if err != nil {
				return nil, err
			}
			s.undo(ctx, claim)
		}
	}
	if err := s.writeSlices(ctx, group, l, nil); err != nil {
		return nil, err
	}
	return l.next, nil
}

// writeSlices writes the fresh slices of a layout. They become visible when the group
// names them. On an error none is left, as far as possible.
func (s *Store) writeSlices(ctx context.Context, group string, l *layout, unread surplus) error {
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(sliceWriters)
	for _, c := range l.fresh {
		c.slice = group + "-" + randomSuffix()
		writers.Go(func() error { return s.writeSlice(writing, group, c, unread) })
	}
	if err := writers.Wait(); err != nil {
		s.removeSlices(ctx, l.fresh)
		return s.answer(err, s.groups)
	}
	return nil
}

func (s *Store) writeSlice(ctx context.Context, group string, c *chunk, unread surplus) error {
	slice := &api.ScimGroupSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: c.slice, Namespace: s.namespace,
			Labels: map[string]string{api.EndpointLabel: s.endpoint},
		},
		Spec: api.ScimGroupSliceSpec{
			EndpointRef: api.EndpointReference{Name: s.endpoint},
			GroupRef:    api.ObjectReference{Name: group},
			Members:     c.stored(),
		},
	}
	var from object = slice
	if c.partial = unread.has(c.members); c.partial {
		d, err := documentOf(slice)
		if err != nil {
			return err
		}
		d.SetGroupVersionKind(api.SchemeGroupVersion.WithKind(kindNames[slicesResource]))
		unread.addTo(objectIn(d.Object, "spec"))
		from = d
	}
	var written api.ScimGroupSlice
	if err := s.client.create(ctx, slicesResource, from, &written); err != nil {
		return err
	}
	revision, err := revisionOf(&written)
	if err != nil {
		return err
	}
	s.index.putSlice(c, revision)
	return nil
}

// deleteSlices deletes the slices of a list of members that no group names.
func (s *Store) deleteSlices(ctx context.Context, l *memberList) {
	if l != nil && l.sliced() {
		s.removeSlices(ctx, l.chunks)
	}
}

// discardSlices deletes slices that a group names no longer. Nobody waits for that, as it
// changes nothing for anybody.
func (s *Store) discardSlices(ctx context.Context, chunks []*chunk) {
	if len(chunks) == 0 {
		return
	}
	s.chores.do(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, s.timeouts.write)
		defer cancel()
		if p := contained(func() { s.removeSlices(ctx, chunks) }); p != nil {
			s.logPanic(s.groups, chunks[0].slice, p)
		}
	})
}

// chores are what is done behind an answer: one for each place at a time. Without places
// they are done before it.
type chores chan struct{}

// do does a chore, and makes who has it done wait for it while no place is free, as long
// as ctx allows.
func (c chores) do(ctx context.Context, chore func(context.Context)) {
	select {
	case c <- struct{}{}:
		later := context.WithoutCancel(ctx)
		go func() {
			defer func() { <-c }()
			chore(later)
		}()
	default:
		chore(ctx)
	}
}

// close waits for those under way. Others are then done before the answer.
func (c chores) close() {
	for range cap(c) {
		c <- struct{}{}
	}
}

// removeSlices deletes slices. The manager collects those that stay.
func (s *Store) removeSlices(ctx context.Context, chunks []*chunk) {
	var removers errgroup.Group
	removers.SetLimit(sliceWriters)
	for _, c := range chunks {
		removers.Go(func() error {
			err := s.client.remove(ctx, slicesResource, c.slice, metav1.Preconditions{}, &api.ScimGroupSlice{})
			if err != nil && !apierrors.IsNotFound(err) {
				s.log.V(1).Info("A slice that no group names was not deleted", "slice", c.slice, "reason", err.Error())
				return nil
			}
			s.index.dropSlice(c.slice)
			return nil
		})
	}
	_ = removers.Wait() // no error comes from it
}
