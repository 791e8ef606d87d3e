// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	api "scim-operator.io/api/v1alpha1"
)

const (
	// pendingInterval is how often groups are looked at whose slices have not come.
	pendingInterval = time.Second
	// maxGroupReads bounds how often a group is read again because its slices were
	// replaced while they were read.
	maxGroupReads = 8
)

// live reads a resource from the API server into the index and gives it as it is there,
// members included; nil when it does not exist at all.
func (s *Store) live(ctx context.Context, k *kind, id string) (*entry, error) {
	lost := ""
	for range maxGroupReads {
		known := s.index.revision(k.shelf, id)
		o := k.newObject()
		if err := s.client.get(ctx, k.resource, id, o); err != nil {
			if apierrors.IsNotFound(err) {
				if known == 0 {
					return nil, nil
				}
				return nil, s.learnAbsent(ctx, k, id)
			}
			return nil, s.answer(err, k)
		}
		if !s.ours(k, o) {
			return nil, nil
		}
		v, err := s.read(o)
		if err != nil {
			return nil, unavailable(err)
		}
		if v.entry.revision < known {
			return nil, s.answer(s.history.setBack(k.resource, v.entry.revision, known), k)
		}
		e, missing, err := s.complete(ctx, v, lost == o.GetResourceVersion())
		if err != nil {
			return nil, err
		}
		if missing == "" {
			s.index.put(k.shelf, e)
			return e, nil
		}
		// The group names other slices by now, unless somebody deleted this one.
		lost = o.GetResourceVersion()
	}
	return nil, unavailable(fmt.Errorf("group %s changed faster than its slices could be read", id))
}

// complete fetches the slices that a version of a group names and that are not here.
// missing is one that does not exist; with tolerate its members are given up.
func (s *Store) complete(ctx context.Context, v groupOrUser, tolerate bool) (e *entry, missing string, err error) {
	if len(v.slices) == 0 || v.entry.gone {
		return v.entry, "", nil
	}
	chunks := s.index.chunks(v.slices)
	for i, name := range v.slices {
		if chunks[i] != nil {
			continue
		}
		chunks[i], err = s.fetchSlice(ctx, name)
		switch {
		case err == nil:
		case !apierrors.IsNotFound(err):
			return nil, "", s.answer(err, s.groups)
		case tolerate:
			s.log.Error(err, "A slice that the group names does not exist, and its members are not shown until it is restored",
				"group", v.entry.id, "slice", name)
			chunks[i] = &chunk{slice: name, missing: true}
		default:
			return nil, name, nil
		}
	}
	complete := *v.entry
	complete.members = newMemberList(chunks...)
	return &complete, "", nil
}

func (s *Store) fetchSlice(ctx context.Context, name string) (*chunk, error) {
	var slice api.ScimGroupSlice
	if err := s.client.get(ctx, slicesResource, name, &slice); err != nil {
		return nil, err
	}
	return newChunk(slice.Name, &slice, slice.Spec.Members), nil
}

// resolvePending looks after groups whose slices do not come by themselves, until ctx
// ends.
func (s *Store) resolvePending(ctx context.Context) {
	ticker := time.NewTicker(pendingInterval)
	defer ticker.Stop()
	waited := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		still := map[string]bool{}
		for _, id := range s.index.pendingGroups() {
			if still[id] = true; !waited[id] {
				continue
			}
			if _, err := s.live(ctx, s.groups, id); err != nil && !errors.Is(err, context.Canceled) {
				s.log.Error(err, "Cannot read the members of a group", "group", id)
			}
		}
		waited = still
	}
}
