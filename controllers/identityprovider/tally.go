// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

const (
	// settle is how long a change of the counts waits for more of them.
	settle = time.Second
	// countsInterval is how often, at most, the counts of a provider are written while
	// users stream in.
	countsInterval = 10 * time.Second
)

// counts of an endpoint's directory.
type counts struct{ users, active, held, rejected, technicians, groups, unresolved int64 }

// tally counts users and groups as they come and go. Counting them anew would copy the
// whole directory for every change of it.
type tally struct {
	mu      sync.Mutex
	counted map[client.ObjectKey]counts
	written map[client.ObjectKey]time.Time
}

func newTally() *tally {
	return &tally{counted: map[client.ObjectKey]counts{}, written: map[client.ObjectKey]time.Time{}}
}

func (t *tally) add(endpoint client.ObjectKey, c counts, sign int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.counted[endpoint]
	sum.users += sign * c.users
	sum.active += sign * c.active
	sum.held += sign * c.held
	sum.rejected += sign * c.rejected
	sum.technicians += sign * c.technicians
	sum.groups += sign * c.groups
	sum.unresolved += sign * c.unresolved
	if sum == (counts{}) {
		delete(t.counted, endpoint)
		return
	}
	t.counted[endpoint] = sum
}

func (t *tally) get(endpoint client.ObjectKey) counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted[endpoint]
}

// wait is how long the counts of an endpoint must not be written yet.
func (t *tally) wait(endpoint client.ObjectKey, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(countsInterval-now.Sub(t.written[endpoint]), 0)
}

func (t *tally) wrote(endpoint client.ObjectKey, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written[endpoint] = now
}

func (t *tally) forget(endpoint client.ObjectKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.written, endpoint)
}

// mirrored is what the status shows of the endpoint's.
type mirrored struct {
	rules          *v1alpha1.RulesStatus
	deprovisioning *v1alpha1.DeprovisioningStatus
}

func mirrorIn(idp *v1alpha1.IdentityProvider) mirrored {
	return mirrored{idp.Status.Rules, idp.Status.Deprovisioning}
}

// unserved is what the status shows without an endpoint: who is held then, another controller
// writes.
func unserved(idp *v1alpha1.IdentityProvider) mirrored {
	return mirrored{deprovisioning: idp.Status.Deprovisioning}
}

func (m mirrored) holdID() string {
	if m.deprovisioning == nil {
		return ""
	}
	return m.deprovisioning.HoldID
}

// showProgress brings the counts in the status, and what the endpoint says of its users, up
// to date, or says how long to wait; a hold that begins or ends waits for nothing, nor does
// the last user to become inactive. The endpoint of a provider has the provider's name.
func (r *Reconciler) showProgress(idp *v1alpha1.IdentityProvider, said mirrored) time.Duration {
	key := client.ObjectKeyFromObject(idp)
	c := r.tally.get(key)
	if shown, ok := countsIn(idp); ok {
		mirror := mirrorIn(idp)
		if shown == c && equality.Semantic.DeepEqual(mirror.rules, said.rules) && equality.Semantic.DeepEqual(mirror.deprovisioning, said.deprovisioning) {
			return 0
		}
		emptied := c.active == 0 && shown.active > 0
		if wait := r.tally.wait(key, r.now()); wait > 0 && mirror.holdID() == said.holdID() && !emptied {
			return wait
		}
		r.tally.wrote(key, r.now())
	}
	s := &idp.Status
	s.Rules, s.Deprovisioning = said.rules, said.deprovisioning
	s.Users, s.Active, s.Technicians = ptr.To(c.users), ptr.To(c.active), ptr.To(c.technicians)
	s.Held, s.Rejected = ptr.To(c.held), ptr.To(c.rejected)
	s.Groups, s.UnresolvedMembers = ptr.To(c.groups), ptr.To(c.unresolved)
	return 0
}

