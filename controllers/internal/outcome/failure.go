// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"scim-operator.io/api/v1alpha1"
)

// Failure is a reconcile that did not get to its end for a known reason. Every other
// error is taken for a passing fault and retried with back-off.
type Failure struct {
	// Reason is one of the reasons of v1alpha1, Message a sentence for people.
	Reason, Message string
	// RetryAfter is when to look again although no event asks for it; zero for never.
	RetryAfter time.Duration
	stalled    bool
}

// Error gives reason and message.
func (f *Failure) Error() string { return f.Reason + ": " + f.Message }

// Waiting says that the object waits for something that comes without anybody touching
// the object: Ready is False and Reconciling is True.
func Waiting(reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Stalled says that nothing will change until a person changes something: Ready is
// False and Stalled is True.
func Stalled(reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...), stalled: true}
}

// After makes the object be looked at again without an event.
func (f *Failure) After(d time.Duration) *Failure {
	f.RetryAfter = d
	return f
}

// verdict is what an error means for the object's conditions.
type verdict struct {
	reason, message string
	stalled         bool
	// backOff leaves the time of the next try to the queue; else retryAfter says it.
	backOff    bool
	retryAfter time.Duration
}

func judge(err error) verdict {
	var f *Failure
	if errors.As(err, &f) {
		return verdict{reason: f.Reason, message: f.Message, stalled: f.stalled, retryAfter: f.RetryAfter}
	}
	return verdict{reason: v1alpha1.ReasonReconcileFailed, message: err.Error(), backOff: true}
}

// ErrOutdated says that the cache lags behind the API server. Nothing is written, and
// the object is reconciled again.
var ErrOutdated = errors.New("the cached object is outdated")

func outdated(err error) bool {
	return errors.Is(err, ErrOutdated) || apierrors.IsConflict(err)
}

// terminating says that an object could not be made because its namespace is being
// deleted, and the owner with it.
func terminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// Join makes one error of what several steps came to: that the namespace is being
// deleted, which ends all of them; else a passing fault if there is any,
// since only back-off brings it round; else the gravest failure, to be looked at again
// when the first of them asks for it. It returns nil when nothing failed.
func Join(errs ...error) error {
	var faults []error
	var gravest *Failure
	var retry time.Duration
	for _, err := range errs {
		var f *Failure
		switch {
		case err == nil:
		case terminating(err):
			return err
		case errors.As(err, &f):
			retry = Earliest(retry, f.RetryAfter)
			if gravest == nil || f.stalled && !gravest.stalled {
				gravest = f
			}
		default:
			faults = append(faults, err)
		}
	}
	switch {
	case len(faults) == 1:
		return faults[0]
	case len(faults) > 1:
		return errors.Join(faults...)
	case gravest == nil:
		return nil
	}
	joined := *gravest
	joined.RetryAfter = retry
	return &joined
}

// Earliest is the shorter of two waits, where zero means for ever.
func Earliest(a, b time.Duration) time.Duration {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	default:
		return min(a, b)
	}
}
