// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// user makes a user whom the manager has looked at.
func (f *fixture) newUser() *v1alpha1.ScimUser {
	f.t.Helper()
	u := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, GenerateName: "u-"},
		Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: endpointName}, UserName: "ada"},
	}
	f.create(u)
	return u
}

// decide is what the manager does: it replaces the list of conditions, with what others
// have in it.
func (f *fixture) decide(u *v1alpha1.ScimUser) {
	f.t.Helper()
	f.read(u)
	before := u.DeepCopy()
	u.Status.ObservedGeneration = ptr.To(u.Generation)
	meta.SetStatusCondition(&u.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonSucceeded, Message: "x", ObservedGeneration: u.Generation})
	if err := admin.Status().Patch(context.Background(), u, client.MergeFrom(before)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) read(u *v1alpha1.ScimUser) {
	f.t.Helper()
	if err := admin.Get(context.Background(), client.ObjectKeyFromObject(u), u); err != nil {
		f.t.Fatal(err)
	}
}

// noted is the condition Refused of a user as it is now.
func (f *fixture) noted(u *v1alpha1.ScimUser) *metav1.Condition {
	f.t.Helper()
	f.read(u)
	return meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionRefused)
}

func (f *fixture) mayNote() {
	f.t.Helper()
	f.create(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "notes", Namespace: f.namespace}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"scimusers"}, Verbs: []string{"get"}},
		{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"scimusers/status"}, Verbs: []string{"patch"}},
	}})
	f.create(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "notes", Namespace: f.namespace},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "notes"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: f.user()}}})
}

func TestIgnoredAttributesAreNoted(t *testing.T) {
	f := newFixture(t)
	f.mayNote()
	r := f.start("okta-scim-1")
	u := f.newUser()
	f.decide(u)
	r.Ignored(u.Name, u.Generation, "PATCH was applied without shoeSize")
	eventually(t, "it is noted", func() bool {
		c := f.noted(u)
		return c != nil && c.Reason == v1alpha1.ReasonAttributesIgnored && c.Status == metav1.ConditionTrue && c.Message == "PATCH was applied without shoeSize"
	})
	r.Accepted(u.Name)
	eventually(t, "a request that is applied as a whole takes it away", func() bool { return f.noted(u) == nil })
}

func TestRefusalsAreNoted(t *testing.T) {
	f := newFixture(t)
	f.mayNote()
	clock := clocktesting.NewFakeClock(time.Now())
	withClock := func(c *Config) { c.Clock = clock }
	one, two := f.start("okta-scim-1", withClock), f.start("okta-scim-2", withClock)
	u := f.newUser()
	f.decide(u)
	is := func(reason string) func() bool {
		return func() bool { c := f.noted(u); return c != nil && c.Reason == reason }
	}

	one.Refused(u.Name, u.Generation, http.StatusBadRequest, "invalidValue", "active: it must be true or false")
	eventually(t, "the refusal is noted", is(v1alpha1.ReasonInvalidValue))
	c := f.noted(u)
	if c.Status != metav1.ConditionTrue || c.Message != "active: it must be true or false" || c.ObservedGeneration != u.Generation || c.LastTransitionTime.IsZero() {
		t.Errorf("the condition is %+v", c)
	}
	if len(u.Status.Conditions) != 2 {
		t.Errorf("the conditions are %+v", u.Status.Conditions)
	}

	// The manager leaves it, and what is noted again changes nothing.
	f.decide(u)
	revision := u.ResourceVersion
	two.Refused(u.Name, u.Generation, http.StatusBadRequest, "invalidValue", "active: it must be true or false")
	eventually(t, "the note has been taken up", func() bool { return two.refusals.idle() })
	if f.noted(u); u.ResourceVersion != revision {
		t.Error("the same note was written again")
	}

	// Not twice in a minute.
	one.Refused(u.Name, u.Generation, http.StatusBadRequest, "mutability", "id: it cannot be changed")
	eventually(t, "the note waits", clock.HasWaiters)
	if c := f.noted(u); c == nil || c.Reason != v1alpha1.ReasonInvalidValue {
		t.Errorf("within a minute: %+v", c)
	}
	eventually(t, "the next is noted a minute later", func() bool { clock.Step(noteInterval); return is(v1alpha1.ReasonMutability)() })

	// Another replica may take it away, and only it.
	two.Accepted(u.Name)
	eventually(t, "the refusal is gone", func() bool { return f.noted(u) == nil })
	if len(u.Status.Conditions) != 1 {
		t.Errorf("the conditions are %+v", u.Status.Conditions)
	}
	revision = u.ResourceVersion
	two.Accepted(u.Name)
	eventually(t, "the note has been taken up", func() bool { return two.refusals.idle() })
	if f.read(u); u.ResourceVersion != revision {
		t.Error("something was written where nothing was noted")
	}
}

