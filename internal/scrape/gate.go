// SPDX-License-Identifier: Apache-2.0

// Package scrape lets those read metrics whom the API server lets.
//
// The gate asks the API server with the caller's own token what that token's owner may do, in a
// SelfSubjectAccessReview, which everybody who is authenticated may create. So the process behind
// it needs no rights: to review other people's tokens takes rights in the whole cluster.
package scrape

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

const (
	// allowedFor and deniedFor are how long an answer of the API server holds.
	allowedFor = time.Minute
	deniedFor  = 10 * time.Second
	// maxRemembered bounds the tokens whose answers are remembered.
	maxRemembered = 256
	// maxToken bounds a token, in bytes.
	maxToken = 16 << 10
	// reviewTimeout bounds one question to the API server.
	reviewTimeout = 10 * time.Second
	// reviewsPerSecond and reviewBurst bound the questions about tokens that are not remembered.
	reviewsPerSecond, reviewBurst = 5, 20
)

// Gate lets in who has one right.
type Gate struct {
	right   authorizationv1.SelfSubjectAccessReviewSpec
	reviews rest.Interface
	limiter *rate.Limiter
	log     logr.Logger
	now     func() time.Time

	mu      sync.Mutex
	answers map[[sha256.Size]byte]answer
}

type answer struct {
	status int
	until  time.Time
}

// New makes a Gate for a right. Of the config it uses where the API server is and how to trust
// it, and no credentials.
func New(config *rest.Config, right authorizationv1.SelfSubjectAccessReviewSpec, log logr.Logger) (*Gate, error) {
	anonymous := rest.AnonymousClientConfig(config)
	anonymous.QPS = -1 // the limiter decides
	c, err := authorizationclient.NewForConfig(anonymous)
	if err != nil {
		return nil, err
	}
	return &Gate{
		right: right, reviews: c.RESTClient(), limiter: rate.NewLimiter(reviewsPerSecond, reviewBurst),
		log: log, now: time.Now, answers: map[[sha256.Size]byte]answer{},
	}, nil
}

// Wrap answers 401 without a valid token, 403 without the right, and 503 with Retry-After while
// the API server cannot be asked. Everything else is next's.
func (g *Gate) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		status := g.judge(req)
		switch status {
		case http.StatusOK:
			next.ServeHTTP(w, req)
			return
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", "Bearer")
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, http.StatusText(status), status)
	})
}

func (g *Gate) judge(req *http.Request) int {
	scheme, token, found := strings.Cut(req.Header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return http.StatusUnauthorized
	}
	key := sha256.Sum256([]byte(token))
	if status := g.remembered(key); status != 0 {
		return status
	}
	if !g.limiter.Allow() {
		return http.StatusServiceUnavailable
	}
	status := g.ask(req.Context(), token)
	if status != http.StatusServiceUnavailable {
		g.remember(key, status)
	}
	return status
}

// ask asks the API server as the token's owner.
func (g *Gate) ask(ctx context.Context, token string) int {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: g.right}
	result := &authorizationv1.SelfSubjectAccessReview{}
	err := g.reviews.Post().Resource("selfsubjectaccessreviews").MaxRetries(0).
		SetHeader("Authorization", "Bearer "+token).Body(review).Do(ctx).Into(result)
	switch {
	case apierrors.IsUnauthorized(err):
		return http.StatusUnauthorized
	case apierrors.IsForbidden(err):
		return http.StatusForbidden
	case err != nil:
		g.log.Error(err, "cannot ask the API server who may read metrics")
		return http.StatusServiceUnavailable
	case !result.Status.Allowed:
		return http.StatusForbidden
	default:
		return http.StatusOK
	}
}

func (g *Gate) remembered(key [sha256.Size]byte) (status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a, ok := g.answers[key]; ok && g.now().Before(a.until) {
		return a.status
	}
	return 0
}

func (g *Gate) remember(key [sha256.Size]byte, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if len(g.answers) >= maxRemembered {
		for k, a := range g.answers {
			if a.status != http.StatusOK || !now.Before(a.until) {
				delete(g.answers, k)
			}
		}
	}
	if len(g.answers) >= maxRemembered {
		return
	}
	held := deniedFor
	if status == http.StatusOK {
		held = allowedFor
	}
	g.answers[key] = answer{status, now.Add(held)}
}
