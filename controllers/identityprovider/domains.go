// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// domainIndex finds the providers that claim an e-mail domain.
	domainIndex = "spec.emailDomains"
	// maxDomainConflicts bounds what the condition names.
	maxDomainConflicts = 8
)

func indexDomains(obj client.Object) []string {
	return obj.(*v1alpha1.IdentityProvider).Spec.EmailDomains
}

// observeDomains sets DomainConflict while another provider of the namespace claims one of
// the provider's e-mail domains: then an address of that domain tells nobody who has it.
func (r *Reconciler) observeDomains(ctx context.Context, pass *outcome.Pass, idp *v1alpha1.IdentityProvider) error {
	var conflicts []string
	for _, domain := range idp.Spec.EmailDomains {
		others, err := r.claimants(ctx, idp, domain)
		if err != nil {
			return err
		}
		for _, other := range others {
			conflicts = append(conflicts, fmt.Sprintf("%s by %s", domain, other))
		}
	}
	if len(conflicts) == 0 {
		outcome.Remove(idp, v1alpha1.ConditionDomainConflict)
		return nil
	}
	slices.Sort(conflicts)
	named := strings.Join(conflicts[:min(len(conflicts), maxDomainConflicts)], ", ")
	if more := len(conflicts) - maxDomainConflicts; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	message := "E-mail domains of this provider are claimed by other IdentityProviders of the namespace as well: " + named +
		". Each of them may adopt and create users of the domain. Leave the domain with one of them."
	if pass.Before(v1alpha1.ConditionDomainConflict).Message != message {
		pass.Warn(v1alpha1.ReasonDomainClaimedTwice, message)
	}
	outcome.Set(idp, v1alpha1.ConditionDomainConflict, true, v1alpha1.ReasonDomainClaimedTwice, message)
	return nil
}

// claimants are the names of the other providers of the namespace that claim a domain.
func (r *Reconciler) claimants(ctx context.Context, idp client.Object, domain string) (names []string, err error) {
	var providers v1alpha1.IdentityProviderList
	err = r.client.List(ctx, &providers, client.InNamespace(idp.GetNamespace()),
		client.MatchingFields{domainIndex: domain}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the identity providers of the domain %s: %w", domain, err)
	}
	for i := range providers.Items {
		if other := &providers.Items[i]; other.Name != idp.GetName() && other.DeletionTimestamp.IsZero() {
			names = append(names, other.Name)
		}
	}
	return names, nil
}

// rivalsOf maps a provider that came, went or changed to those that claim a domain of its.
func (r *Reconciler) rivalsOf(ctx context.Context, obj client.Object) (requests []reconcile.Request) {
	for _, domain := range indexDomains(obj) {
		names, err := r.claimants(ctx, obj, domain)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot tell which providers share a domain", "provider", client.ObjectKeyFromObject(obj))
			return requests
		}
		for _, name := range names {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: name}})
		}
	}
	return requests
}
