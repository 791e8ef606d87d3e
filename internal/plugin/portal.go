// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"

	"scim-operator.io/internal/idp"
)

// Portal is where an administrator enters the connection in the identity provider, and under
// which labels.
type Portal struct {
	// Page is left out where it is not documented.
	Page           string `json:"page,omitempty"`
	BaseURL        string `json:"baseURL"`
	Token          string `json:"token"`
	OrganizationID string `json:"organizationID"`
	// Note is what to watch out for.
	Note string `json:"note,omitempty"`
}

// portal is that of the provider's type. A ScimEndpoint by itself has none.
func (p *provider) portal() Portal {
	product := idp.Of("")
	if p.identityProvider != nil {
		product = idp.Of(p.identityProvider.Spec.Type)
	}
	return Portal{Page: product.Portal.Page, BaseURL: product.Portal.BaseURL, Token: product.Portal.Token,
		OrganizationID: product.Portal.OrganizationID, Note: product.Note}
}

// sync says how often the provider synchronises, "" where that is not documented.
func (p *provider) sync() string {
	if p.identityProvider == nil {
		return ""
	}
	product := idp.Of(p.identityProvider.Spec.Type)
	if product.SyncEvery == 0 {
		return ""
	}
	return product.Sync()
}

func (p *Portal) text() string {
	return fmt.Sprintf("%s: the URL as %q, the token as %q", p.Page, p.BaseURL, p.Token)
}
