// SPDX-License-Identifier: Apache-2.0

package scrape

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

var right = authorizationv1.SelfSubjectAccessReviewSpec{
	NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"},
}

// apiServer answers reviews: "reader" may read, "other" is known, "broken" is an error.
func apiServer(t *testing.T, asked *atomic.Int64) *rest.Config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		switch token := req.Header.Get("Authorization"); token {
		case "Bearer reader", "Bearer other":
			var review authorizationv1.SelfSubjectAccessReview
			if err := json.NewDecoder(req.Body).Decode(&review); err != nil || review.Spec.NonResourceAttributes.Path != "/metrics" {
				t.Errorf("asked for %v: %v", review.Spec, err)
			}
			review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
			review.Status.Allowed = token == "Bearer reader"
			w.WriteHeader(http.StatusCreated)
			_ = json.NewEncoder(w).Encode(review)
		case "Bearer broken":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(metav1.Status{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonUnauthorized, Code: http.StatusUnauthorized,
			})
		}
	}))
	t.Cleanup(s.Close)
	return &rest.Config{Host: s.URL, BearerToken: "the process's own", ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

func newGate(t *testing.T) (*Gate, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	gate, err := New(apiServer(t, &asked), right, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	return gate, &asked
}

func (g *Gate) answer(authorization string) int {
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "metrics") })).ServeHTTP(w, req)
	return w.Code
}

func TestOnlyWhoMayReadMetricsIsLetIn(t *testing.T) {
	gate, asked := newGate(t)
	for authorization, want := range map[string]int{
		"":                                      http.StatusUnauthorized,
		"Basic cmVhZGVyOng=":                    http.StatusUnauthorized,
		"Bearer ":                               http.StatusUnauthorized,
		"Bearer " + string(make([]byte, 1<<15)): http.StatusUnauthorized,
		"Bearer unknown":                        http.StatusUnauthorized,
		"Bearer other":                          http.StatusForbidden,
		"Bearer reader":                         http.StatusOK,
		"bearer reader":                         http.StatusOK,
		"Bearer broken":                         http.StatusServiceUnavailable,
	} {
		if got := gate.answer(authorization); got != want {
			t.Errorf("%.20q: status %d, want %d", authorization, got, want)
		}
	}
	if asked.Load() != 4 {
		t.Errorf("the API server was asked %d times about 4 tokens", asked.Load())
	}
}

func TestAnswersAreRememberedForAWhile(t *testing.T) {
	gate, asked := newGate(t)
	now := time.Now()
	gate.now = func() time.Time { return now }
	for _, row := range []struct {
		token string
		after time.Duration
		asked int64
	}{
		{"reader", 0, 1}, {"reader", allowedFor - 1, 1}, {"reader", 1, 2},
		{"other", 0, 3}, {"other", deniedFor - 1, 3}, {"other", 1, 4},
		{"broken", 0, 5}, {"broken", 0, 6},
	} {
		now = now.Add(row.after)
		gate.answer("Bearer " + row.token)
		if asked.Load() != row.asked {
			t.Fatalf("after %v the API server was asked %d times about %s, want %d", row.after, asked.Load(), row.token, row.asked)
		}
	}
}

func TestGuessesCostTheAPIServerLittle(t *testing.T) {
	gate, asked := newGate(t)
	if got := gate.answer("Bearer reader"); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	refused := 0
	for i := range 1000 {
		if gate.answer(fmt.Sprint("Bearer guess-", i)) == http.StatusServiceUnavailable {
			refused++
		}
	}
	if asked.Load() > 200 || refused < 800 {
		t.Errorf("1000 guesses were asked about %d times, and %d refused", asked.Load(), refused)
	}
	if len(gate.answers) > maxRemembered {
		t.Errorf("%d answers are remembered", len(gate.answers))
	}
	if got := gate.answer("Bearer reader"); got != http.StatusOK {
		t.Errorf("status %d of who was let in before", got)
	}
}
