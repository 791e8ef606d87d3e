// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// Document is a discovery resource and the id under which it is found.
type Document struct {
	ID   string
	JSON json.RawMessage
}

type documentMeta struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

type schemaDocument struct {
	Schemas     []string            `json:"schemas"`
	ID          string              `json:"id"`
	Name        string              `json:"name,omitempty"`
	Description string              `json:"description,omitempty"`
	Attributes  []attributeDocument `json:"attributes"`
	Meta        documentMeta        `json:"meta"`
}

type attributeDocument struct {
	Name            string              `json:"name"`
	Type            string              `json:"type"`
	SubAttributes   []attributeDocument `json:"subAttributes,omitempty"`
	MultiValued     bool                `json:"multiValued"`
	Description     string              `json:"description,omitempty"`
	Required        bool                `json:"required"`
	CanonicalValues []string            `json:"canonicalValues,omitempty"`
	CaseExact       bool                `json:"caseExact"`
	Mutability      string              `json:"mutability"`
	Returned        string              `json:"returned"`
	Uniqueness      string              `json:"uniqueness"`
	ReferenceTypes  []string            `json:"referenceTypes,omitempty"`
}

// SchemaDocuments returns the resources of /Schemas (RFC 7643 §7), sorted by id: the schemas
// of the resource types and those of the discovery documents. baseURL has no slash at its end.
func (r *Registry) SchemaDocuments(baseURL string) []Document {
	var documents []Document
	add := func(s *Schema) {
		if slices.ContainsFunc(documents, func(d Document) bool { return d.ID == s.ID }) {
			return
		}
		documents = append(documents, Document{ID: s.ID, JSON: marshal(schemaDocument{
			Schemas: []string{schemaSchema}, ID: s.ID, Name: s.Name, Description: s.Description,
			Attributes: describe(s.Attributes),
			Meta:       documentMeta{ResourceType: "Schema", Location: baseURL + "/Schemas/" + s.ID},
		})})
	}
	for _, rt := range r.types {
		add(rt.Schema)
		for _, e := range rt.Extensions {
			add(e.Schema)
		}
	}
	for _, s := range discoverySchemas() {
		add(s)
	}
	slices.SortFunc(documents, func(a, b Document) int { return compareStrings(a.ID, b.ID) })
	return documents
}

func describe(attributes []*Attribute) []attributeDocument {
	documents := make([]attributeDocument, len(attributes))
	for i, a := range attributes {
		documents[i] = attributeDocument{
			Name: a.Name, Type: a.Type.String(), MultiValued: a.MultiValued, Description: a.Description,
			Required: a.Required, CanonicalValues: a.CanonicalValues, CaseExact: a.CaseExact,
			Mutability: a.Mutability.String(), Returned: a.Returned.String(), Uniqueness: a.Uniqueness.String(),
			ReferenceTypes: a.ReferenceTypes,
		}
		if a.Type == Complex {
			documents[i].SubAttributes = describe(a.Sub)
		}
	}
	return documents
}

type resourceTypeDocument struct {
	Schemas     []string            `json:"schemas"`
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Endpoint    string              `json:"endpoint"`
	Description string              `json:"description,omitempty"`
	Schema      string              `json:"schema"`
	Extensions  []extensionDocument `json:"schemaExtensions,omitempty"`
	Meta        documentMeta        `json:"meta"`
}

type extensionDocument struct {
	Schema   string `json:"schema"`
	Required bool   `json:"required"`
}

// ResourceTypeDocuments gives the resources of /ResourceTypes (RFC 7643 §6).
func (r *Registry) ResourceTypeDocuments(baseURL string) []Document {
	documents := make([]Document, len(r.types))
	for i, rt := range r.types {
		d := resourceTypeDocument{
			Schemas: []string{resourceTypeSchema}, ID: rt.Name, Name: rt.Name,
			Endpoint: rt.Endpoint, Description: rt.Description, Schema: rt.Schema.ID,
			Meta: documentMeta{ResourceType: "ResourceType", Location: baseURL + "/ResourceTypes/" + rt.Name},
		}
		for _, e := range rt.Extensions {
			d.Extensions = append(d.Extensions, extensionDocument{Schema: e.Schema.ID, Required: e.Required})
		}
		documents[i] = Document{ID: rt.Name, JSON: marshal(d)}
	}
	return documents
}

