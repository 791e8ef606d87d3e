// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/oauth"
)

// observeOAuth fails while the issuer's CAs cannot be read, which the API server does not
// notice. The endpoint serves meanwhile, and tokens of its own are let in.
func observeOAuth(ep *v1alpha1.ScimEndpoint) error {
	if ep.Spec.OAuth == nil {
		return nil
	}
	if err := oauth.CheckCACertificates(ep.Spec.OAuth.CACertificates); err != nil {
		return outcome.Stalled(v1alpha1.ReasonInvalidSpec,
			"spec.oauth.caCertificates: %v. No access token of the issuer is let in until they are put right.", err)
	}
	return nil
}
