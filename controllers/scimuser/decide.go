// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/internal/identity"
)

// decider decides about users with what the cache knows of their endpoint and groups.
type decider struct {
	reader client.Reader
	rules  *rulebook
}

// decide decides about one user, and returns the rules by which it did. It returns nil when
// everything stays as it was decided, since the endpoint and its rules are gone: disabling
// provisioning changes nobody. About whom nothing was decided, as after a restore, it decides by
// the rules of the provider; without one it knows no rules, and returns none.
func (d *decider) decide(ctx context.Context, user *v1alpha1.ScimUser) (*identity.Decision, *identity.Rules, error) {
	if !user.Linked() {
		decision, err := decideWith(ctx, noRules, nil, user) // an end user, unless the user's own attributes say otherwise
		return decision, noRules, err
	}
	key := endpointOf(user)
	rules, err := d.rulesOf(ctx, key)
	if rules == nil && err == nil {
		if user.Status.UserType != "" {
			return nil, nil, nil
		}
		rules, err = d.rulesOfProvider(ctx, key)
	}
	switch {
	case err != nil:
		return nil, nil, err
	case rules == nil:
		decision, err := decideWith(ctx, noRules, nil, user)
		return decision, nil, err
	}
	decision, err := decideWith(ctx, rules, &members.Upward{Reader: d.reader, Endpoint: key}, user)
	return decision, rules, err
}

// rulesOf are the rules of an endpoint, or nil when there is none.
func (d *decider) rulesOf(ctx context.Context, endpoint client.ObjectKey) (*identity.Rules, error) {
	var ep v1alpha1.ScimEndpoint
	err := d.reader.Get(ctx, endpoint, &ep, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the ScimEndpoint: %w", err)
	}
	return d.rules.inForce(&ep), nil
}

// rulesOfProvider are the rules that the endpoint of a provider gets when provisioning is
// enabled, or nil when there is no provider.
func (d *decider) rulesOfProvider(ctx context.Context, key client.ObjectKey) (*identity.Rules, error) {
	var idp v1alpha1.IdentityProvider
	err := d.reader.Get(ctx, key, &idp, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		d.rules.forget(key)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the IdentityProvider: %w", err)
	case idp.Spec.SCIM == nil:
		return noRules, nil
	}
	return d.rules.of(key, &idp, idp.Spec.SCIM.OrganizationID, idp.Spec.SCIM.AccountPolicy).inForce, nil
}

// decideWith looks the user's groups up only when a rule depends on groups.
func decideWith(ctx context.Context, rules *identity.Rules, groups *members.Upward, user *v1alpha1.ScimUser) (*identity.Decision, error) {
	var memberOf []identity.Group
	if rules.UseGroups() {
		var err error
		if memberOf, err = groups.GroupsOf(ctx, user.Name); err != nil {
			return nil, err
		}
	}
	decision := rules.Decide(user, memberOf)
	return &decision, nil
}

var noRules = identity.Compile("", v1alpha1.AccountPolicy{})

// rulebook keeps the rules of every endpoint ready, since compiling an expression takes
// far longer than asking it.
type rulebook struct {
	mu       sync.Mutex
	compiled map[client.ObjectKey]edition
}

// edition is the rules of one generation of an endpoint, or of its provider.
type edition struct {
	uid        types.UID
	generation int64

	digest, previewDigest string
	inForce               *identity.Rules
	// tried is nil when there is no preview.
	tried *identity.Rules
}

func newRulebook() *rulebook { return &rulebook{compiled: map[client.ObjectKey]edition{}} }

func (b *rulebook) inForce(ep *v1alpha1.ScimEndpoint) *identity.Rules {
	return b.ofEndpoint(ep).inForce
}

func (b *rulebook) ofEndpoint(ep *v1alpha1.ScimEndpoint) edition {
	return b.of(client.ObjectKeyFromObject(ep), ep, ep.Spec.OrganizationID, ep.Spec.AccountPolicy)
}

// of is the rules that an object, the endpoint or its provider, has for an endpoint.
func (b *rulebook) of(key client.ObjectKey, obj client.Object, organizationID string, policy v1alpha1.AccountPolicy) edition {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.compiled[key]
	if ok && known.uid == obj.GetUID() && known.generation == obj.GetGeneration() {
		return known
	}
	next := edition{
		uid: obj.GetUID(), generation: obj.GetGeneration(),
		digest:        identity.Digest(organizationID, policy),
		previewDigest: identity.PreviewDigest(organizationID, policy),
	}
	if next.inForce = known.inForce; !ok || known.digest != next.digest {
		next.inForce = identity.Compile(organizationID, policy)
	}
	switch {
	case policy.Preview == nil:
	case known.tried != nil && known.previewDigest == next.previewDigest:
		next.tried = known.tried
	default:
		next.tried = identity.Compile(organizationID, identity.Previewed(policy))
	}
	b.compiled[key] = next
	return next
}

func (b *rulebook) forget(endpoint client.ObjectKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.compiled, endpoint)
}
