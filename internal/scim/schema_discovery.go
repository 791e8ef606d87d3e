// SPDX-License-Identifier: Apache-2.0

package scim

import "strings"

// The schemas of the discovery documents themselves (RFC 7643 §5 to §7).
const (
	schemaSchema         = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	resourceTypeSchema   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	providerConfigSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
)

// discoverySchemas describes the discovery documents (RFC 7643 §8.7.2, RFC 9865 §4). No
// resource has them and nothing is decoded by them, so they are not compiled: they nest
// deeper than a resource may.
func discoverySchemas() []*Schema {
	return []*Schema{providerConfigDefinition(), resourceTypeDefinition(), schemaDefinition()}
}

// isDiscoverySchema reports whether a URN is that of a discovery document.
func isDiscoverySchema(urn string) bool {
	return strings.EqualFold(urn, schemaSchema) || strings.EqualFold(urn, resourceTypeSchema) ||
		strings.EqualFold(urn, providerConfigSchema)
}

func providerConfigDefinition() *Schema {
	isSupported := func() *Attribute {
		return attribute(Boolean, "supported", "Whether the feature is supported.", required, readOnly)
	}
	feature := func(name, description string, more ...*Attribute) *Attribute {
		return complexAttribute(name, description, append([]*Attribute{isSupported()}, more...), required, readOnly)
	}
	return &Schema{
		ID: providerConfigSchema, Name: "ServiceProviderConfig", Description: "What the service provider supports.",
		Attributes: []*Attribute{
			attribute(Reference, "documentationUri", "Where people read about the service.", references("external"), readOnly),
			feature("patch", "PATCH of resources."),
			feature("bulk", "Bulk requests.",
				attribute(Integer, "maxOperations", "The largest number of operations in a request.", required, readOnly),
				attribute(Integer, "maxPayloadSize", "The largest size of a request, in bytes.", required, readOnly)),
			feature("filter", "Filters of queries.",
				attribute(Integer, "maxResults", "The largest number of resources in an answer.", required, readOnly)),
			feature("changePassword", "Changes of passwords."),
			feature("sort", "Sorted answers."),
			feature("etag", "Versions of resources."),
			complexAttribute("pagination", "The ways in which the answer to a query is divided into pages.", []*Attribute{
				attribute(Boolean, "cursor", "Whether pages are asked for by cursor.", required, readOnly),
				attribute(Boolean, "index", "Whether pages are asked for by index.", required, readOnly),
				attribute(String, "defaultPaginationMethod", "The way of a query that names none.",
					canonical("cursor", "index"), readOnly),
				attribute(Integer, "defaultPageSize", "The size of a page where the query names none.", readOnly),
				attribute(Integer, "maxPageSize", "The largest size of a page.", readOnly),
				attribute(Integer, "cursorTimeout", "How long a cursor is valid at least, in seconds.", readOnly),
			}, readOnly),
			complexAttribute("authenticationSchemes", "How clients authenticate.", []*Attribute{
				attribute(String, "type", "The kind of the scheme.", required, readOnly,
					canonical("oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest")),
				attribute(String, "name", "The name of the scheme.", required, readOnly),
				attribute(String, "description", "What the scheme is.", required, readOnly),
				attribute(Reference, "specUri", "The specification of the scheme.", references("external"), readOnly),
				attribute(Reference, "documentationUri", "Where people read about the scheme.", references("external"), readOnly),
				attribute(Boolean, "primary", "Whether the scheme is the preferred one.", readOnly),
			}, multiValued, required, readOnly),
		},
	}
}

func resourceTypeDefinition() *Schema {
	return &Schema{
		ID: resourceTypeSchema, Name: "ResourceType", Description: "A kind of resource and where it is served.",
		Attributes: []*Attribute{
			attribute(String, "id", "The identifier of the resource type, which is its name.", caseExact, readOnly),
			attribute(String, "name", "The name of the resource type, as meta.resourceType has it.", required, readOnly),
			attribute(String, "description", "What the resource type is.", readOnly),
			attribute(Reference, "endpoint", "The path of the resources below the base URL.", references("uri"), required, readOnly),
			attribute(Reference, "schema", "The URN of the base schema.", references("uri"), required, readOnly),
			complexAttribute("schemaExtensions", "The schemas that extend the resource type.", []*Attribute{
				attribute(Reference, "schema", "The URN of the extension.", references("uri"), required, readOnly),
				attribute(Boolean, "required", "Whether every resource has attributes of the extension.", required, readOnly),
			}, multiValued, readOnly),
		},
	}
}

func schemaDefinition() *Schema {
	sub := complexAttribute("subAttributes", "The sub-attributes of a complex attribute.", definitionAttributes(), multiValued, readOnly)
	return &Schema{
		ID: schemaSchema, Name: "Schema", Description: "The attributes of a kind of resource.",
		Attributes: []*Attribute{
			attribute(String, "id", "The URN of the schema.", caseExact, required, readOnly),
			attribute(String, "name", "The name of the schema.", readOnly),
			attribute(String, "description", "What the schema is for.", readOnly),
			complexAttribute("attributes", "The attributes of the schema.", append(definitionAttributes(), sub),
				multiValued, required, readOnly),
		},
	}
}

// definitionAttributes describe an attribute and a sub-attribute alike.
func definitionAttributes() []*Attribute {
	return []*Attribute{
		attribute(String, "name", "The name of the attribute.", caseExact, required, readOnly),
		attribute(String, "type", "The data type of the attribute.", required, readOnly,
			canonical("string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex")),
		attribute(Boolean, "multiValued", "Whether the attribute has several values.", required, readOnly),
		attribute(String, "description", "What the attribute means.", readOnly),
		attribute(Boolean, "required", "Whether every resource has the attribute.", readOnly),
		attribute(String, "canonicalValues", "The usual values of the attribute.", multiValued, caseExact, readOnly),
		attribute(Boolean, "caseExact", "Whether the case of a text counts.", readOnly),
		attribute(String, "mutability", "Whether clients write the attribute.", caseExact, readOnly,
			canonical("readOnly", "readWrite", "immutable", "writeOnly")),
		attribute(String, "returned", "When answers have the attribute.", caseExact, readOnly,
			canonical("always", "never", "default", "request")),
		attribute(String, "uniqueness", "Among what the value is unique.", caseExact, readOnly,
			canonical("none", "server", "global")),
		attribute(String, "referenceTypes", "What a reference leads to.", multiValued, caseExact, readOnly),
	}
}
