// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// peer is one entry of the endpoint's status.servers, as far as others go by it.
type peer struct{ Name, Address, Incarnation string }

// view is the endpoint as the watch last showed it. It never changes.
type view struct {
	known     bool // the watch has shown something
	exists    bool // the endpoint
	paused    bool
	eventual  bool   // reads need not ask the peers
	provider  string // that owns the endpoint, "" for none
	userNames v1alpha1.AuditUserNames
	listed    bool // this replica, in this incarnation
	peers     []peer
	// lastUsed is when the tokens that the status shows were last used as it says.
	lastUsed map[string]time.Time
	// lastRequest is when a client was last let in, by whatever token, as it says.
	lastRequest time.Time
}

func (v *view) knows(p peer) bool {
	for _, other := range v.peers {
		if other.Name == p.Name && other.Incarnation == p.Incarnation {
			return true
		}
	}
	return false
}

// roster holds the newest view and wakes those who wait for another.
type roster struct {
	current atomic.Pointer[view]

	mu      sync.Mutex
	changed chan struct{} // closed when current is replaced
}

func (o *roster) init() {
	o.current.Store(&view{})
	o.changed = make(chan struct{})
}

func (o *roster) view() *view { return o.current.Load() }

func (o *roster) set(v *view) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current.Store(v)
	close(o.changed)
	o.changed = make(chan struct{})
}

// watch gives the newest view and a channel that is closed when there is a newer one.
func (o *roster) watch() (*view, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.current.Load(), o.changed
}

// await gives the first view that satisfies, or false when ctx ends before there is one.
func (o *roster) await(ctx context.Context, satisfies func(*view) bool) (*view, bool) {
	for {
		v, changed := o.watch()
		if satisfies(v) {
			return v, true
		}
		select {
		case <-ctx.Done():
			return v, false
		case <-changed:
		}
	}
}

// observeEndpoint takes over a new view. A peer that is no longer there has
// acknowledged writes that nobody can be asked for any more; so may others have that
// came and went while the watch was broken.
func (r *Replica) observeEndpoint(object client.Object, fresh bool) {
	before := r.roster.view()
	now := &view{known: true}
	if endpoint, ok := object.(*v1alpha1.ScimEndpoint); ok {
		now.exists, now.paused, now.eventual = true, endpoint.Paused(), endpoint.EventualReads()
		now.lastUsed = shownUses(endpoint)
		if last := endpoint.Status.LastRequestTime; last != nil {
			now.lastRequest = last.Time
		}
		now.provider, now.userNames = providerOf(endpoint), endpoint.AuditUserNames()
		for _, server := range endpoint.Status.Servers {
			if server.Name != r.config.Name {
				now.peers = append(now.peers, peer{server.Name, server.Address, server.Incarnation})
				continue
			}
			now.listed = server.Incarnation == r.incarnation && server.Address == r.config.Address
		}
	}
	// First the epoch, so that no reader asks the remaining peers alone and believes itself
	// up to date. Joined comes last, so that join,
	// which looks at the view after setting it, cannot miss this.
	if (fresh && before.known) || lost(before, now) {
		r.epoch.Add(1)
	}
	r.roster.set(now)
	if !now.listed {
		r.joined.Store(false)
	}
}

func lost(before, now *view) bool {
	for _, p := range before.peers {
		if !now.knows(p) {
			return true
		}
	}
	return false
}
