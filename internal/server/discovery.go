// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"slices"
	"strings"

	"scim-operator.io/internal/scim"
)

// discovery holds the discovery documents (RFC 7644 §4), which never change while the
// server runs.
type discovery struct {
	serviceProviderConfig []byte
	resourceTypes         []scim.Document
	schemas               []scim.Document
}

// newDiscovery makes the documents. The issuer is that of access tokens, "" for none.
func newDiscovery(types *scim.Registry, baseURL string, limits Limits, issuer string) *discovery {
	config := scim.ServiceProviderConfig{
		BulkMaxOperations:     limits.BulkOperations,
		BulkMaxPayloadBytes:   int(limits.BulkBytes),
		FilterMaxResults:      limits.MaxPageSize,
		DefaultPageSize:       limits.DefaultPageSize,
		MaxPageSize:           limits.MaxPageSize,
		CursorPagination:      true,
		CursorTimeout:         limits.CursorTimeout,
		AuthenticationSchemes: authenticationSchemes(issuer),
	}
	return &discovery{
		serviceProviderConfig: config.Document(baseURL),
		resourceTypes:         types.ResourceTypeDocuments(baseURL),
		schemas:               types.SchemaDocuments(baseURL),
	}
}

// authenticationSchemes are the ways in which clients authenticate, the preferred one first:
// access tokens where there is an issuer of them.
func authenticationSchemes(issuer string) []scim.AuthenticationScheme {
	schemes := []scim.AuthenticationScheme{{
		Type: "oauthbearertoken", Name: "Bearer token",
		Description: "The endpoint's token in the header Authorization: Bearer <token>",
		SpecURI:     "https://www.rfc-editor.org/info/rfc6750",
	}, {
		Type: "httpbasic", Name: "HTTP Basic",
		Description: "The endpoint's token as the password of any user",
		SpecURI:     "https://www.rfc-editor.org/info/rfc7617",
	}}
	if issuer != "" {
		schemes = slices.Insert(schemes, 0, scim.AuthenticationScheme{
			Type: "oauthbearertoken", Name: "OAuth 2.0 access token",
			Description: "An access token of the issuer " + issuer + " in the header Authorization: Bearer <token>",
			SpecURI:     "https://www.rfc-editor.org/info/rfc9068",
		})
	}
	schemes[0].Primary = true
	return schemes
}

func (s *Server) serviceProviderConfig(x *exchange) error {
	if err := x.refuseFilter(); err != nil {
		return err
	}
	x.send(http.StatusOK, s.discovery.serviceProviderConfig)
	return nil
}

func (s *Server) listResourceTypes(x *exchange) error {
	return x.sendDocuments(s.discovery.resourceTypes)
}

func (s *Server) listSchemas(x *exchange) error { return x.sendDocuments(s.discovery.schemas) }

func (s *Server) getResourceType(x *exchange) error {
	return x.sendDocument("ResourceType", s.discovery.resourceTypes)
}

func (s *Server) getSchema(x *exchange) error { return x.sendDocument("Schema", s.discovery.schemas) }

func (x *exchange) sendDocuments(documents []scim.Document) error {
	if err := x.refuseFilter(); err != nil {
		return err
	}
	b := x.newBody(http.StatusOK)
	b.listHeader(listHead{total: len(documents), startIndex: 1, count: len(documents)})
	for i, d := range documents {
		b.separator(i == 0)
		b.document(d.JSON)
		b.spill()
	}
	b.listEnd()
	b.end()
	return nil
}

// sendDocument finds a document by its id; URNs are compared without case (RFC 8141 §3).
func (x *exchange) sendDocument(kind string, documents []scim.Document) error {
	if err := x.refuseFilter(); err != nil {
		return err
	}
	for _, d := range documents {
		if strings.EqualFold(d.ID, x.id) {
			x.send(http.StatusOK, d.JSON)
			return nil
		}
	}
	return errNoDocument(kind)
}

// refuseFilter refuses the one parameter that discovery must not ignore: a client that
// filters would take the whole answer for what it asked for.
func (x *exchange) refuseFilter() error {
	if x.r.URL.RawQuery == "" {
		return nil
	}
	values, err := parseQuery(x.r.URL.RawQuery)
	if err != nil {
		return err
	}
	for name := range values {
		if strings.EqualFold(name, "filter") {
			return errDiscoveryFilter()
		}
	}
	return nil
}
