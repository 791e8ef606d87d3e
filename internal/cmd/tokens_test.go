// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers"
	"scim-operator.io/controllers/scimendpoint"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/token"
)

// tokenLife is a manager, an endpoint that it keeps, and two servers.
type tokenLife struct {
	t        *testing.T
	client   client.Client
	endpoint *v1alpha1.ScimEndpoint
	servers  []*servedReplica
}

func newTokenLife(t *testing.T) *tokenLife {
	t.Helper()
	config, c := api(t)
	ctx := startEndpointManager(t, config)
	l := &tokenLife{t: t, client: c}
	l.endpoint = &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: "acme"}}
	for _, o := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}, l.endpoint} {
		if err := c.Create(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	l.plaintext(1)
	for _, name := range []string{"okta-scim-a", "okta-scim-b"} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, Labels: map[string]string{v1alpha1.EndpointLabel: "okta"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "server"}}},
		}
		if err := c.Create(ctx, pod); err != nil {
			t.Fatal(err)
		}
		l.servers = append(l.servers, startReplica(t, config, l.endpoint, name))
	}
	for _, r := range l.servers {
		awaitThat(t, "a replica is ready", func() bool { status, _ := r.probe("/readyz"); return status == http.StatusOK })
	}
	return l
}

// startEndpointManager runs the manager's controller of endpoints until the test ends.
func startEndpointManager(t *testing.T, config *rest.Config) context.Context {
	t.Helper()
	scheme, err := managerScheme()
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Logger: logr.Discard(), Cache: controllers.CacheOptions(nil), Client: controllers.ClientOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)}, // another test runs them all
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := scimendpoint.SetupWithManager(ctx, mgr, render.Options{Image: "registry.example.com/scim-operator:v1"}, scimendpoint.ExposureRules{}, nil); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ctx
}

// plaintext is that of the token of a number, once it was issued.
func (l *tokenLife) plaintext(serial int64) string {
	l.t.Helper()
	var secret corev1.Secret
	awaitThat(l.t, "a token is issued", func() bool {
		key := client.ObjectKey{Namespace: "acme", Name: l.endpoint.TokenSecretName(serial)}
		return l.client.Get(context.Background(), key, &secret) == nil
	})
	return string(secret.Data[v1alpha1.TokenKey])
}

func (l *tokenLife) current() *v1alpha1.ScimEndpoint {
	l.t.Helper()
	current := &v1alpha1.ScimEndpoint{}
	if err := l.client.Get(context.Background(), client.ObjectKeyFromObject(l.endpoint), current); err != nil {
		l.t.Fatal(err)
	}
	return current
}

func (l *tokenLife) change(policy *v1alpha1.TokenPolicy) {
	l.t.Helper()
	current := l.current()
	before := current.DeepCopy()
	current.Spec.Token = policy
	if err := l.client.Patch(context.Background(), current, client.MergeFrom(before)); err != nil {
		l.t.Fatal(err)
	}
}

// ask makes a request with a token and gives the status and the detail of the answer.
func (r *servedReplica) ask(presented string) (status int, detail string) {
	request, err := http.NewRequest(http.MethodGet, "http://"+r.scim.Addr().String()+v1alpha1.DefaultBasePath+"/Users?count=1", nil)
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+presented)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Detail string `json:"detail"`
	}
	_ = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer.Detail
}

// The life of a token with a manager and two servers on a real API server.
func TestTokenLife(t *testing.T) {
	l := newTokenLife(t)
	first := l.plaintext(1)
	id := func(p string) string { return token.NewDigest(token.Plaintext(p), time.Now()).ID }

	t.Run("a rotation under load fails no request", func(t *testing.T) {
		var inUse atomic.Value
		inUse.Store(first)
		var asked, failed atomic.Int64
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for i := range 4 {
			clients.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					asked.Add(1)
					if status, detail := l.servers[i%2].ask(inUse.Load().(string)); status != http.StatusOK {
						failed.Add(1)
						t.Errorf("status %d: %s", status, detail)
						return
					}
				}
			})
		}
		awaitThat(t, "there is load", func() bool { return asked.Load() > 50 })
		l.change(&v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)})
		second := l.plaintext(2)
		awaitThat(t, "the manager says that the token is there", func() bool { return ptr.Deref(l.current().Status.TokenGeneration, 0) == 2 })
		for _, r := range l.servers {
			awaitThat(t, "every replica takes the new token", func() bool { status, _ := r.ask(second); return status == http.StatusOK })
			if status, _ := r.ask(first); status != http.StatusOK {
				t.Errorf("the old token: status %d", status)
			}
		}
		before := asked.Load()
		inUse.Store(second)
		awaitThat(t, "there is load with the new token", func() bool { return asked.Load() > before+50 })
		close(stop)
		clients.Wait()
		if failed.Load() > 0 {
			t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
		}
	})
	second := l.plaintext(2)

	t.Run("the status shows when each was last used", func(t *testing.T) {
		awaitThat(t, "it does", func() bool {
			current := l.current()
			for _, shown := range current.Status.Tokens {
				if shown.LastUsedTime == nil {
					return false
				}
			}
			return len(current.Status.Tokens) == 2 && current.Status.LastRequestTime != nil
		})
	})

	t.Run("a revoked token is refused by every replica", func(t *testing.T) {
		refused := make(chan string, len(l.servers))
		l.change(&v1alpha1.TokenPolicy{Generation: ptr.To[int64](2), RevokedTokenIDs: []string{id(first)}})
		revoked := time.Now()
		bound := time.After(servePatience)
		for _, r := range l.servers {
			go func() {
				for {
					if status, detail := r.ask(first); status == http.StatusUnauthorized {
						refused <- detail
						return
					}
				}
			}()
		}
		for range l.servers {
			select {
			case detail := <-refused:
				t.Logf("a replica refuses it %v later", time.Since(revoked)) // 2 s at most, on a machine that is not busy
				if strings.Contains(detail, "expired") {
					t.Errorf("whoever has a revoked token learns that it was good: %s", detail)
				}
			case <-bound:
				t.Fatal("a replica still accepts it")
			}
		}
		for _, r := range l.servers {
			if status, detail := r.ask(second); status != http.StatusOK {
				t.Errorf("the other token: status %d: %s", status, detail)
			}
		}
	})

	t.Run("and stays refused when its id is taken out", func(t *testing.T) {
		l.change(&v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)})
		awaitThat(t, "the manager has seen it", func() bool {
			current := l.current()
			return ptr.Deref(current.Status.ObservedGeneration, 0) == current.Generation
		})
		for _, r := range l.servers {
			if status, _ := r.ask(first); status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
		}
	})

	t.Run("a token that was replaced without overlap is told so", func(t *testing.T) {
		l.change(&v1alpha1.TokenPolicy{Generation: ptr.To[int64](3), Overlap: &metav1.Duration{}})
		third := l.plaintext(3)
		for _, r := range l.servers {
			awaitThat(t, "the new token is accepted", func() bool { status, _ := r.ask(third); return status == http.StatusOK })
			if status, detail := r.ask(second); status != http.StatusUnauthorized || !strings.Contains(detail, "has expired") {
				t.Errorf("status %d: %s", status, detail)
			}
			if status, detail := r.ask(second[:len(second)-1]); status != http.StatusUnauthorized || strings.Contains(detail, "expired") {
				t.Errorf("a wrong token: status %d: %s", status, detail)
			}
		}
	})
}
