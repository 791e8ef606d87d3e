// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// observeRules fails while an expression in the rules for users is not valid, and while
// users are being decided by rules that have changed. Both are somebody else's work, and
// the endpoint serves meanwhile.
func (r *Reconciler) observeRules(ep *v1alpha1.ScimEndpoint) error {
	digest := identity.Digest(ep.Spec.OrganizationID, ep.Spec.AccountPolicy)
	if err := r.compiled.check(ep, digest); err != nil {
		return outcome.Stalled(v1alpha1.ReasonInvalidExpression, "%s. Nobody is decided anew by it until it is put right.",
			strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	applied := ep.Status.Rules
	if applied != nil && !applied.Applied(digest) {
		return outcome.Waiting(v1alpha1.ReasonApplyingRules, "Users are being decided by the rules of the spec; status.rules says how far that has got.")
	}
	return nil
}

// compiled remembers of each endpoint's rules whether they can be compiled, which takes far
// longer than any other step. Its zero value remembers nothing.
type compiled struct {
	mu sync.Mutex
	of map[client.ObjectKey]compilation
}

type compilation struct {
	digest string
	err    error
}

// check returns what is wrong with the rules of the given digest, or nil.
func (c *compiled) check(ep *v1alpha1.ScimEndpoint, digest string) error {
	key := client.ObjectKeyFromObject(ep)
	c.mu.Lock()
	last, ok := c.of[key]
	c.mu.Unlock()
	if ok && last.digest == digest {
		return last.err
	}
	err := identity.Compile(ep.Spec.OrganizationID, ep.Spec.AccountPolicy).Err()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[client.ObjectKey]compilation{}
	}
	c.of[key] = compilation{digest, err}
	return err
}

func (c *compiled) forget(endpoint client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, endpoint)
}
