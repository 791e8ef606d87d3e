// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"slices"
	"sync"

	"scim-operator.io/api/v1alpha1"
	applyv1alpha1 "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// conflicts are the users of other endpoints who kept a user from being created here, the
// last of them. The manager makes a condition of what replicas write of them.
type conflicts struct {
	mu      sync.Mutex
	last    []v1alpha1.LinkConflict // the newest at the end
	written []v1alpha1.LinkConflict
}

// ProvisionedElsewhere notes that a user of another endpoint kept one from being created.
func (r *Replica) ProvisionedElsewhere(user, endpoint string) {
	r.conflicts.add(v1alpha1.LinkConflict{User: user, Endpoint: endpoint})
}

func (c *conflicts) add(one v1alpha1.LinkConflict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.last, one) {
		return // in whatever order they come again, nothing is to be written
	}
	c.last = slices.DeleteFunc(c.last, func(other v1alpha1.LinkConflict) bool { return other.User == one.User })
	c.last = append(c.last, one)
	if len(c.last) > v1alpha1.MaxLinkConflicts {
		c.last = slices.Delete(c.last, 0, 1)
	}
}

// news reports whether there are some that have not been written.
func (c *conflicts) news() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !slices.Equal(c.last, c.written)
}

// describe puts the conflicts into this replica's entry.
func (c *conflicts) describe(entry *applyv1alpha1.ServerStatusApplyConfiguration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = slices.Clone(c.last)
	for _, one := range c.last {
		entry.WithLinkConflicts(applyv1alpha1.LinkConflict().WithUser(one.User).WithEndpoint(one.Endpoint))
	}
}

// lost makes what was not written news again.
func (c *conflicts) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = nil
}