// ServiceProviderConfig says what a server can do (RFC 7643 §5, RFC 9865 §4). What
// is zero is not supported; PATCH, filters, sorting and ETags always are.
type ServiceProviderConfig struct {
	DocumentationURI      string
	BulkMaxOperations     int
	BulkMaxPayloadBytes   int
	FilterMaxResults      int
	CursorPagination      bool
	DefaultPageSize       int
	MaxPageSize           int
	CursorTimeout         time.Duration
	AuthenticationSchemes []AuthenticationScheme
}

// AuthenticationScheme is one entry of authenticationSchemes (RFC 7643 §5).
type AuthenticationScheme struct {
	Type             string `json:"type"`
	Name             string `json:"name"`
	Description      string `json:"description"`
	SpecURI          string `json:"specUri,omitempty"`
	DocumentationURI string `json:"documentationUri,omitempty"`
	Primary          bool   `json:"primary,omitempty"`
}

type supported struct {
	Supported bool `json:"supported"`
}

type bulkSupport struct {
	Supported      bool `json:"supported"`
	MaxOperations  int  `json:"maxOperations"`
	MaxPayloadSize int  `json:"maxPayloadSize"`
}

type filterSupport struct {
	Supported  bool `json:"supported"`
	MaxResults int  `json:"maxResults"`
}

type paginationSupport struct {
	Cursor          bool   `json:"cursor"`
	Index           bool   `json:"index"`
	DefaultMethod   string `json:"defaultPaginationMethod"`
	DefaultPageSize int    `json:"defaultPageSize,omitempty"`
	MaxPageSize     int    `json:"maxPageSize,omitempty"`
	CursorTimeout   int    `json:"cursorTimeout,omitempty"` // seconds
}

type providerConfigDocument struct {
	Schemas               []string               `json:"schemas"`
	DocumentationURI      string                 `json:"documentationUri,omitempty"`
	Patch                 supported              `json:"patch"`
	Bulk                  bulkSupport            `json:"bulk"`
	Filter                filterSupport          `json:"filter"`
	ChangePassword        supported              `json:"changePassword"`
	Sort                  supported              `json:"sort"`
	ETag                  supported              `json:"etag"`
	Pagination            paginationSupport      `json:"pagination"`
	AuthenticationSchemes []AuthenticationScheme `json:"authenticationSchemes"`
	Meta                  documentMeta           `json:"meta"`
}

// Document gives the resource of /ServiceProviderConfig. baseURL has no slash at
// its end.
func (c ServiceProviderConfig) Document(baseURL string) json.RawMessage {
	d := providerConfigDocument{
		Schemas:          []string{providerConfigSchema},
		DocumentationURI: c.DocumentationURI,
		Patch:            supported{true},
		Bulk: bulkSupport{
			Supported: c.BulkMaxOperations > 0, MaxOperations: c.BulkMaxOperations, MaxPayloadSize: c.BulkMaxPayloadBytes,
		},
		Filter: filterSupport{Supported: true, MaxResults: c.FilterMaxResults},
		Sort:   supported{true},
		ETag:   supported{true},
		Pagination: paginationSupport{
			Cursor: c.CursorPagination, Index: true, DefaultMethod: "index",
			DefaultPageSize: c.DefaultPageSize, MaxPageSize: c.MaxPageSize,
			CursorTimeout: int(c.CursorTimeout / time.Second),
		},
		AuthenticationSchemes: c.AuthenticationSchemes,
		Meta:                  documentMeta{ResourceType: "ServiceProviderConfig", Location: baseURL + "/ServiceProviderConfig"},
	}
	if d.AuthenticationSchemes == nil {
		d.AuthenticationSchemes = []AuthenticationScheme{}
	}
	return marshal(d)
}

// marshal encodes a document of this file, whose types cannot fail to encode.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}
