// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"strings"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/identity"
)

// observeRules fails while an expression in the rules for users is not valid, and while
// users are being decided by rules that have changed. Both are somebody else's work, and
// the endpoint serves meanwhile.
func observeRules(ep *v1alpha1.ScimEndpoint) error {
	if err := identity.Compile(ep.Spec.OrganizationID, ep.Spec.AccountPolicy).Err(); err != nil {
		return outcome.Stalled(v1alpha1.ReasonInvalidExpression, "%s. Nobody is decided anew by it until it is put right.",
			strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	applied := ep.Status.Rules
	if applied != nil && !applied.Applied(identity.Digest(ep.Spec.OrganizationID, ep.Spec.AccountPolicy)) {
		return outcome.Waiting(v1alpha1.ReasonApplyingRules, "Users are being decided by the rules of the spec; status.rules says how far that has got.")
	}
	return nil
}
