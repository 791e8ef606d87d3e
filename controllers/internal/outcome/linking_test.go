// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

func TestLinkingWithoutDomainsIsSaid(t *testing.T) {
	yes := true
	owned := []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "IdentityProvider", Name: "okta", UID: "2", Controller: &yes}}
	for _, row := range []struct {
		name            string
		linking         v1alpha1.Linking
		domains         []string
		owners          []metav1.OwnerReference
		blocked, warned bool
	}{
		{name: "no linking"},
		{name: "never", linking: v1alpha1.LinkingNever},
		{name: "by userName", linking: v1alpha1.LinkingByUserName, blocked: true, warned: true},
		{name: "by userName, at an endpoint of an identity provider", linking: v1alpha1.LinkingByUserName, owners: owned, blocked: true},
		{name: "by userName, with a domain", linking: v1alpha1.LinkingByUserName, domains: []string{"acme.com"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, r := newBench(t)
			once := func(domains []string) {
				t.Helper()
				ep := &v1alpha1.ScimEndpoint{}
				pass, err := r.Begin(t.Context(), key, ep, &ep.Status.ObservedGeneration)
				if err != nil {
					t.Fatal(err)
				}
				ep.OwnerReferences = row.owners
				ObserveLinking(pass, ep, v1alpha1.LinkingPolicy{Linking: row.linking}, domains)
				if _, err := pass.End(t.Context(), Result{Reason: v1alpha1.ReasonSucceeded, Message: "Serving."}, nil); err != nil {
					t.Fatal(err)
				}
			}
			once(row.domains)
			once(row.domains)
			if blocked := IsTrue(b.endpoint(t), v1alpha1.ConditionLinkingBlocked); blocked != row.blocked {
				t.Errorf("blocked: %v", blocked)
			}
			if !IsTrue(b.endpoint(t), v1alpha1.ConditionReady) {
				t.Error("it is not ready")
			}
			if warned := strings.Count(strings.Join(b.sent(), "\n"), v1alpha1.ReasonEmailDomainsMissing); warned == 1 != row.warned || warned > 1 {
				t.Errorf("warned %d times", warned)
			}
			once([]string{"acme.com"})
			if Find(b.endpoint(t), v1alpha1.ConditionLinkingBlocked).Type != "" {
				t.Error("the condition stays when there is a domain")
			}
		})
	}
}
