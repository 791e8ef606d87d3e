// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	applyv1alpha1 "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const (
	// refusalsManager owns the conditions, for all replicas of an endpoint: each may take
	// away what another has noted.
	refusalsManager = client.FieldOwner("scim-server-refusals")

	// noteInterval is how often at most a refusal is noted on one user.
	noteInterval = time.Minute
	// maxNotes bounds the notes that wait. What comes beyond it is not noted.
	maxNotes = 1024
	// maxNoted bounds the users of whom is remembered when they were noted last.
	maxNoted = 10_000
	// A note that cannot be written yet is tried again after a while, for some minutes.
	noteRetry    = 5 * time.Second
	maxNoteTries = 60
)

// note is what became of the last request about a user.
type note struct {
	generation      int64 // of the user when the request was refused
	at              time.Time
	reason, message string // "" when it was accepted
	tries           int
}

// refusals are written onto the users by and by, the newest of each: requests do not wait
// for that, and it is no matter if one is lost.
type refusals struct {
	clock clock.WithTicker
	queue workqueue.TypedDelayingInterface[string]

	mu      sync.Mutex
	pending map[string]note
	writing bool
	noted   *lru.Cache // time.Time by id
}

func newRefusals(c clock.WithTicker) *refusals {
	return &refusals{
		clock:   c,
		queue:   workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[string]{Clock: c}),
		pending: map[string]note{},
		noted:   lru.New(maxNoted),
	}
}

// Refused notes that a request about a user was refused. The message has no value of the
// request in it.
func (r *Replica) Refused(id string, generation int64, status int, scimType, message string) {
	r.refusals.add(id, note{generation: generation, at: r.refusals.clock.Now(), reason: refusedReason(status, scimType), message: message})
}

// Ignored notes that a request about a user was accepted without a part of it. The message
// has no value of the request in it.
func (r *Replica) Ignored(id string, generation int64, message string) {
	r.refusals.add(id, note{generation: generation, at: r.refusals.clock.Now(), reason: v1alpha1.ReasonAttributesIgnored, message: message})
}

// Accepted notes that a request about a user who has a refusal noted was accepted.
func (r *Replica) Accepted(id string) { r.refusals.add(id, note{}) }

func (f *refusals) add(id string, n note) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.pending[id]; !ok && len(f.pending) >= maxNotes {
		return
	}
	f.pending[id] = n
	var wait time.Duration
	if last, ok := f.noted.Get(id); ok && n.reason != "" {
		wait = last.(time.Time).Add(noteInterval).Sub(f.clock.Now())
	}
	f.queue.AddAfter(id, wait)
}

// again puts a note back, unless there is a newer one.
func (f *refusals) again(id string, n note) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n.tries++
	if _, newer := f.pending[id]; newer || n.tries >= maxNoteTries {
		return
	}
	f.pending[id] = n
	f.queue.AddAfter(id, noteRetry)
}

func (f *refusals) take(id string) (note, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.pending[id]
	delete(f.pending, id)
	f.writing = ok
	return n, ok
}

func (f *refusals) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing = false
}

func (f *refusals) wrote(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noted.Add(id, f.clock.Now())
}

// takeDown writes notes until ctx ends.
func (r *Replica) takeDown(ctx context.Context) {
	stop := context.AfterFunc(ctx, r.refusals.queue.ShutDown)
	defer stop()
	for {
		id, ended := r.refusals.queue.Get()
		if ended {
			return
		}
		if n, ok := r.refusals.take(id); ok {
			again, err := r.write(ctx, id, n)
			if err != nil && ctx.Err() == nil {
				r.config.Log.WithName("refusals").V(1).Info("a refusal could not be noted", "id", id, "reason", err.Error())
			}
			if again || err != nil {
				r.refusals.again(id, n)
			}
			r.refusals.rest()
		}
		r.refusals.queue.Done(id)
	}
}

// write makes a user's condition Refused what the note says. It says to try again when
// the manager has yet to look at the user: a status that speaks of no generation has no
// conditions.
func (r *Replica) write(ctx context.Context, id string, n note) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	user := &v1alpha1.ScimUser{}
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: r.config.Namespace, Name: id}, user); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	now := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionRefused)
	status := applyv1alpha1.ScimUserStatus()
	switch {
	case n.reason == "":
		if now == nil {
			return false, nil
		}
	case user.Generation > n.generation && user.ModifiedAfter(n.at):
		return false, nil // a later request was accepted; people may change preferences
	case ptr.Deref(user.Status.ObservedGeneration, -1) < user.Generation:
		return true, nil
	case now != nil && now.Reason == n.reason && now.Message == n.message && now.ObservedGeneration == user.Generation:
		return false, nil
	default:
		status.WithConditions(refusedCondition(user, now, n))
	}
	err = r.client.Status().Apply(ctx, applyv1alpha1.ScimUser(id, r.config.Namespace).WithStatus(status),
		refusalsManager, client.ForceOwnership)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err == nil && n.reason != "" {
		r.refusals.wrote(id)
	}
	return false, err
}

// refusedCondition has been True since the first refusal after the last request that was
// accepted. The manager takes it for outdated when the user is modified after that, so it
// is no earlier than the last modification, whose time has fractions of a second.
func refusedCondition(user *v1alpha1.ScimUser, before *metav1.Condition, n note) *metav1ac.ConditionApplyConfiguration {
	since := metav1.NewTime(n.at.Truncate(time.Second))
	if before != nil && !user.ModifiedAfter(before.LastTransitionTime.Time) {
		since = before.LastTransitionTime
	}
	if user.ModifiedAfter(since.Time) {
		since = metav1.NewTime(user.Spec.LastModifiedTime.Truncate(time.Second).Add(time.Second))
	}
	return metav1ac.Condition().
		WithType(v1alpha1.ConditionRefused).
		WithStatus(metav1.ConditionTrue).
		WithReason(n.reason).
		WithMessage(n.message).
		WithObservedGeneration(user.Generation).
		WithLastTransitionTime(since)
}

// refusedReason returns the reason for a refusal: after its scimType (RFC 7644 §3.12), but for
// a condition of the request that did not hold, which has none. The scimType invalidVers is
// about the version of the protocol.
func refusedReason(status int, scimType string) string {
	if status == http.StatusPreconditionFailed {
		return v1alpha1.ReasonVersionOutdated
	}
	switch scimType {
	case "invalidValue":
		return v1alpha1.ReasonInvalidValue
	case "invalidSyntax":
		return v1alpha1.ReasonInvalidSyntax
	case "invalidPath":
		return v1alpha1.ReasonInvalidPath
	case "invalidFilter":
		return v1alpha1.ReasonInvalidFilter
	case "noTarget":
		return v1alpha1.ReasonNoTarget
	case "mutability":
		return v1alpha1.ReasonMutability
	case "uniqueness":
		return v1alpha1.ReasonUniqueness
	default:
		return v1alpha1.ReasonRequestRefused
	}
}
