// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Delete removes one resource over SCIM at once. A user stays as an inactive record.
func (s *Store) Delete(ctx context.Context, rt *scim.ResourceType, id string, m Match) error {
	k, err := s.named(rt, id)
	if err != nil {
		return err
	}
	if err := s.serving(); err != nil {
		return err
	}
	_, err = s.writers.exclusive(ctx, k, id, func(ctx context.Context) (*Resource, error) {
		return nil, s.delete(ctx, k, id, m)
	})
	return err
}

func (s *Store) delete(ctx context.Context, k *kind, id string, m Match) error {
	attempts := newRetry()
	base, err := s.current(ctx, k, id)
	fresh := false
	for {
		switch {
		case err != nil:
			return err
		case base == nil || !base.live():
			return scim.ErrNotFound(k.rt.Name, id)
		case !m.Holds(base.version()):
			if _, err = s.confirm(ctx, k, base, fresh); err == nil {
				return scim.ErrInvalidVersion()
			}
		case k == s.users:
			err = s.retire(ctx, base)
		default:
			err = s.deleteObject(ctx, k, base)
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		base, err = s.reread(ctx, k, base, attempts)
		fresh = true
	}
}

// retire makes a user one whom the identity provider deleted. Its name is free at once.
func (s *Store) retire(ctx context.Context, base *entry) error {
	claim, err := s.claimOf(ctx, s.users.unique[0], base.name, base.id)
	if err != nil {
		return err
	}
	u := s.userObject(s.metadata(base), base.object(), base)
	modified := metav1.NewMicroTime(time.UnixMicro(base.modified))
	u.Spec.LastModifiedTime, u.Spec.DeletedTime = &modified, s.laterThan(base.modified)
	e, err := s.swap(ctx, s.users, draft{object: u, base: base, next: base.object()})
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return errAgain
	case err != nil:
		return s.answer(err, s.users)
	}
	s.index.put(s.users.shelf, e)
	s.release(ctx, claim)
	return nil
}

// deleteObject deletes a group or another resource: it is gone once its deletion has begun.
// What then fails is finished by the manager.
func (s *Store) deleteObject(ctx context.Context, k *kind, base *entry) error {
	revision := strconv.FormatUint(base.revision, 10)
	o := k.newObject()
	err := s.client.remove(ctx, k.resource, base.id, metav1.Preconditions{UID: &base.uid, ResourceVersion: &revision}, o)
	if err != nil && !refused(err) {
		err = s.deletionBegun(ctx, k, base, o, err)
	}
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return errAgain
	case err != nil:
		return s.answer(err, k)
	}
	gone := *base
	gone.gone = true
	if gone.revision, err = s.deletedAt(ctx, k, base, o); err != nil {
		// It is not shown here any more, but what the others have to wait for is not known.
		s.index.drop(k.shelf, base.id, base.revision)
		return s.answer(err, k)
	}
	s.index.put(k.shelf, &gone)
	if err := s.finishDeletion(ctx, k, base); err != nil {
		s.log.Info("A deletion is left to the manager", "resource", k.resource, "id", base.id, "reason", err.Error())
	}
	return nil
}

// deletionBegun finds out whether a deletion whose answer was lost has begun.
func (s *Store) deletionBegun(ctx context.Context, k *kind, base *entry, there object, cause error) error {
	err := s.client.get(ctx, k.resource, base.id, there)
	if apierrors.IsNotFound(err) || err == nil && (there.GetUID() != base.uid || there.GetDeletionTimestamp() != nil) {
		return nil
	}
	return cause
}

// deletedAt is a revision at which a resource that was there is not live any more: that of
// what is left of it or, if nothing is, one that the API server has come to since.
func (s *Store) deletedAt(ctx context.Context, k *kind, base *entry, left object) (uint64, error) {
	if left.GetUID() == base.uid {
		return revisionOf(left)
	}
	revision, _, err := s.absentAt(ctx, k, base.id)
	return revision, err
}

// absentAt is a revision that the API server has come to, and whether no resource has the
// id at it.
func (s *Store) absentAt(ctx context.Context, k *kind, id string) (revision uint64, absent bool, err error) {
	none := k.newList()
	if err := s.client.list(ctx, k.resource, metav1.ListOptions{FieldSelector: "metadata.name=" + id}, none); err != nil {
		return 0, false, err
	}
	list, err := meta.ListAccessor(none)
	if err != nil {
		return 0, false, err
	}
	revision, err = revisionOf(&metav1.ObjectMeta{Name: "list", ResourceVersion: list.GetResourceVersion()})
	return revision, meta.LenList(none) == 0, err
}

// finishDeletion releases what a deleted resource holds: first its claims, then, by its
// finalizer, itself, then a group's slices.
func (s *Store) finishDeletion(ctx context.Context, k *kind, base *entry) error {
	if err := s.releaseAll(ctx, base.id); err != nil {
		return err
	}
	if err := s.dropFinalizer(ctx, k, base.id); err != nil {
		return err
	}
	s.deleteSlices(ctx, base.members)
	return nil
}

// dropFinalizer lets the API server remove a resource whose deletion has begun.
func (s *Store) dropFinalizer(ctx context.Context, k *kind, id string) error {
	for attempts := newRetry(); ; {
		o := k.newObject()
		if err := s.client.get(ctx, k.resource, id, o); apierrors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		finalizers := o.GetFinalizers()
		i := slices.Index(finalizers, api.ClaimsFinalizer)
		if o.GetDeletionTimestamp() == nil || i < 0 {
			return nil
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"resourceVersion": o.GetResourceVersion(), "finalizers": slices.Delete(finalizers, i, i+1),
		}})
		if err != nil {
			return err
		}
		err = s.client.mergePatch(ctx, k.resource, id, patch, k.newObject())
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case !apierrors.IsConflict(err):
			return err
		}
		if err := attempts.pause(ctx); err != nil {
			return err
		}
	}
}

// sameJSON compares two values as they are stored: the API server sorts the names in what is
// stored as JSON.
func sameJSON(a, b any) bool {
	first, errFirst := plainJSON(a)
	second, errSecond := plainJSON(b)
	return errFirst == nil && errSecond == nil && reflect.DeepEqual(first, second)
}

func plainJSON(v any) (plain any, err error) {
	document, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(document, &plain)
	}
	return plain, err
}