func countsIn(idp *v1alpha1.IdentityProvider) (c counts, ok bool) {
	s := idp.Status
	for _, field := range []struct{ from, to *int64 }{
		{s.Users, &c.users}, {s.Active, &c.active}, {s.Held, &c.held}, {s.Rejected, &c.rejected}, {s.Technicians, &c.technicians}, {s.Groups, &c.groups}, {s.UnresolvedMembers, &c.unresolved},
	} {
		if field.from == nil {
			return counts{}, false
		}
		*field.to = *field.from
	}
	return c, true
}

// observeRules fails until the status shows that the rules for users have been applied,
// which may be later than the endpoint's does.
func observeRules(idp *v1alpha1.IdentityProvider) error {
	scim := idp.Spec.SCIM
	disabled := idp.Status.Provisioning == v1alpha1.ProvisioningDisabled
	if disabled || idp.Status.Rules == nil || idp.Status.Rules.Applied(identity.Digest(scim.OrganizationID, scim.AccountPolicy)) {
		return nil
	}
	return outcome.Waiting(v1alpha1.ReasonApplyingRules, "Users are being decided by the rules of the spec; status.rules says how far that has got.")
}

// weight says what an object adds to the counts, and to whose.
type weight func(client.Object) (endpoint client.ObjectKey, c counts)

func userWeight(obj client.Object) (client.ObjectKey, counts) {
	user := compact.UserOf(obj)
	key := client.ObjectKey{Namespace: user.Namespace, Name: user.Spec.EndpointRef.Name}
	var c counts
	if user.Live() && user.Linked() {
		c.users = 1
		if user.Status.UserType == v1alpha1.AccountTechnician {
			c.technicians = 1
		}
	}
	if outcome.IsTrue(user, v1alpha1.ConditionActive) {
		c.active = 1
	}
	if d := user.Status.Departure; c.active == 1 && d != nil {
		if c.rejected = 1; d.Held() {
			c.held, c.rejected = 1, 0
		}
	}
	return key, c
}

func groupWeight(obj client.Object) (client.ObjectKey, counts) {
	group := obj.(*v1alpha1.ScimGroup)
	key := client.ObjectKey{Namespace: group.Namespace, Name: group.Spec.EndpointRef.Name}
	if !group.Live() {
		return key, counts{}
	}
	return key, counts{groups: 1, unresolved: ptr.Deref(group.Status.UnresolvedMembers, 0)}
}

// counter is the event handler that keeps the tally: it sees every object once when the
// manager starts, before the first reconcile, and then every change with what was before.
type counter struct {
	tally *tally
	weigh weight
}

func (c counter) Create(_ context.Context, e event.CreateEvent, q enqueue.Queue) {
	c.move(nil, e.Object, q)
}

func (c counter) Update(_ context.Context, e event.UpdateEvent, q enqueue.Queue) {
	c.move(e.ObjectOld, e.ObjectNew, q)
}

func (c counter) Delete(_ context.Context, e event.DeleteEvent, q enqueue.Queue) {
	c.move(e.Object, nil, q)
}

// Generic does nothing: there are no such events about users and groups.
func (counter) Generic(context.Context, event.GenericEvent, enqueue.Queue) {}

func (c counter) move(before, after client.Object, q enqueue.Queue) {
	var from, to client.ObjectKey
	var minus, plus counts
	if before != nil {
		from, minus = c.weigh(before)
	}
	if after != nil {
		to, plus = c.weigh(after)
	}
	if from == to && minus == plus {
		return
	}
	for _, change := range []struct {
		endpoint client.ObjectKey
		c        counts
		sign     int64
	}{{from, minus, -1}, {to, plus, +1}} {
		if change.c == (counts{}) {
			continue
		}
		c.tally.add(change.endpoint, change.c, change.sign)
		q.AddAfter(reconcile.Request{NamespacedName: change.endpoint}, settle)
	}
}
