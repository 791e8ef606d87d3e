// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scrape"
)

// readServerMetrics is the right to read the metrics of an endpoint's servers. It is about the
// endpoint, so that a tenant's own Prometheus can have it in its namespace.
func readServerMetrics(namespace, endpoint string) authorizationv1.SelfSubjectAccessReviewSpec {
	return authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
		Verb: "get", Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version,
		Resource: "scimendpoints", Subresource: "metrics", Namespace: namespace, Name: endpoint,
	}}
}

// scrapeGate returns nil where everybody may read metrics.
func (o *serveOptions) scrapeGate(config *rest.Config, log logr.Logger) (*scrape.Gate, error) {
	if o.openMetrics {
		return nil, nil
	}
	return scrape.New(config, readServerMetrics(o.namespace, o.endpoint), log.WithName("metrics"))
}

// readManagerMetrics is the right that controller-runtime asks for, and Kubernetes itself.
var readManagerMetrics = authorizationv1.SelfSubjectAccessReviewSpec{
	NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/metrics"},
}

// filterMetrics lets those read the manager's metrics who have readManagerMetrics.
func filterMetrics(config *rest.Config, _ *http.Client) (metricsserver.Filter, error) {
	return func(log logr.Logger, handler http.Handler) (http.Handler, error) {
		gate, err := scrape.New(config, readManagerMetrics, log)
		if err != nil {
			return nil, fmt.Errorf("decide who may read metrics: %w", err)
		}
		return gate.Wrap(handler), nil
	}, nil
}

func (p *serveProcess) opsHandler() http.Handler {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{Registry: p.registry, MaxRequestsInFlight: maxScrapes})
	if p.scrape != nil {
		metrics = p.scrape.Wrap(metrics)
	}
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { writeProbe(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { writeProbe(w, p.ready()) })
	return mux
}

func (p *serveProcess) ready() error {
	if p.stopping.Load() {
		return errors.New("stopping")
	}
	return errors.Join(p.store.Ready(), p.replica.Serving())
}

func writeProbe(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, err)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
