// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"math/rand/v2"
	"time"

	applyv1alpha1 "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/internal/store"
)

// unreadableEvery is how often a replica writes of unreadable values at most.
const unreadableEvery = time.Minute

// reportUnreadable writes into this replica's entry what the store cannot read, whenever
// that has changed, until ctx ends.
func (r *Replica) reportUnreadable(ctx context.Context) {
	if r.config.Unreadable == nil {
		return
	}
	var written time.Time
	for ctx.Err() == nil {
		pause(ctx, usesLook+rand.N(usesLook/2)) //nolint:gosec // nobody gains by guessing it
		now := r.config.Unreadable()
		if !r.joined.Load() || !written.IsZero() && time.Since(written) < unreadableEvery || now == r.entered() {
			continue
		}
		written = time.Now()
		before := r.unreadable.Swap(&now)
		if err := r.enter(ctx); err != nil && ctx.Err() == nil {
			r.unreadable.Store(before) // so that it is tried again
			r.config.Log.WithName("unreadable").Error(err, "writing of values that cannot be read")
		}
	}
}

// entered is what this replica's entry tells of unreadable values.
func (r *Replica) entered() store.Unreadable {
	if u := r.unreadable.Load(); u != nil {
		return *u
	}
	return store.Unreadable{}
}

// describeUnreadable puts it into this replica's entry.
func describeUnreadable(u store.Unreadable, entry *applyv1alpha1.ServerStatusApplyConfiguration) {
	if u.Resources > 0 {
		entry.WithUnreadable(applyv1alpha1.UnreadableValues().
			WithResources(int64(u.Resources)).WithResource(u.Resource).WithAttribute(u.Attribute))
	}
}
