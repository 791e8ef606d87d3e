// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

const (
	// maxExamples is how many users a preview names.
	maxExamples = 10
	// tryInterval is how often, at most, a preview is tried while the directory changes.
	// A directory that takes long to try is tried less often: a tenth of the time.
	tryInterval = 10 * time.Second
	tryShare    = 10
)

// preview is the last trial of the rules of a preview.
type preview struct {
	digest string
	due    time.Time
	status *v1alpha1.PreviewStatus
}

// tryPreview tries the rules of the preview on the whole directory when they are new or
// the directory has changed, and says when to come back, zero for never.
func (s *sweeper) tryPreview(ctx context.Context, ep *v1alpha1.ScimEndpoint, rules edition, st *state) (time.Duration, error) {
	s.mu.Lock()
	st.previewing = rules.tried != nil
	s.mu.Unlock()
	p := &st.preview
	if rules.tried == nil {
		*p = preview{}
		return 0, nil
	}
	if p.digest == rules.previewDigest {
		wait := p.due.Sub(s.now())
		switch stale := s.isStale(st); {
		case !stale:
			return 0, nil
		case wait > 0:
			return wait, nil
		}
	}
	s.take(&st.stale)
	began := s.now()
	status, err := s.try(ctx, ep, rules)
	if err != nil {
		return 0, err
	}
	took := s.now().Sub(began)
	*p = preview{digest: rules.previewDigest, status: status, due: s.now().Add(max(tryInterval, tryShare*took))}
	return 0, nil
}

// try decides about every user twice: by the rules in force and by those of the preview.
func (s *sweeper) try(ctx context.Context, ep *v1alpha1.ScimEndpoint, rules edition) (*v1alpha1.PreviewStatus, error) {
	status := &v1alpha1.PreviewStatus{ObservedRules: rules.previewDigest}
	if err := rules.tried.Err(); err != nil {
		status.Message = outcome.Clip("preview: " + firstLines(err))
		return status, nil
	}
	up := &members.Upward{Reader: s.client, Endpoint: client.ObjectKeyFromObject(ep)}
	var t trial
	for bucket := range buckets {
		users, err := s.bucket(ctx, up.Endpoint, bucket)
		if err != nil {
			return nil, err
		}
		for i := range users {
			if err := t.add(ctx, rules, up, &users[i]); err != nil {
				return nil, err
			}
		}
	}
	status.Users, status.Changed, status.Examples = ptr.To(t.users), ptr.To(t.changed), t.examples
	return status, nil
}

// trial counts the live users who would change, and keeps the first of them by name.
type trial struct {
	users, changed int64
	examples       []v1alpha1.PreviewExample
}

func (t *trial) add(ctx context.Context, rules edition, up *members.Upward, user *v1alpha1.ScimUser) error {
	if !user.Live() {
		return nil
	}
	t.users++
	now, err := decideWith(ctx, rules.inForce, up, user)
	if err != nil {
		return err
	}
	then, err := decideWith(ctx, rules.tried, up, user)
	if err != nil {
		return err
	}
	change := identity.Change(*now, *then)
	if change == "" {
		return nil
	}
	t.changed++
	example := v1alpha1.PreviewExample{UserName: user.Spec.UserName, Change: outcome.Clip(change)}
	at, _ := slices.BinarySearchFunc(t.examples, example, func(a, b v1alpha1.PreviewExample) int { return cmp.Compare(a.UserName, b.UserName) })
	t.examples = slices.Insert(t.examples, at, example)
	t.examples = t.examples[:min(len(t.examples), maxExamples)]
	return nil
}

func (s *sweeper) isStale(st *state) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return st.stale
}

// previewed is the event handler of what a preview depends on; of says whose it is.
func (s *sweeper) previewed(of func(client.Object) string) handler.EventHandler {
	changed := func(obj client.Object, q enqueue.Queue) {
		endpoint := client.ObjectKey{Namespace: obj.GetNamespace(), Name: of(obj)}
		if s.outdate(endpoint) {
			q.AddAfter(reconcile.Request{NamespacedName: endpoint}, settle)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q enqueue.Queue) { changed(e.Object, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q enqueue.Queue) { changed(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q enqueue.Queue) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				changed(e.ObjectNew, q)
			}
		},
	}
}

// outdate marks an endpoint's preview as outdated; it is false when there is none or it
// is marked already.
func (s *sweeper) outdate(endpoint client.ObjectKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.states[endpoint]
	if !ok || !st.previewing || st.stale {
		return false
	}
	st.stale = true
	return true
}
