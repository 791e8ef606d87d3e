// SPDX-License-Identifier: Apache-2.0

// Package alerts shows that the alerts of config/prometheus are what Prometheus accepts,
// and fire when they should. It is a module of its own because nothing else needs
// Prometheus' query engine.
package alerts

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"sigs.k8s.io/yaml"
)

var promQL = parser.NewParser(parser.Options{})

// rules reads them as Prometheus does, which checks expressions, durations and templates.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	content, err := os.ReadFile("../../config/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(content, &manifest); err != nil {
		t.Fatal(err)
	}
	spec, err := yaml.Marshal(manifest.Spec)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(spec, false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	var all []rulefmt.Rule
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no rules")
	}
	return all
}

// TestMetricsExist: an alert on a metric that nobody has never fires.
func TestMetricsExist(t *testing.T) {
	var sources strings.Builder
	for _, file := range []string{"../../controllers/metrics.go", "../../controllers/internal/policies/verifier.go", "../../internal/server/metrics.go"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(content)
	}
	for _, rule := range rules(t) {
		expression, err := promQL.ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if ok && selector.Name != "up" && !strings.Contains(sources.String(), `"`+selector.Name+`"`) {
				t.Errorf("%s: nobody has a metric %s", rule.Alert, selector.Name)
			}
			return nil
		})
	}
}

