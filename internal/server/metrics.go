// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// metrics counts requests. Labels come from fixed sets: routes and not paths, known
// methods and not what a client sent.
type metrics struct {
	requests     *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	size         *prometheus.HistogramVec
	inFlight     prometheus.Gauge
	authFailures prometheus.Counter
	authSlowed   prometheus.Counter
	panics       prometheus.Counter

	throttled     prometheus.Counter
	bodiesRefused prometheus.Counter

	connections                 prometheus.Gauge
	evicted, refusedConnections prometheus.Counter

	otherDomains prometheus.Counter

	malformed *prometheus.CounterVec
	bulk      *prometheus.CounterVec
	store     *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	latency := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_http_requests_total", Help: "SCIM requests answered.",
		}, []string{"method", "route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scim_http_request_duration_seconds", Help: "Time from a request's headers to the end of its answer.",
			Buckets: latency,
		}, []string{"method", "route"}),
		size: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scim_http_response_size_bytes", Help: "Size of the bodies of answers.",
			Buckets: prometheus.ExponentialBuckets(256, 4, 9),
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "scim_http_requests_in_flight", Help: "SCIM requests being answered now.",
		}),
		authFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_authentication_failures_total", Help: "Requests without a valid token.",
		}),
		authSlowed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_authentication_slowed_total", Help: "Requests without a valid token that were answered 429, as their source had sent too many.",
		}),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_requests_throttled_total", Help: "Requests with a valid token that were answered 429, as too many a second came with it.",
		}),
		bodiesRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_bodies_refused_total", Help: "Requests answered 503, as there was no room for their bodies beside those being served.",
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "scim_http_connections", Help: "Connections open on the port for SCIM.",
		}),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_connections_evicted_total", Help: "Idle connections closed to make room for others.",
		}),
		refusedConnections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_connections_refused_total", Help: "Connections closed at once, as too many were open and none of them idle.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_http_panics_total", Help: "Panics turned into an answer of status 500.",
		}),
		malformed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_http_malformed_requests_total", Help: "Requests too malformed or too large to be read.",
		}, []string{"code"}),
		bulk: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_bulk_operations_total", Help: "Operations of Bulk requests carried out or refused.",
		}, []string{"method", "route", "code"}),
		otherDomains: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scim_email_domains_refused_total", Help: "Requests and Bulk operations refused, as they give a user an address of a domain that the identity provider does not speak for.",
		}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scim_store_operation_duration_seconds", Help: "Time an operation of the store took.",
			Buckets: latency,
		}, []string{"operation", "type", "outcome"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.size, m.inFlight, m.authFailures, m.authSlowed, m.throttled, m.bodiesRefused,
		m.panics, m.malformed, m.bulk, m.otherDomains, m.store, m.connections, m.evicted, m.refusedConnections} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(x *exchange) {
	method, route := methodLabel(x.r.Method), x.route.pattern
	m.inFlight.Dec()
	m.requests.WithLabelValues(method, route, strconv.Itoa(x.status)).Inc()
	m.duration.WithLabelValues(method, route).Observe(time.Since(x.start).Seconds())
	m.size.WithLabelValues(route).Observe(float64(x.bytes))
}

// measuredStore times the operations of a store.
type measuredStore struct {
	next    Store
	metrics *metrics
}

func (m *measuredStore) observe(operation string, rt *scim.ResourceType, start time.Time, err error) {
	m.metrics.store.WithLabelValues(operation, rt.Name, outcome(err)).Observe(time.Since(start).Seconds())
	if errors.As(err, new(*store.DomainError)) {
		m.metrics.otherDomains.Inc()
	}
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	var refused *scim.Error
	if errors.As(err, &refused) {
		return "refused"
	}
	return "failed"
}

func (m *measuredStore) Create(ctx context.Context, rt *scim.ResourceType, p *scim.Parsed) (*store.Resource, error) {
	start := time.Now()
	r, err := m.next.Create(ctx, rt, p)
	m.observe("create", rt, start, err)
	return r, err
}

func (m *measuredStore) Get(ctx context.Context, rt *scim.ResourceType, id string) (*store.Resource, error) {
	start := time.Now()
	r, err := m.next.Get(ctx, rt, id)
	m.observe("get", rt, start, err)
	return r, err
}

func (m *measuredStore) List(ctx context.Context, q store.Query) (*store.Page, error) {
	start := time.Now()
	page, err := m.next.List(ctx, q)
	m.observe("list", q.Type, start, err)
	return page, err
}

func (m *measuredStore) Update(ctx context.Context, rt *scim.ResourceType, id string, match store.Match, mutate store.Mutate) (*store.Resource, bool, error) {
	start := time.Now()
	r, changed, err := m.next.Update(ctx, rt, id, match, mutate)
	m.observe("update", rt, start, err)
	return r, changed, err
}

func (m *measuredStore) Known(rt *scim.ResourceType, id string) *store.Resource {
	return m.next.Known(rt, id)
}

func (m *measuredStore) Unfinished() int { return m.next.Unfinished() }

func (m *measuredStore) Delete(ctx context.Context, rt *scim.ResourceType, id string, match store.Match) error {
	start := time.Now()
	err := m.next.Delete(ctx, rt, id, match)
	m.observe("delete", rt, start, err)
	return err
}
