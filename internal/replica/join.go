// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	applyv1alpha1 "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const (
	applyTimeout = 10 * time.Second
	// A peer may take its time to hear of this replica; the question waits there.
	confirmTimeout = 5 * time.Second
	confirmPause   = 100 * time.Millisecond
	maxManager     = 128 // characters in the name of a field manager
)

var (
	errNotShown = errors.New("the watch does not show this replica's entry")
	errRemoved  = errors.New("this replica's entry was removed while it joined")
)

// stayJoined keeps this replica among its peers: it joins, and joins again whenever its
// entry is gone, as when the endpoint was made anew. Whoever keeps removing the entry,
// such as a manager who does not find this replica's pod, is given in to: each time it
// waits longer.
func (r *Replica) stayJoined(ctx context.Context) {
	log := r.config.Log.WithName("join")
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 10 * time.Second}
	retry := backoff
	var gone removals
	for ctx.Err() == nil {
		if _, ok := r.roster.await(ctx, func(v *view) bool { return v.exists }); !ok {
			return
		}
		if err := r.join(ctx); err != nil {
			if ctx.Err() == nil {
				log.Error(err, "joining the other replicas")
			}
			if errors.Is(err, errNotShown) || errors.Is(err, errRemoved) {
				r.stayAway(ctx, gone.after(0))
			} else {
				pause(ctx, retry.Step())
			}
			continue
		}
		retry = backoff
		since := time.Now()
		log.Info("joined the other replicas", "peers", len(r.roster.view().peers), "incarnation", r.incarnation)
		if _, ok := r.roster.await(ctx, func(v *view) bool { return !v.listed }); ok {
			away := gone.after(time.Since(since))
			log.Info("this replica is no longer listed", "joinsAgainAfter", away.String())
			r.stayAway(ctx, away)
		}
	}
}

// stayAway waits, unless the entry is back or the endpoint that lacked it is gone.
func (r *Replica) stayAway(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	r.roster.await(ctx, func(v *view) bool { return v.listed || !v.exists })
}

// removals says how long to stay away after each removal of an entry.
type removals struct{ backoff wait.Backoff }

const (
	firstAway = 250 * time.Millisecond
	maxAway   = 5 * time.Minute
	// An entry that has stood for so long was not removed by whoever removed the last.
	longEnough = 10 * time.Minute
)

// after takes the time for which the entry stood.
func (r *removals) after(stood time.Duration) time.Duration {
	if r.backoff.Duration == 0 || stood >= longEnough {
		r.backoff = wait.Backoff{Duration: firstAway, Factor: 2, Jitter: 0.2, Steps: 64, Cap: maxAway}
	}
	return r.backoff.Step()
}

// join enters this replica and waits until every peer entered before it has confirmed.
// Whoever enters after it finds it entered, so one of any two knows the other in time.
func (r *Replica) join(ctx context.Context) error {
	if err := r.enter(ctx); err != nil {
		return err
	}
	listed, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	v, ok := r.roster.await(listed, func(v *view) bool { return v.listed })
	if !ok {
		return errNotShown
	}
	confirmations, confirming := errgroup.WithContext(ctx)
	for _, p := range v.peers {
		confirmations.Go(func() error { return r.awaitConfirmation(confirming, p) })
	}
	if err := confirmations.Wait(); err != nil {
		return err
	}
	// Peers that left before this replica was entered have acknowledged writes too.
	r.epoch.Add(1)
	r.joined.Store(true)
	if !r.roster.view().listed {
		r.joined.Store(false)
		return errRemoved
	}
	return nil
}

// enter writes this replica's entry of status.servers. Nothing changes when it is there.
func (r *Replica) enter(ctx context.Context) error {
	entry := applyv1alpha1.ServerStatus().
		WithName(r.config.Name).WithAddress(r.config.Address).WithIncarnation(r.incarnation)
	if known := r.uses.Load(); known != nil {
		known.describe(entry)
	}
	r.conflicts.describe(entry)
	describeUnreadable(r.entered(), entry)
	return r.apply(ctx, applyv1alpha1.ScimEndpointStatus().WithServers(entry))
}

// Leave removes this replica's entry. It is called after the last request has been
// answered and Run has returned, while peers still reach Handler.
func (r *Replica) Leave(ctx context.Context) error {
	r.joined.Store(false)
	err := r.apply(ctx, applyv1alpha1.ScimEndpointStatus())
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// apply owns, as this replica's own field manager, exactly what it is given.
func (r *Replica) apply(ctx context.Context, status *applyv1alpha1.ScimEndpointStatusApplyConfiguration) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	endpoint := applyv1alpha1.ScimEndpoint(r.config.Endpoint, r.config.Namespace).WithStatus(status)
	return r.client.Status().Apply(ctx, endpoint, client.FieldOwner(fieldManager(r.config.Name)), client.ForceOwnership)
}

// fieldManager is the replica's own, so that replicas never touch each other's entries.
func fieldManager(name string) string {
	manager := "scim-server-" + name
	if len(manager) <= maxManager {
		return manager
	}
	sum := sha256.Sum256([]byte(name))
	return "scim-server-" + hex.EncodeToString(sum[:])
}

// awaitConfirmation waits until a peer knows this replica, or is no longer entered, or
// has been silent for so long that it is lost.
func (r *Replica) awaitConfirmation(ctx context.Context, p peer) error {
	log := r.config.Log.WithName("join").WithValues("peer", p.Name)
	silentSince := time.Now()
	reported := false
	for v := r.roster.view(); v.knows(p); v = r.roster.view() {
		if !v.listed {
			return errRemoved // it cannot confirm what is not there
		}
		confirmed, heard, err := r.askToConfirm(ctx, p)
		switch {
		case confirmed:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case heard:
			silentSince = time.Now()
		case time.Since(silentSince) >= r.config.LostAfter:
			log.Info("the peer has been silent for too long and counts as lost", "error", err.Error())
			return nil
		}
		if !reported {
			reported = true
			log.Info("waiting for a peer to confirm this replica", "reason", err.Error())
		}
		_, changed := r.roster.watch()
		waitFor(ctx, changed, confirmPause)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) { waitFor(ctx, nil, d) }

func waitFor(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}
