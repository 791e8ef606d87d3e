// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// scrapeTimeout bounds a scrape that comes before the caches have synced.
const scrapeTimeout = 5 * time.Second

var (
	conditionMetric = prometheus.NewDesc("scim_operator_condition",
		"Whether a condition of an IdentityProvider or ScimEndpoint is True (1) or not (0).",
		[]string{"kind", "namespace", "name", "type"}, nil)
	certificateMetric = prometheus.NewDesc("scim_operator_saml_last_certificate_expiry_timestamp_seconds",
		"When the last of an IdentityProvider's SAML signing certificates expires.",
		[]string{"namespace", "name"}, nil)
	tokenMetric = prometheus.NewDesc("scim_operator_last_token_expiry_timestamp_seconds",
		"When the last token in force of a ScimEndpoint expires.",
		[]string{"namespace", "name"}, nil)
	expiringMetric = prometheus.NewDesc("scim_operator_token_expiring",
		"Whether the last token of a ScimEndpoint expires soon or has expired (1), as its condition TokenReady says, or not (0).",
		[]string{"namespace", "name"}, nil)
	unsupportedMetric = prometheus.NewDesc("scim_operator_token_must_not_expire",
		"Whether the identity provider of a ScimEndpoint stops provisioning when its token ends (1), as Entra ID does, or not (0).",
		[]string{"namespace", "name"}, nil)
	heldMetric = prometheus.NewDesc("scim_operator_held_users",
		"How many users of a ScimEndpoint, or of an IdentityProvider that is not served, wait for a person to approve or reject that they leave or lose roles.",
		[]string{"namespace", "name"}, nil)
	rejectedMetric = prometheus.NewDesc("scim_operator_rejected_users",
		"How many users of a ScimEndpoint, or of an IdentityProvider that is not served, stay active, or keep roles, because a person rejected that they lose it.",
		[]string{"namespace", "name"}, nil)
)

// states tells Prometheus what the status of providers and endpoints says, as it is in
// the cache when it is asked. There are few of them; users and groups come in thousands
// and are not shown one by one.
type states struct{ reader client.Reader }

// Describe implements prometheus.Collector.
func (s states) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- conditionMetric
	descriptions <- certificateMetric
	descriptions <- tokenMetric
	descriptions <- expiringMetric
	descriptions <- unsupportedMetric
	descriptions <- heldMetric
	descriptions <- rejectedMetric
}

// Collect implements prometheus.Collector. Before the caches have synced there is nothing
// to tell.
func (s states) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	held := map[client.ObjectKey]*v1alpha1.DeprovisioningStatus{}
	var providers v1alpha1.IdentityProviderList
	if s.reader.List(ctx, &providers, client.UnsafeDisableDeepCopy) == nil {
		for i := range providers.Items {
			idp := &providers.Items[i]
			collectConditions(metrics, "IdentityProvider", idp, idp.Status.Conditions)
			collectExpiry(metrics, idp)
			held[client.ObjectKeyFromObject(idp)] = idp.Status.Deprovisioning
		}
	}
	var endpoints v1alpha1.ScimEndpointList
	if s.reader.List(ctx, &endpoints, client.UnsafeDisableDeepCopy) == nil {
		for i := range endpoints.Items {
			ep := &endpoints.Items[i]
			collectConditions(metrics, "ScimEndpoint", ep, ep.Status.Conditions)
			collectTokens(metrics, ep)
			if d := ep.Status.Deprovisioning; d != nil {
				held[client.ObjectKeyFromObject(ep)] = d // what its provider shows is a copy of this
			}
		}
	}
	for of, d := range held {
		if d != nil {
			waiting := ptr.Deref(d.Held, 0) + ptr.Deref(d.Queued, 0)
			metrics <- prometheus.MustNewConstMetric(heldMetric, prometheus.GaugeValue, float64(waiting), of.Namespace, of.Name)
			metrics <- prometheus.MustNewConstMetric(rejectedMetric, prometheus.GaugeValue, float64(ptr.Deref(d.Rejected, 0)), of.Namespace, of.Name)
		}
	}
}

func collectConditions(metrics chan<- prometheus.Metric, kind string, obj client.Object, conditions []metav1.Condition) {
	for _, c := range conditions {
		value := 0.0
		if c.Status == metav1.ConditionTrue {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(conditionMetric, prometheus.GaugeValue, value, kind, obj.GetNamespace(), obj.GetName(), c.Type)
	}
}

func collectExpiry(metrics chan<- prometheus.Metric, idp *v1alpha1.IdentityProvider) {
	saml := idp.SAMLStatus()
	if saml == nil {
		return
	}
	var last time.Time
	for _, c := range saml.Certificates {
		if c.NotAfter.After(last) {
			last = c.NotAfter.Time
		}
	}
	if !last.IsZero() {
		metrics <- prometheus.MustNewConstMetric(certificateMetric, prometheus.GaugeValue, float64(last.Unix()), idp.Namespace, idp.Name)
	}
}

func collectTokens(metrics chan<- prometheus.Metric, ep *v1alpha1.ScimEndpoint) {
	var last time.Time
	for _, t := range ep.Status.Tokens {
		if t.ExpiresTime != nil && t.ExpiresTime.After(last) {
			last = t.ExpiresTime.Time
		}
	}
	if !last.IsZero() {
		metrics <- prometheus.MustNewConstMetric(tokenMetric, prometheus.GaugeValue, float64(last.Unix()), ep.Namespace, ep.Name)
	}
	ready := meta.FindStatusCondition(ep.Status.Conditions, v1alpha1.ConditionTokenReady)
	if ready == nil {
		return
	}
	expiring := ready.Reason == v1alpha1.ReasonTokenExpiring || ready.Reason == v1alpha1.ReasonTokenExpired
	metrics <- prometheus.MustNewConstMetric(expiringMetric, prometheus.GaugeValue, oneIf(expiring), ep.Namespace, ep.Name)
	unsupported := ep.EffectiveProviderBehavior().ExpiringTokens == v1alpha1.ExpiringTokensUnsupported
	metrics <- prometheus.MustNewConstMetric(unsupportedMetric, prometheus.GaugeValue, oneIf(unsupported), ep.Namespace, ep.Name)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
