// SPDX-License-Identifier: Apache-2.0

// Package outcome ends every reconcile in the same way. Steps return what they found;
// this package alone turns it into the conditions Ready, Reconciling and Stalled, one
// patch of the status when it differs, an event and a log line when something changed,
// and the time of the next reconcile.
package outcome

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"scim-operator.io/api/v1alpha1"
)

// Owner is the field manager of everything that the manager writes.
const Owner = client.FieldOwner("scim-operator")

// outdatedRetry is how long a reconcile that met a newer object than it had read waits
// for its cache; the newer object's own event usually comes first.
const outdatedRetry = time.Second

// Result is what the steps came to.
type Result struct {
	// Reason and Message of Ready when the steps returned no error.
	Reason, Message string
	// Next is when to reconcile again although no event asks for it; zero for never.
	Next time.Duration
}

// Reporter writes down what became of the reconciles of one kind.
type Reporter struct {
	client client.Client
	events events.EventRecorder
	// quiet says that only what steps add is announced.
	quiet bool

	mu sync.Mutex
	// written is the last written status of each object until the cache has it.
	written map[client.ObjectKey]version
}

type version struct {
	uid             types.UID
	resourceVersion string
}

// NewReporter makes a Reporter. Without events it is as quiet as can be.
func NewReporter(c client.Client, events events.EventRecorder) *Reporter {
	return &Reporter{client: c, events: events, quiet: events == nil, written: map[client.ObjectKey]version{}}
}

// NewQuietReporter makes a Reporter for kinds that come in thousands: changes of Ready are
// neither sent nor, unless debugging, logged; what steps add is sent.
func NewQuietReporter(c client.Client, events events.EventRecorder) *Reporter {
	r := NewReporter(c, events)
	r.quiet = true
	return r
}

// Pass is one reconcile of one object.
type Pass struct {
	reporter *Reporter
	object   Object
	before   Object
	observed **int64
	exact    bool
	notices  []notice
}

type notice struct{ kind, reason, message string }

// Begin reads an object from the cache into obj and starts its reconcile. The steps then
// change its status in place; observed points to where it keeps its observedGeneration.
//
// The error is NotFound, or ErrOutdated while the cache does not have the status that
// the last reconcile has written: seen from before it, a transition would happen twice.
func (r *Reporter) Begin(ctx context.Context, key client.ObjectKey, obj Object, observed **int64) (*Pass, error) {
	err := r.client.Get(ctx, key, obj)
	if apierrors.IsNotFound(err) {
		r.forget(key)
	}
	if err != nil {
		return nil, err
	}
	if r.outdated(key, obj) {
		return nil, ErrOutdated
	}
	return &Pass{reporter: r, object: obj, before: obj.DeepCopyObject().(Object), observed: observed}, nil
}

// Skip says what to do when Begin has returned an error.
func Skip(err error) (ctrl.Result, error) {
	if outdated(err) {
		return ctrl.Result{RequeueAfter: outdatedRetry}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

func (r *Reporter) outdated(key client.ObjectKey, obj Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.written[key]
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), last.resourceVersion)
	if obj.GetUID() == last.uid && err == nil && order < 0 {
		return true
	}
	delete(r.written, key)
	return false
}

func (r *Reporter) forget(key client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.written, key)
}

func (r *Reporter) wrote(obj Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[client.ObjectKeyFromObject(obj)] = version{obj.GetUID(), obj.GetResourceVersion()}
}

// Before is the condition as it was when the reconcile began.
func (p *Pass) Before(conditionType string) metav1.Condition {
	return Find(p.before, conditionType)
}

// Warn adds an event about the object that is sent once the status says the same.
func (p *Pass) Warn(reason, message string) {
	p.notices = append(p.notices, notice{corev1.EventTypeWarning, reason, message})
}

// Tell adds an event like Warn, about something good.
func (p *Pass) Tell(reason, message string) {
	p.notices = append(p.notices, notice{corev1.EventTypeNormal, reason, message})
}

// Exact makes the status be written only over the version that was read: for a list in
// the status to which others write too.
func (p *Pass) Exact() { p.exact = true }

// Save writes a change of the status at once, over the version that was read and no other:
// for what must be on record before a step does it.
func (p *Pass) Save(ctx context.Context, change func(Object)) error {
	saved := p.before.DeepCopyObject().(Object)
	change(saved)
	target := saved.DeepCopyObject().(Object)
	patch := client.MergeFromWithOptions(p.before, client.MergeFromWithOptimisticLock{})
	if err := p.reporter.client.Status().Patch(ctx, target, patch, Owner); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	p.reporter.wrote(target)
	saved.SetResourceVersion(target.GetResourceVersion())
	p.before = saved
	change(p.object)
	p.object.SetResourceVersion(target.GetResourceVersion())
	return nil
}

