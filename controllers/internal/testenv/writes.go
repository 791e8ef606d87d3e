// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"maps"
	"net/http"
	"strings"
	"sync"
)

// writes counts what managers ask the API server to write, whether it changes anything
// or not.
type writes struct {
	mu sync.Mutex
	// of counts by namespace, resource and name.
	of map[[3]string]int
}

// count is a middleware of the managers' connection to the API server.
func (w *writes) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			// /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME[/SUBRESOURCE]
			if parts := strings.Split(r.URL.Path, "/"); len(parts) > 7 && parts[4] == "namespaces" {
				w.mu.Lock()
				if w.of == nil {
					w.of = map[[3]string]int{}
				}
				w.of[[3]string{parts[5], parts[6], parts[7]}]++
				w.mu.Unlock()
			}
		}
		return next.RoundTrip(r)
	})
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

// ForgetWrites begins to count anew.
func (e *Env) ForgetWrites() {
	e.writes.mu.Lock()
	defer e.writes.mu.Unlock()
	e.writes.of = nil
}
