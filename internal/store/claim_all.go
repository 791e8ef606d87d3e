// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"scim-operator.io/internal/scim"
)

// acquireAll claims the unique values that a resource is to have and from does not have
// yet; from is nil for a new one. On an error nothing stays claimed, as far as possible.
func (s *Store) acquireAll(ctx context.Context, k *kind, from *entry, to *scim.Object, who claimant) ([]*held, error) {
	var claims []*held
	for _, u := range k.unique {
		value := u.of(to)
		if value == "" || value == u.had(from) {
			continue
		}
		claim, err := s.acquire(ctx, u, value, who)
		if err != nil {
			s.undoAll(ctx, claims)
			return nil, err
		}
		claims = append(claims, claim)
	}
	return claims, nil
}

// claimsOf reads the claims of a resource on the values that a change takes from it, before
// it does.
func (s *Store) claimsOf(ctx context.Context, k *kind, from *entry, to *scim.Object) ([]*held, error) {
	var claims []*held
	for _, u := range k.unique {
		value := u.had(from)
		if value == "" || value == u.of(to) {
			continue
		}
		claim, err := s.claimOf(ctx, u, value, from.id)
		if err != nil {
			return nil, err
		}
		claims = append(claims, claim)
	}
	return claims, nil
}

func (s *Store) undoAll(ctx context.Context, claims []*held) {
	for _, claim := range claims {
		s.undo(ctx, claim)
	}
}

func (s *Store) releaseEach(ctx context.Context, claims []*held) {
	for _, claim := range claims {
		s.release(ctx, claim)
	}
}