// Annotate writes an annotation at once, over the version that was read and no other; ""
// takes it away. It is for what must outlive the status.
func (p *Pass) Annotate(ctx context.Context, name, value string) error {
	if p.object.GetAnnotations()[name] == value {
		return nil
	}
	annotated := p.before.DeepCopyObject().(Object)
	annotations := maps.Clone(annotated.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	if annotations[name] = value; value == "" {
		delete(annotations, name)
	}
	annotated.SetAnnotations(annotations)
	patch := client.MergeFromWithOptions(p.before, client.MergeFromWithOptimisticLock{})
	if err := p.reporter.client.Patch(ctx, annotated, patch, Owner); err != nil {
		return fmt.Errorf("write the annotation %s: %w", name, err)
	}
	p.reporter.wrote(annotated)
	for _, obj := range []Object{p.before, p.object} {
		obj.SetAnnotations(maps.Clone(annotations))
		obj.SetResourceVersion(annotated.GetResourceVersion())
	}
	return nil
}

// End writes down what the steps came to and says when to reconcile again.
func (p *Pass) End(ctx context.Context, result Result, err error) (ctrl.Result, error) {
	if ctx.Err() != nil {
		// The manager stops or has lost its lease: what it would write may be wrong.
		return ctrl.Result{}, ctx.Err()
	}
	if terminating(err) {
		log.FromContext(ctx).V(1).Info("the namespace is being deleted, nothing to do")
		return ctrl.Result{}, nil
	}
	if outdated(err) {
		log.FromContext(ctx).V(1).Info("read an outdated object, trying again", "error", err.Error())
		return ctrl.Result{RequeueAfter: outdatedRetry}, nil
	}
	p.summarize(result, err)
	switch patchErr := p.patch(ctx); {
	case outdated(patchErr):
		return ctrl.Result{RequeueAfter: outdatedRetry}, nil
	case apierrors.IsNotFound(patchErr):
		return ctrl.Result{}, nil
	case patchErr != nil:
		return ctrl.Result{}, fmt.Errorf("write the status: %w", patchErr)
	}
	p.announce(ctx)
	return p.requeue(result, err)
}

// summarize sets Ready, Reconciling and Stalled from what the steps came to.
func (p *Pass) summarize(result Result, err error) {
	generation := p.object.GetGeneration()
	*p.observed = &generation
	if err == nil {
		Set(p.object, v1alpha1.ConditionReady, true, result.Reason, result.Message)
		Remove(p.object, v1alpha1.ConditionReconciling)
		Remove(p.object, v1alpha1.ConditionStalled)
		return
	}
	v := judge(err)
	present, absent := v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled
	if v.stalled {
		present, absent = absent, present
	}
	Set(p.object, v1alpha1.ConditionReady, false, v.reason, v.message)
	Set(p.object, present, true, v.reason, v.message)
	Remove(p.object, absent)
}

// patch writes the status when it differs from what was read.
func (p *Pass) patch(ctx context.Context) error {
	if equality.Semantic.DeepEqual(p.before, p.object) {
		return nil
	}
	patch := client.MergeFrom(p.before)
	if p.exact {
		patch = client.MergeFromWithOptions(p.before, client.MergeFromWithOptimisticLock{})
	}
	// The answer must not replace the object: its status is compared once more.
	target := p.object.DeepCopyObject().(Object)
	if err := p.reporter.client.Status().Patch(ctx, target, sameObject{patch, p.before.GetUID()}, Owner); err != nil {
		return err
	}
	p.reporter.wrote(target)
	return nil
}

// sameObject makes a merge patch fail that meets another object of the name, made since the
// one that was read was deleted.
type sameObject struct {
	client.Patch
	uid types.UID
}

// Data implements client.Patch.
func (s sameObject) Data(obj client.Object) ([]byte, error) {
	data, err := s.Patch.Data(obj)
	if err != nil {
		return nil, err
	}
	var patch map[string]any
	if err := json.Unmarshal(data, &patch); err != nil {
		return nil, err
	}
	metadata, _ := patch["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["uid"] = s.uid
	patch["metadata"] = metadata
	return json.Marshal(patch)
}

// announce logs and sends an event when Ready changed, and sends what the steps added.
func (p *Pass) announce(ctx context.Context) {
	before, now := Find(p.before, v1alpha1.ConditionReady), Find(p.object, v1alpha1.ConditionReady)
	if before.Status != now.Status || before.Reason != now.Reason {
		p.reporter.log(ctx).Info("readiness changed", "ready", now.Status, "reason", now.Reason, "message", now.Message)
		switch {
		case p.reporter.quiet:
		case now.Status == metav1.ConditionTrue:
			p.send(notice{corev1.EventTypeNormal, now.Reason, now.Message})
		case IsTrue(p.object, v1alpha1.ConditionStalled) || now.Reason == v1alpha1.ReasonReconcileFailed:
			p.Warn(now.Reason, now.Message)
		}
	}
	sent := map[notice]bool{}
	for _, n := range p.notices {
		if !sent[n] {
			p.send(n)
			sent[n] = true
		}
	}
}

func (r *Reporter) log(ctx context.Context) logr.Logger {
	if r.quiet {
		return log.FromContext(ctx).V(1)
	}
	return log.FromContext(ctx)
}

func (p *Pass) send(n notice) {
	if p.reporter.events != nil {
		send(p.reporter.events, p.object, n)
	}
}

// Warn sends an event about an object whose status is written without a Pass.
func Warn(events events.EventRecorder, obj client.Object, reason, message string) {
	send(events, obj, notice{corev1.EventTypeWarning, reason, message})
}

func send(events events.EventRecorder, obj client.Object, n notice) {
	events.Eventf(obj, nil, n.kind, n.reason, "Reconcile", "%s", Clip(n.message))
}

func (p *Pass) requeue(result Result, err error) (ctrl.Result, error) {
	if err == nil {
		return ctrl.Result{RequeueAfter: result.Next}, nil
	}
	v := judge(err)
	if v.backOff {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: Earliest(result.Next, v.retryAfter)}, nil
}