func TestARefusalOfAnOlderUserIsNotNoted(t *testing.T) {
	f := newFixture(t)
	f.mayNote()
	r := f.start("okta-scim-1")
	u := f.newUser()
	accept := func(at time.Time) {
		u.Spec.DisplayName, u.Spec.LastModifiedTime = "Ada", ptr.To(metav1.NewMicroTime(at))
		if err := admin.Update(context.Background(), u); err != nil {
			t.Fatal(err)
		}
		f.decide(u)
	}
	accept(time.Now().Add(time.Hour)) // after the refusal
	r.Refused(u.Name, u.Generation-1, http.StatusBadRequest, "invalidValue", "x")
	eventually(t, "the note has been taken up", func() bool { return r.refusals.idle() })
	if c := f.noted(u); c != nil {
		t.Errorf("noted: %+v", c)
	}
}

// TestARefusalIsNotedAlthoughAPersonChangesThePreferences: that is no request of the
// identity provider.
func TestARefusalIsNotedAlthoughAPersonChangesThePreferences(t *testing.T) {
	f := newFixture(t)
	f.mayNote()
	r := f.start("okta-scim-1")
	u := f.newUser()
	u.Spec.PreferredLanguage = "de"
	if err := admin.Update(context.Background(), u); err != nil {
		t.Fatal(err)
	}
	f.decide(u)
	r.Refused(u.Name, u.Generation-1, http.StatusBadRequest, "invalidValue", "x")
	eventually(t, "the refusal is noted", func() bool { return f.noted(u) != nil })
}

func TestReasonsOfRefusals(t *testing.T) {
	for _, row := range []struct {
		status   int
		scimType string
		want     string
	}{
		{http.StatusPreconditionFailed, "", v1alpha1.ReasonVersionOutdated},
		{http.StatusBadRequest, "invalidVers", v1alpha1.ReasonRequestRefused},
		{http.StatusConflict, "uniqueness", v1alpha1.ReasonUniqueness},
		{http.StatusBadRequest, "noTarget", v1alpha1.ReasonNoTarget},
		{http.StatusRequestEntityTooLarge, "", v1alpha1.ReasonRequestRefused},
	} {
		if got := refusedReason(row.status, row.scimType); got != row.want {
			t.Errorf("%d %s is %s, want %s", row.status, row.scimType, got, row.want)
		}
	}
}

func TestSinceWhenRequestsAreRefused(t *testing.T) {
	second := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	in := func(d time.Duration) *metav1.MicroTime { return ptr.To(metav1.NewMicroTime(second.Add(d))) }
	for _, row := range []struct {
		name     string
		modified *metav1.MicroTime
		before   *time.Time
		refused  time.Duration
		want     time.Duration
	}{
		{"the first request after the creation", nil, nil, 2500 * time.Millisecond, 2 * time.Second},
		{"long after the last change", in(-time.Hour), nil, 0, 0},
		{"in the second of the last change, and after it", in(100 * time.Millisecond), nil, 900 * time.Millisecond, time.Second},
		{"refused before, and nothing accepted since", in(-time.Hour), &second, time.Minute, 0},
		{"refused before, and accepted since", in(time.Minute), &second, time.Hour, time.Hour},
		{"accepted by a server whose clock is ahead", in(time.Minute), nil, 0, time.Minute + time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{LastModifiedTime: row.modified}}
			var before *metav1.Condition
			if row.before != nil {
				before = &metav1.Condition{LastTransitionTime: metav1.NewTime(*row.before)}
			}
			c := refusedCondition(u, before, note{at: second.Add(row.refused)})
			if since := c.LastTransitionTime.Time; !since.Equal(second.Add(row.want)) || u.ModifiedAfter(since) {
				t.Errorf("since %v", since)
			}
		})
	}
}

func TestARefusalWaitsForTheManager(t *testing.T) {
	f := newFixture(t)
	f.mayNote()
	clock := clocktesting.NewFakeClock(time.Now())
	r := f.start("okta-scim-1", func(c *Config) { c.Clock = clock })
	u := f.newUser()
	r.Refused(u.Name, u.Generation, http.StatusBadRequest, "invalidValue", "x")
	eventually(t, "the note waits", clock.HasWaiters)
	if c := f.noted(u); c != nil {
		t.Errorf("noted in a status that nobody has written: %+v", c)
	}
	f.decide(u)
	eventually(t, "it is noted", func() bool { clock.Step(noteRetry); return f.noted(u) != nil })
}

func TestNotesAreBounded(t *testing.T) {
	f := newRefusals(clocktesting.NewFakeClock(time.Now()))
	for i := range 2 * maxNotes {
		f.add("u-"+strconv.Itoa(i), note{reason: v1alpha1.ReasonInvalidValue})
	}
	if n := len(f.pending); n != maxNotes {
		t.Errorf("%d notes wait, want %d", n, maxNotes)
	}
	f.queue.ShutDown()
}

// idle says that no note waits or is being written.
func (f *refusals) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending) == 0 && !f.writing
}
