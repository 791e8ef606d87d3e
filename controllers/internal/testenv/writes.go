// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"maps"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// writes counts what managers ask the API server to write, whether it changes anything
// or not.
type writes struct {
	mu sync.Mutex
	// of counts by namespace, resource and name.
	of map[[3]string]int
	// lists counts requests for many whole objects by resource, watches among them.
	lists map[string]int
}

// count is a middleware of the managers' connection to the API server.
func (w *writes) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if resource := path.Base(r.URL.Path); r.Method == http.MethodGet && !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata") {
			w.mu.Lock()
			if w.lists == nil {
				w.lists = map[string]int{}
			}
			w.lists[resource]++
			w.mu.Unlock()
		}
		if of, ok := named(r.URL.Path); ok && r.Method != http.MethodGet {
			w.mu.Lock()
			if w.of == nil {
				w.of = map[[3]string]int{}
			}
			w.of[of]++
			w.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// named is the namespace, resource and name in a path, if there are all three:
// /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME[/SUBRESOURCE], of the core group
// /api/VERSION/namespaces/….
func named(url string) (of [3]string, ok bool) {
	_, rest, ok := strings.Cut(url, "/namespaces/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) < 3 {
		return of, false
	}
	return [3]string(parts), true
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Writes says how often managers have written each object of a resource, by its name,
// since the last ForgetWrites.
func (e *Env) Writes(namespace, resource string) map[string]int {
	e.writes.mu.Lock()
	defer e.writes.mu.Unlock()
	counts := map[string]int{}
	for of, n := range e.writes.of {
		if of[0] == namespace && of[1] == resource {
			counts[of[2]] = n
		}
	}
	return maps.Clone(counts)
}

// Lists says how often managers have asked for many objects of a resource, with what is in
// them.
func (e *Env) Lists(resource string) int {
	e.writes.mu.Lock()
	defer e.writes.mu.Unlock()
	return e.writes.lists[resource]
}

// AllWrites says how often managers have written each object of a namespace, by its
// resource and name, since the last ForgetWrites.
func (e *Env) AllWrites(namespace string) map[string]int {
	e.writes.mu.Lock()
	defer e.writes.mu.Unlock()
	counts := map[string]int{}
	for of, n := range e.writes.of {
		if of[0] == namespace {
			counts[of[1]+"/"+of[2]] = n
		}
	}
	return counts
}

// Reconciles counts the reconciles that a controller has finished.
func Reconciles(controller string) float64 {
	families, err := metrics.Registry.Gather()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	count := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == controller {
					count += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return count
}

// ForgetWrites begins to count anew.
func (e *Env) ForgetWrites() {
	e.writes.mu.Lock()
	defer e.writes.mu.Unlock()
	e.writes.of = nil
}