// TestAlerts looks which alerts are due after an hour of the series given, one value a minute.
func TestAlerts(t *testing.T) {
	const (
		running   = `up{namespace="scim-operator-system",job="scim-operator-metrics"} 1x60`
		idp       = `scim_operator_condition{kind="IdentityProvider",namespace="acme",name="okta",`
		endpoint  = `scim_operator_condition{kind="ScimEndpoint",namespace="acme",name="okta",`
		expiry    = `scim_operator_saml_last_certificate_expiry_timestamp_seconds{namespace="acme",name="okta"}`
		token     = `scim_operator_last_token_expiry_timestamp_seconds{namespace="acme",name="okta"}`
		expiring  = `scim_operator_token_expiring{namespace="acme",name="okta"}`
		forever   = `scim_operator_token_must_not_expire{namespace="acme",name="okta"}`
		held      = `scim_operator_held_users{namespace="acme",name="okta",`
		rejected  = `scim_operator_rejected_users{namespace="acme",name="okta",`
		requests  = `scim_http_requests_total{namespace="acme",scim_operator_io_endpoint="okta",`
		strangers = `scim_http_authentication_failures_total{namespace="acme",scim_operator_io_endpoint="okta",pod="1"}`
	)
	for _, row := range []struct {
		name   string
		series []string
		due    []string
	}{
		{"nothing is wrong", []string{running, idp + `type="Ready"} 1x60`, endpoint + `type="Ready"} 1x60`, endpoint + `type="Available"} 1x60`,
			expiry + ` 10000000x60`, token + ` 10000000x60`, expiring + ` 0x60`, strangers + ` 0+1x60`, requests + `pod="1",code="401"} 0+1x60`,
			requests + `pod="1",code="200"} 0+60x60`, requests + `pod="2",code="500"} 7x60`}, nil},
		{"a paused endpoint answers 503", []string{running, requests + `pod="1",code="503"} 0+60x60`}, nil},
		{"no manager runs", nil, []string{"ScimOperatorDown"}},
		{"a manager cannot be scraped", []string{strings.Replace(running, " 1x", " 0x", 1)}, []string{"ScimOperatorDown"}},
		{"a policy is missing", []string{running, `scim_operator_policy_in_force{policy="a"} 1x60`, `scim_operator_policy_in_force{policy="b"} 0x60`}, []string{"ScimPolicyNotInForce"}},
		{"a provider is not ready", []string{running, idp + `type="Ready"} 0x60`, idp + `type="SSOConfigured"} 1x60`}, []string{"ScimProviderNotReady"}},
		{"an endpoint is not ready", []string{running, endpoint + `type="Ready"} 0x60`, endpoint + `type="Available"} 1x60`}, []string{"ScimEndpointNotReady"}},
		{"no server takes requests, as two managers see", []string{running, endpoint + `pod="1",type="Available"} 0x60`, endpoint + `pod="2",type="Available"} 0x60`},
			[]string{"ScimEndpointUnavailable"}},
		{"sign-on ends in ten days", []string{running, expiry + ` 867600x60`}, []string{"ScimSignOnEnds"}},
		{"the last token ends in ten days", []string{running, token + ` 867600x60`, expiring + ` 1x60`}, []string{"ScimTokenEnds"}},
		{"the last token ends in twenty days", []string{running, token + ` 1731600x60`, expiring + ` 1x60`}, nil},
		{"the token of Entra ID ends in fifty days", []string{running, token + ` 4323600x60`, expiring + ` 0x60`, forever + ` 1x60`}, []string{"ScimTokenMustNotExpire"}},
		{"the token of Okta ends in fifty days", []string{running, token + ` 4323600x60`, expiring + ` 0x60`, forever + ` 0x60`}, nil},
		{"the token of Entra ID ends in ten years", []string{running, token + ` 315360000x60`, expiring + ` 0x60`, forever + ` 1x60`}, nil},
		{"a token that lives for a day is renewed by itself", []string{running, token + ` 50000x60`, expiring + ` 0x60`}, nil},
		{"users are held, as two managers see", []string{running, held + `pod="1"} 7x60`, held + `pod="2"} 7x60`}, []string{"ScimDeprovisioningHeld"}},
		{"users stay whose leaving was rejected", []string{running, rejected + `pod="1"} 2x60`, held + `pod="1"} 0x60`}, []string{"ScimDeprovisioningRejected"}},
		{"nobody is held any more", []string{running, held + `pod="1"} 7x30 0x30`}, nil},
		{"one answer in fifty is 500", []string{running, requests + `pod="1",code="500"} 0+1x60`, requests + `pod="2",code="200"} 0+49x60`}, []string{"ScimServerFaults"}},
		{"the token is an old one", []string{running, strangers + ` 0+1x60`, requests + `pod="1",code="401"} 0+1x60`}, []string{"ScimAuthenticationFailures"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			database := memory(t, row.series)
			engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 100_000, Timeout: time.Minute, Parser: promQL})
			var due []string
			for _, rule := range rules(t) {
				query, err := engine.NewInstantQuery(t.Context(), database, nil, rule.Expr, time.Unix(3600, 0))
				if err != nil {
					t.Fatalf("%s: %v", rule.Alert, err)
				}
				found, err := query.Exec(t.Context()).Vector()
				if err != nil || len(found) > 1 {
					t.Errorf("%s: %d alerts, %v", rule.Alert, len(found), err)
				}
				if len(found) > 0 {
					due = append(due, rule.Alert)
				}
				query.Close()
			}
			if !slices.Equal(due, row.due) {
				t.Errorf("due are %q, want %q", due, row.due)
			}
		})
	}
}

// memory holds series in the notation of Prometheus' own rule tests.
func memory(t *testing.T, notations []string) storage.Queryable {
	t.Helper()
	var all []storage.Series
	for _, notation := range notations {
		named, values, err := promQL.ParseSeriesDesc(notation)
		if err != nil {
			t.Fatalf("%s: %v", notation, err)
		}
		series := promql.Series{Metric: named}
		for i, value := range values {
			series.Floats = append(series.Floats, promql.FPoint{T: int64(i) * time.Minute.Milliseconds(), F: value.Value})
		}
		all = append(all, promql.NewStorageSeries(series))
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{
		SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
			matching := &list{}
			for _, series := range all {
				if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(series.Labels().Get(m.Name)) }) {
					matching.series = append(matching.series, series)
				}
			}
			return matching
		},
	}}
}

// list is a storage.SeriesSet.
type list struct {
	series []storage.Series
	next   int
}

func (l *list) Next() bool {
	l.next++
	return l.next <= len(l.series)
}

func (l *list) At() storage.Series                { return l.series[l.next-1] }
func (l *list) Err() error                        { return nil }
func (l *list) Warnings() annotations.Annotations { return nil }
