// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// reportInterval is how often, at most, the progress of an endpoint is written.
	reportInterval = 10 * time.Second
	// reportGrace is how long a sweep goes on before its progress is written at all: a
	// small directory is done by then, and is written once.
	reportGrace = 2 * time.Second
)

// report brings status.rules up to date, or says how long to wait. It writes nothing else
// of the status, whose other fields are somebody else's.
func (s *sweeper) report(ctx context.Context, ep *v1alpha1.ScimEndpoint, st *state) (time.Duration, error) {
	desired := st.rulesStatus()
	if equality.Semantic.DeepEqual(ep.Status.Rules, desired) {
		return 0, nil
	}
	now := s.now()
	wait := reportInterval - now.Sub(st.reported)
	if !st.sweep.settled {
		wait = max(wait, reportGrace-now.Sub(st.sweep.began))
	}
	if wait > 0 {
		return wait, nil
	}
	patch := client.MergeFrom(ep.DeepCopy())
	ep.Status.Rules = desired
	if err := s.client.Status().Patch(ctx, ep, patch, outcome.Owner); client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("write how far the rules are applied: %w", err)
	}
	st.reported = now
	return 0, nil
}

func (st *state) rulesStatus() *v1alpha1.RulesStatus {
	return &v1alpha1.RulesStatus{
		ObservedRules: st.sweep.digest,
		UsersToDecide: ptr.To(st.sweep.users),
		UsersDecided:  ptr.To(st.sweep.decided()),
		Preview:       st.preview.status,
	}
}

// decided is the number of users who have been decided; all of them only when a whole
// pass has found nobody to decide.
func (sw *sweep) decided() int64 {
	if sw.settled {
		return sw.users
	}
	passed := sw.users
	if sw.pass == 0 {
		passed = sw.seen
	}
	return max(min(passed-sw.last, sw.users-1), 0)
}

// firstLines joins the lines of an error.
func firstLines(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
