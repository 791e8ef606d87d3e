// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"scim-operator.io/api/v1alpha1"
)

var key = client.ObjectKey{Namespace: "acme", Name: "okta"}

// bench is an endpoint at an API server, with a cache that can be made to lag.
type bench struct {
	client  client.Client
	events  *events.FakeRecorder
	writes  int
	stale   *v1alpha1.ScimEndpoint
	patched error
}

func newBench(t *testing.T) (*bench, *Reporter) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := &bench{events: events.NewFakeRecorder(16)}
	ep := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: "1", Generation: 1}}
	b.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(ep).WithStatusSubresource(ep).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if b.stale != nil {
					b.stale.DeepCopyInto(obj.(*v1alpha1.ScimEndpoint))
					return nil
				}
				return c.Get(ctx, key, obj, opts...)
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
				if b.patched != nil {
					return b.patched
				}
				b.writes++
				return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			},
		}).Build()
	return b, NewReporter(b.client, b.events)
}

// reconcile runs one reconcile whose steps come to the given end.
func (b *bench) reconcile(ctx context.Context, r *Reporter, result Result, err error) (ctrl.Result, error) {
	ep := &v1alpha1.ScimEndpoint{}
	pass, beginErr := r.Begin(ctx, key, ep, &ep.Status.ObservedGeneration)
	if beginErr != nil {
		return Skip(beginErr)
	}
	return pass.End(ctx, result, err)
}

func (b *bench) sent() (all []string) {
	for {
		select {
		case e := <-b.events.Events:
			all = append(all, e)
		default:
			return all
		}
	}
}

func (b *bench) endpoint(t *testing.T) *v1alpha1.ScimEndpoint {
	t.Helper()
	ep := &v1alpha1.ScimEndpoint{}
	if err := b.client.Get(t.Context(), key, ep); err != nil {
		t.Fatal(err)
	}
	return ep
}

func TestEnd(t *testing.T) {
	done := Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving.", Next: time.Hour}
	fault := errors.New("the API server did not answer")
	for _, row := range []struct {
		name       string
		err        error
		conditions []string
		event      string
		requeue    time.Duration
		returned   error
	}{
		{name: "success", conditions: []string{"Ready=True/Succeeded"}, event: "Normal Succeeded Serving.", requeue: time.Hour},
		{name: "waiting", err: Waiting(v1alpha1.ReasonProgressing, "Soon.").After(time.Second),
			conditions: []string{"Ready=False/Progressing", "Reconciling=True/Progressing"}, requeue: time.Second},
		{name: "stalled", err: Stalled(v1alpha1.ReasonInvalidSpec, "Bad."),
			conditions: []string{"Ready=False/InvalidSpec", "Stalled=True/InvalidSpec"}, event: "Warning InvalidSpec Bad.", requeue: time.Hour},
		{name: "a passing fault", err: fault,
			conditions: []string{"Ready=False/ReconcileFailed", "Reconciling=True/ReconcileFailed"},
			event:      "Warning ReconcileFailed the API server did not answer", returned: fault},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, r := newBench(t)
			for range 3 {
				result, err := b.reconcile(t.Context(), r, done, row.err)
				if !errors.Is(err, row.returned) || result.RequeueAfter != row.requeue {
					t.Errorf("got %v and %v", result, err)
				}
			}
			ep := b.endpoint(t)
			var conditions []string
			for _, c := range ep.Status.Conditions {
				conditions = append(conditions, c.Type+"="+string(c.Status)+"/"+c.Reason)
			}
			if !slices.Equal(conditions, row.conditions) || ptr.Deref(ep.Status.ObservedGeneration, 0) != 1 {
				t.Errorf("the status is %v, observedGeneration %v", conditions, ep.Status.ObservedGeneration)
			}
			if b.writes != 1 {
				t.Errorf("three equal reconciles wrote %d times", b.writes)
			}
			var want []string
			if row.event != "" {
				want = []string{row.event}
			}
			if sent := b.sent(); !slices.Equal(sent, want) {
				t.Errorf("sent %q, want %q", sent, want)
			}
		})
	}
}

