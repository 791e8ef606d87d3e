// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

const (
	// settle is how long the users who were enqueued last have to be written before
	// the directory is gone through once more; longRun is used from the third time on.
	settle  = 500 * time.Millisecond
	longRun = 5 * time.Second
)

// sweeper applies changed rules to a directory. It goes through the users of an endpoint,
// decides about each in memory, and enqueues those whose status says something else, so
// many a second. When it has found none, the rules are applied. It also tries the rules
// of previews.
type sweeper struct {
	client  client.Client
	decider *decider
	// users takes the users whom the rules change, requests what this controller asks
	// of itself.
	users, requests *enqueue.Outlet
	now             func() time.Time
	rate            float64

	mu     sync.Mutex
	states map[client.ObjectKey]*state
}

// state is how far the sweep of one endpoint has got. Only the endpoint's reconcile
// touches it, but for the flags.
type state struct {
	// restart and stale are set from elsewhere, under the sweeper's mutex: the whole
	// directory is to be gone through; what the preview said is outdated.
	restart, stale bool
	// previewing says whether the endpoint has a preview.
	previewing bool

	sweep   sweep
	preview preview
	// reported is when the status was last written.
	reported time.Time
}

// sweep is one application of rules.
type sweep struct {
	digest  string
	settled bool
	began   time.Time
	// due is when the next step is allowed.
	due time.Time
	// pass counts how often the directory has been gone through, bucket is the next to
	// look at, seen and differing the users of this pass.
	pass, bucket    int
	seen, differing int64
	// users is the size of the directory when it was last known, last the number of
	// users that were enqueued last.
	users, last int64
}

// Reconcile takes the next step of an endpoint's sweep and says when the one after is due.
func (s *sweeper) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var ep v1alpha1.ScimEndpoint
	err := s.client.Get(ctx, req.NamespacedName, &ep)
	if apierrors.IsNotFound(err) {
		s.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil || !ep.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	st := s.of(req.NamespacedName)
	rules := s.decider.rules.ofEndpoint(&ep)
	sweepNext, sweepErr := s.step(ctx, &ep, rules, st)
	previewNext, previewErr := s.tryPreview(ctx, &ep, rules, st)
	if err := errors.Join(sweepErr, previewErr); err != nil {
		return ctrl.Result{}, err
	}
	reportNext, err := s.report(ctx, &ep, st)
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: outcome.Earliest(sweepNext, outcome.Earliest(previewNext, reportNext))}, nil
}

// step enqueues the next users whom the rules change, and says when to come back, zero
// for never.
func (s *sweeper) step(ctx context.Context, ep *v1alpha1.ScimEndpoint, rules edition, st *state) (time.Duration, error) {
	sw := &st.sweep
	if err := s.begin(ctx, ep, rules, st); err != nil || sw.settled {
		return 0, err
	}
	if wait := sw.due.Sub(s.now()); wait > 0 {
		return wait, nil
	}
	up := &members.Upward{Reader: s.client, Endpoint: client.ObjectKeyFromObject(ep)}
	batch := int64(max(s.rate, 1))
	terms, err := termsOf(ctx, s.client, up.Endpoint)
	if err != nil {
		return 0, err
	}
	for sw.last = 0; sw.bucket < buckets && sw.last < batch; sw.bucket++ {
		if err := s.look(ctx, rules, terms, up, sw); err != nil {
			return 0, err
		}
	}
	pause := time.Duration(float64(sw.last) / s.rate * float64(time.Second))
	if sw.bucket == buckets {
		pause = max(pause, sw.finishPass())
	}
	sw.due = s.now().Add(pause)
	return pause, nil
}

// finishPass says when to go through the directory once more.
func (sw *sweep) finishPass() time.Duration {
	sw.users = sw.seen
	if sw.differing == 0 {
		sw.settled = true
		return 0
	}
	sw.pass, sw.bucket, sw.seen, sw.differing = sw.pass+1, 0, 0, 0
	if sw.pass > 2 {
		return longRun
	}
	return settle
}

// begin starts anew when there are other rules or it was asked for. A manager that has
// just started believes a status that says that these rules have been applied: it decides
// about every user of its own accord.
func (s *sweeper) begin(ctx context.Context, ep *v1alpha1.ScimEndpoint, rules edition, st *state) error {
	asked := s.take(&st.restart)
	sw := &st.sweep
	if sw.digest == rules.digest && !asked {
		return nil
	}
	if status := ep.Status.Rules; sw.digest == "" && !asked && status.Applied(rules.digest) {
		*sw = sweep{digest: rules.digest, settled: true, users: ptr.Deref(status.UsersToDecide, 0)}
		return nil
	}
	*sw = sweep{digest: rules.digest, began: s.now()}
	for bucket := range buckets {
		users, err := s.bucket(ctx, client.ObjectKeyFromObject(ep), bucket)
		if err != nil {
			return err
		}
		sw.users += int64(len(users))
	}
	return nil
}

// look goes through one bucket.
func (s *sweeper) look(ctx context.Context, rules edition, terms *identity.Terms, up *members.Upward, sw *sweep) error {
	users, err := s.bucket(ctx, up.Endpoint, sw.bucket)
	if err != nil {
		return err
	}
	for i := range users {
		user := &users[i]
		sw.seen++
		if user.Abandoned() || !user.DeletionTimestamp.IsZero() {
			continue
		}
		decision, err := decideWith(ctx, rules.inForce, up, user)
		if err != nil {
			return err
		}
		standing := rules.inForce.StandRoles(user, decision, terms, s.now())
		if standing.Ask == nil && shown(user, rules.inForce.Keep(user, decision, standing.Loss)) {
			continue
		}
		sw.differing++
		sw.last++
		s.users.AddLow(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(user)})
	}
	return nil
}

func (s *sweeper) bucket(ctx context.Context, endpoint client.ObjectKey, bucket int) ([]v1alpha1.ScimUser, error) {
	return bucketOfUsers(ctx, s.client, endpoint, bucket)
}

// bucketOfUsers lists some of an endpoint's users.
func bucketOfUsers(ctx context.Context, reader client.Reader, endpoint client.ObjectKey, bucket int) ([]v1alpha1.ScimUser, error) {
	var users v1alpha1.ScimUserList
	err := reader.List(ctx, &users, client.InNamespace(endpoint.Namespace),
		client.MatchingFields{endpointIndex: bucketKey(endpoint.Name, bucket)})
	if err != nil {
		return nil, fmt.Errorf("list the users of an endpoint: %w", err)
	}
	return users.Items, nil
}

// again has the whole directory of an endpoint gone through.
func (s *sweeper) again(endpoint client.ObjectKey) {
	st := s.of(endpoint)
	s.mu.Lock()
	st.restart = true
	s.mu.Unlock()
	s.requests.Add(reconcile.Request{NamespacedName: endpoint})
}

func (s *sweeper) of(endpoint client.ObjectKey) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.states[endpoint]
	if !ok {
		st = &state{}
		s.states[endpoint] = st
	}
	return st
}

// take reads a flag and lowers it.
func (s *sweeper) take(flag *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := *flag
	*flag = false
	return was
}

func (s *sweeper) forget(endpoint client.ObjectKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.states, endpoint)
	s.decider.rules.forget(endpoint)
}
