// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// usher has users looked at again, so many a second, when the terms have changed by which
// they leave: a person has decided about a hold, provisioning was ended or begun again, or
// records are kept for another time. It also shows who is held: see report.
type usher struct {
	client client.Client
	events events.EventRecorder
	census *census
	// users takes the users who are to be looked at, requests what this controller asks of
	// itself.
	users, requests *enqueue.Outlet
	now             func() time.Time
	rate            float64
	// gather is how long users join a hold before it is sealed.
	gather time.Duration

	mu    sync.Mutex
	walks map[client.ObjectKey]*walk
}

// walk is how far the usher has got with an endpoint.
type walk struct {
	// terms are nil before the first walk.
	terms *identity.Terms
	// everyRecord says that records of deleted users are looked at, too, whatever they say.
	everyRecord bool
	settled     bool
	// due is when the next step is allowed.
	due time.Time
	// pass counts how often the directory has been gone through, bucket is the next to look
	// at, differing counts the users of this pass whom the terms change.
	pass, bucket, differing int

	reported time.Time
	// announced is what events have said of the hold announcedOf.
	announcedOf string
	announced   map[identity.News]bool
}

// Reconcile takes the next step of an endpoint's walk and says when the one after is due.
func (u *usher) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	terms, err := termsOf(ctx, u.client, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	w := u.of(req.NamespacedName)
	w.begin(terms)
	stepNext, stepErr := u.step(ctx, req.NamespacedName, w)
	reportNext, reportErr := u.report(ctx, req.NamespacedName, w)
	if err := errors.Join(stepErr, reportErr); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: outcome.Earliest(stepNext, reportNext)}, nil
}

// begin starts anew when the terms are others.
func (w *walk) begin(terms *identity.Terms) {
	if w.terms != nil && w.terms.SameFor(terms) {
		w.terms = terms
		return
	}
	next := walk{terms: terms, reported: w.reported, announcedOf: w.announcedOf, announced: w.announced, everyRecord: w.everyRecord && !w.settled}
	if last := w.terms; last != nil && (last.Served != terms.Served || !equality.Semantic.DeepEqual(last.Deprovisioning, terms.Deprovisioning)) {
		next.everyRecord = true
	}
	*w = next
}

// step enqueues the next users whom the terms change, and says when to come back, zero for
// never.
func (u *usher) step(ctx context.Context, endpoint client.ObjectKey, w *walk) (time.Duration, error) {
	if w.settled {
		return 0, nil
	}
	if wait := w.due.Sub(u.now()); wait > 0 {
		return wait, nil
	}
	sent := 0
	for ; w.bucket < buckets && sent < int(max(u.rate, 1)); w.bucket++ {
		users, err := bucketOfUsers(ctx, u.client, endpoint, w.bucket)
		if err != nil {
			return 0, err
		}
		for i := range users {
			if u.look(&users[i], w) {
				sent++
				u.users.AddLow(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&users[i])})
			}
		}
	}
	pause := time.Duration(float64(sent) / u.rate * float64(time.Second))
	if w.bucket == buckets {
		pause = max(pause, w.finishPass())
	}
	w.due = u.now().Add(pause)
	return pause, nil
}

// look says whether a user is to be looked at again.
func (u *usher) look(user *v1alpha1.ScimUser, w *walk) bool {
	if user.Abandoned() || !user.DeletionTimestamp.IsZero() {
		return false
	}
	s := identity.Stand(user, w.terms, u.now())
	if s.Ask && w.terms.GuardsEnd() || !s.Ask && !stands(user, s) || identity.RolesJudged(user, w.terms) {
		w.differing++
		return true
	}
	return w.everyRecord && w.pass == 0 && user.Spec.DeletedTime != nil
}

// stands says whether the status says what was decided.
func stands(user *v1alpha1.ScimUser, s identity.Standing) bool {
	shown, departure := outcome.Find(user, v1alpha1.ConditionActive), user.Status.Departure
	if (shown.Status == metav1.ConditionTrue) != s.Active || shown.Reason != s.Reason || (departure == nil) != (s.Departure == nil) {
		return false
	}
	return departure == nil || departure.HeldBecause == s.Departure.HeldBecause
}

// finishPass says when to go through the directory once more.
func (w *walk) finishPass() time.Duration {
	if w.differing == 0 {
		w.settled = true
		return 0
	}
	w.pass, w.bucket, w.differing = w.pass+1, 0, 0
	if w.pass > 2 {
		return longRun
	}
	return settle
}

// changed has the status say who is held now.
func (u *usher) changed(endpoint client.ObjectKey) {
	u.requests.AddAfter(reconcile.Request{NamespacedName: endpoint}, settle)
}

func (u *usher) of(endpoint client.ObjectKey) *walk {
	u.mu.Lock()
	defer u.mu.Unlock()
	w, ok := u.walks[endpoint]
	if !ok {
		w = &walk{}
		u.walks[endpoint] = w
	}
	return w
}

// decisions passes what a person decides about a provider or an endpoint: its spec, its
// annotations, its deletion, and whose an endpoint is.
func decisions() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !maps.Equal(e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()) ||
				e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero() ||
				!equality.Semantic.DeepEqual(metav1.GetControllerOf(e.ObjectOld), metav1.GetControllerOf(e.ObjectNew))
		},
	})
}