func TestReconcilingAndStalledGoWhenTheObjectIsReady(t *testing.T) {
	b, r := newBench(t)
	for _, err := range []error{Stalled(v1alpha1.ReasonInvalidSpec, "Bad."), Waiting(v1alpha1.ReasonProgressing, "Soon."), nil} {
		if _, err := b.reconcile(t.Context(), r, Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving."}, err); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.endpoint(t).Status.Conditions; len(got) != 1 || got[0].Type != v1alpha1.ConditionReady {
		t.Errorf("the conditions are %v", got)
	}
}

func TestNothingIsWritten(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		name    string
		ctx     context.Context
		err     error
		want    error
		requeue time.Duration
	}{
		{"when the manager stops", cancelled, nil, context.Canceled, 0},
		{"from what is outdated", t.Context(), ErrOutdated, nil, outdatedRetry},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, r := newBench(t)
			result, err := b.reconcile(row.ctx, r, Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving."}, row.err)
			if !errors.Is(err, row.want) || result.RequeueAfter != row.requeue || b.writes != 0 {
				t.Errorf("got %v and %v after %d writes", result, err, b.writes)
			}
		})
	}
}

func TestAStatusOlderThanTheLastOneWrittenIsNotActedOn(t *testing.T) {
	b, r := newBench(t)
	before := b.endpoint(t)
	done := Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving."}
	if _, err := b.reconcile(t.Context(), r, done, nil); err != nil {
		t.Fatal(err)
	}
	b.sent()
	b.stale = before
	result, err := b.reconcile(t.Context(), r, done, nil)
	if err != nil || result.RequeueAfter != outdatedRetry || b.writes != 1 || len(b.sent()) != 0 {
		t.Errorf("with a lagging cache: %v, %v, %d writes", result, err, b.writes)
	}
	b.stale = nil
	if _, err := b.reconcile(t.Context(), r, done, nil); err != nil {
		t.Fatal(err)
	}
	if len(r.written) != 0 {
		t.Error("what was written is remembered although the cache has it")
	}
}

func TestAStatusThatCannotBeWrittenIsTriedAgainWithoutAnEvent(t *testing.T) {
	b, r := newBench(t)
	b.patched = errors.New("boom")
	_, err := b.reconcile(t.Context(), r, Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving."}, nil)
	if !errors.Is(err, b.patched) || len(b.sent()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsSavedIsOnRecordBeforeTheEnd(t *testing.T) {
	b, r := newBench(t)
	ep := &v1alpha1.ScimEndpoint{}
	pass, err := r.Begin(t.Context(), key, ep, &ep.Status.ObservedGeneration)
	if err != nil {
		t.Fatal(err)
	}
	ep.Status.BaseURL = "https://scim.acme.com"
	err = pass.Save(t.Context(), func(obj Object) { obj.(*v1alpha1.ScimEndpoint).Status.Routes = []string{"scim.acme.com"} })
	if err != nil {
		t.Fatal(err)
	}
	if saved := b.endpoint(t).Status; !slices.Equal(saved.Routes, []string{"scim.acme.com"}) || saved.BaseURL != "" || len(saved.Conditions) > 0 {
		t.Errorf("saved is %+v", saved)
	}
	ep.Status.Routes = nil
	if _, err := pass.End(t.Context(), Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving."}, nil); err != nil {
		t.Fatal(err)
	}
	if end := b.endpoint(t).Status; end.Routes != nil || end.BaseURL == "" || len(end.Conditions) != 1 || b.writes != 2 {
		t.Errorf("in the end it is %+v, after %d writes", end, b.writes)
	}
}

func TestWhatIsSavedIsSavedOverTheVersionThatWasReadOnly(t *testing.T) {
	b, r := newBench(t)
	ep := &v1alpha1.ScimEndpoint{}
	pass, err := r.Begin(t.Context(), key, ep, &ep.Status.ObservedGeneration)
	if err != nil {
		t.Fatal(err)
	}
	other := b.endpoint(t)
	other.Spec.OrganizationID = "42"
	if err := b.client.Update(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	err = pass.Save(t.Context(), func(obj Object) { obj.(*v1alpha1.ScimEndpoint).Status.Routes = []string{"scim.acme.com"} })
	if !outdated(err) || ep.Status.Routes != nil || b.endpoint(t).Status.Routes != nil {
		t.Errorf("got %v", err)
	}
}
