// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"iter"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	api "scim-operator.io/api/v1alpha1"
)

// yieldToHolder gives a claim that was acquired to another resource that holds the value,
// whose own claim was lost; the error is 409 then, and errAgain when the claim has to be
// acquired anew. The index says who may be such a holder, the API server who is.
func (s *Store) yieldToHolder(ctx context.Context, u *unique, got *held, who claimant) error {
	holder, err := s.holderOf(ctx, u, got.value, who.id)
	if err != nil {
		s.undo(ctx, got)
		return err
	}
	if holder == "" {
		return nil
	}
	if err := s.giveClaim(ctx, u, got, who, holder); err != nil {
		return err
	}
	s.log.Info("A claim was missing that a resource must have; it has it again", "claim", got.name, "holder", holder)
	return u.taken(holder)
}

// holderOf gives the resource other than one that holds a value, "" when the index knows
// of none. It costs no call of the API server unless there seems to be one.
func (s *Store) holderOf(ctx context.Context, u *unique, value, other string) (string, error) {
	for _, id := range s.index.holders(u, value) {
		if id == other {
			continue
		}
		if state, err := s.holderState(ctx, u, id, value); err != nil || state == holds {
			return id, err
		}
	}
	return "", nil
}

// giveClaim makes a claim that who has just acquired that of the holder of the value.
func (s *Store) giveClaim(ctx context.Context, u *unique, got *held, who claimant, holder string) error {
	claim := &api.ScimClaim{}
	if err := s.client.get(ctx, claimsResource, got.name, claim); apierrors.IsNotFound(err) {
		return errAgain
	} else if err != nil {
		return s.answer(err, u.kind)
	}
	if claim.Spec.HolderRef.Name != who.id {
		return errAgain // somebody else has taken it over by now
	}
	to := claimant{id: holder, existing: true}
	if !who.existing {
		_, err := s.rewrite(ctx, u, claim, to, nil)
		return err
	}
	// Another write of the same resource may be under way towards the value.
	_, err := s.takeOver(ctx, u, claim, to, who.id)
	return err
}

// holders names the live resources that seem to have a unique value.
func (x *index) holders(u *unique, key string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	having := u.shelf.live.named
	if u.declared != nil {
		having = func(key string) iter.Seq[*entry] { return u.shelf.live.having(u, key) }
	}
	var ids []string
	for e := range having(key) {
		ids = append(ids, e.id)
	}
	return ids
}
