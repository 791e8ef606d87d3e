// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"scim-operator.io/api/v1alpha1"
)

func TestJoin(t *testing.T) {
	fault := errors.New("the API server did not answer")
	waiting := Waiting(v1alpha1.ReasonProgressing, "waiting").After(2 * time.Second)
	stalled := Stalled(v1alpha1.ReasonChildConflict, "in the way").After(30 * time.Second)
	for _, row := range []struct {
		name       string
		errs       []error
		reason     string
		stalled    bool
		backOff    bool
		retryAfter time.Duration
	}{
		{name: "one waits", errs: []error{nil, waiting}, reason: v1alpha1.ReasonProgressing, retryAfter: 2 * time.Second},
		{name: "the graver failure is reported, the sooner retry kept", errs: []error{waiting, stalled},
			reason: v1alpha1.ReasonChildConflict, stalled: true, retryAfter: 2 * time.Second},
		{name: "of equals the first is reported", errs: []error{stalled, Stalled(v1alpha1.ReasonInvalidSpec, "bad")},
			reason: v1alpha1.ReasonChildConflict, stalled: true, retryAfter: 30 * time.Second},
		{name: "a passing fault is never forgotten for a failure that waits for a person", errs: []error{stalled, fault},
			reason: v1alpha1.ReasonReconcileFailed, backOff: true},
		{name: "two faults", errs: []error{fault, fault}, reason: v1alpha1.ReasonReconcileFailed, backOff: true},
		{name: "a wrapped failure keeps its kind", errs: []error{fmt.Errorf("step: %w", stalled)},
			reason: v1alpha1.ReasonChildConflict, stalled: true, retryAfter: 30 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := judge(Join(row.errs...))
			if v.reason != row.reason || v.stalled != row.stalled || v.backOff != row.backOff || v.retryAfter != row.retryAfter {
				t.Errorf("got %+v", v)
			}
		})
	}
	if err := Join(nil, nil); err != nil {
		t.Errorf("nothing failed, and the result is %v", err)
	}
	if waiting.RetryAfter != 2*time.Second || stalled.RetryAfter != 30*time.Second {
		t.Error("joining changed the errors that were joined")
	}
}

func TestOutdated(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "scimusers"}, "barbara", errors.New("changed"))
	for _, row := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"a conflict", fmt.Errorf("write: %w", conflict), true},
		{"said so by a step", Join(ErrOutdated, Stalled(v1alpha1.ReasonInvalidSpec, "bad")), true},
		{"another fault", errors.New("boom"), false},
		{"a failure", Waiting(v1alpha1.ReasonProgressing, "waiting"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := outdated(row.err); got != row.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestTerminatingEndsAllSteps(t *testing.T) {
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "okta-scim", errors.New("it is being terminated"))
	refused.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "okta-scim", errors.New("not allowed"))
	for _, row := range []struct {
		name string
		err  error
		want bool
	}{
		{"one step is refused for it", Join(errors.New("boom"), fmt.Errorf("apply: %w", refused)), true},
		{"one waits and one is refused for it", Join(Stalled(v1alpha1.ReasonInvalidSpec, "bad"), refused), true},
		{"refused for something else", forbidden, false},
		{"no error", nil, false},
	} {
		if got := terminating(row.err); got != row.want {
			t.Errorf("%s: got %t", row.name, got)
		}
	}
}

func TestEarliest(t *testing.T) {
	for _, row := range []struct{ a, b, want time.Duration }{
		{0, 0, 0}, {0, time.Second, time.Second}, {time.Second, 0, time.Second}, {time.Second, time.Minute, time.Second},
	} {
		if got := Earliest(row.a, row.b); got != row.want {
			t.Errorf("Earliest(%s, %s) is %s", row.a, row.b, got)
		}
	}
}

func TestClipCutsBetweenCharacters(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("é", maxMessage), strings.Repeat("a", maxMessage+1)} {
		got := Clip(text)
		if len(got) > maxMessage || !utf8.ValidString(got) {
			t.Errorf("%d bytes became %d bytes, valid %t", len(text), len(got), utf8.ValidString(got))
		}
		if len(text) <= maxMessage && got != text {
			t.Errorf("%q was changed", text)
		}
	}
}
