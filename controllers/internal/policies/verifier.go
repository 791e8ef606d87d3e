// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"scim-operator.io/config/policy"
)

const (
	// Interval is how often a manager compares the policies.
	Interval = 5 * time.Minute
	// again is how soon it does after an error, and while a policy is not in force.
	again = 15 * time.Second
)

var inForceMetric = prometheus.NewDesc("scim_operator_policy_in_force",
	"Whether an admission policy is in the cluster as this release needs it (1) or is missing or different (0). Absent while it cannot be read.",
	[]string{"policy"}, nil)

// Verifier compares the policies when the manager starts and from time to time.
type Verifier struct {
	reader   client.Reader
	required []policy.Policy
	interval time.Duration

	mu       sync.Mutex
	asked    bool
	states   map[string]State
	onChange []func(context.Context)
}

// NewVerifier makes a Verifier that reads from the API server.
func NewVerifier(reader client.Reader, interval time.Duration) (*Verifier, error) {
	required, err := policy.Required()
	if err != nil {
		return nil, fmt.Errorf("the admission policies of this build: %w", err)
	}
	return &Verifier{reader: reader, required: required, interval: interval}, nil
}

// OnChange calls a function when a policy has come, gone or changed. It is called before Start.
func (v *Verifier) OnChange(do func(context.Context)) { v.onChange = append(v.onChange, do) }

// NeedLeaderElection implements manager.LeaderElectionRunnable: a standby tells as well.
func (v *Verifier) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (v *Verifier) Start(ctx context.Context) error {
	for {
		wait := v.verify(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// verify compares once, tells of what has changed, and says when to compare again.
func (v *Verifier) verify(ctx context.Context) time.Duration {
	states, err := compare(ctx, v.reader, v.required)
	logger := log.FromContext(ctx).WithName("policies")
	if ctx.Err() != nil {
		return v.interval
	}
	v.mu.Lock()
	before, first := v.states, !v.asked
	v.asked = true
	if err == nil {
		v.states = states
	}
	v.mu.Unlock()
	switch {
	case apierrors.IsForbidden(err):
		// A manager with rights in some namespaces alone.
		if first {
			logger.Info("cannot tell whether the admission policies are in force: this manager may not list them")
		}
		return v.interval
	case err != nil:
		logger.Error(err, "cannot tell whether the admission policies are in force")
		return min(again, v.interval)
	case maps.Equal(before, states):
		return v.next()
	}
	if message := v.Message(); message != "" {
		logger.Error(errors.New("the directory is not protected"), message)
	} else {
		logger.Info("every admission policy is in force")
	}
	for _, do := range v.onChange {
		do(ctx)
	}
	return v.next()
}

// next is when to compare again: soon while a policy is not in force.
func (v *Verifier) next() time.Duration {
	if v.Message() != "" {
		return min(again, v.interval)
	}
	return v.interval
}

// Message returns what to tell people when a policy is missing or different, or nothing.
func (v *Verifier) Message() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var parts []string
	for _, state := range []State{Missing, Different} {
		if names := v.inState(state); len(names) > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", strings.ToLower(string(state)), strings.Join(names, ", ")))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Admission policies that protect the directory are not in force (" + strings.Join(parts, "; ") +
		"): whoever has rights to users, groups or the manager's token can do what they refuse. Apply config/policy of this release."
}

func (v *Verifier) inState(state State) []string {
	var names []string
	for name, its := range v.states {
		if its == state {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Ready implements healthz.Checker: a manager is not ready before it has looked, nor while a
// policy is missing.
func (v *Verifier) Ready(*http.Request) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.asked {
		return errors.New("the admission policies have not been looked for yet")
	}
	if missing := v.inState(Missing); len(missing) > 0 {
		return fmt.Errorf("admission policies are missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// Describe implements prometheus.Collector.
func (v *Verifier) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- inForceMetric }

// Collect implements prometheus.Collector.
func (v *Verifier) Collect(metrics chan<- prometheus.Metric) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, state := range v.states {
		value := 0.0
		if state == InForce {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(inForceMetric, prometheus.GaugeValue, value, name)
	}
}
