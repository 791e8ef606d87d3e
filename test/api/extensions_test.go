// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
)

func TestExtensions(t *testing.T) {
	const (
		urn     = "schema must be a URN"
		served  = "this schema is served already"
		shape   = "a complex attribute has subAttributes, and no other has any"
		name    = "the name of an attribute must be a letter followed by letters, digits, - or _"
		subName = "the name of a sub-attribute must be a letter"
		number  = "{name: number, type: integer}"
	)
	extension := func(schema, attributes string) string {
		return "{schema: '" + schema + "', resourceType: User, attributes: [" + attributes + "]}"
	}
	badge := func(attributes string) string {
		return "{extensions: [" + extension("urn:example:badge:2.0:User", attributes) + "]}"
	}
	many := func(n int) string {
		var all strings.Builder
		for i := range n {
			all.WriteString("{name: a" + strings.Repeat("x", i) + ", type: string},")
		}
		return all.String()
	}
	var rows []row
	add := func(what, spec, words string) { rows = append(rows, row{what, "ScimEndpoint", spec, words}) }

	add("an extension", badge(number), "")
	add("all that an attribute may say", badge("{name: Color_1-a, type: string, description: The color, multiValued: true, required: true, caseExact: true, "+
		"mutability: immutable, returned: request, canonicalValues: [Red, Blue], canonicalOnly: true}"), "")
	add("a complex attribute", badge("{name: doors, type: complex, multiValued: true, subAttributes: [{name: value, type: string}, {name: $ref, type: reference}]}"), "")
	add("an extension of groups", "{extensions: [{schema: 'urn:example:cost:Group', resourceType: Group, name: Cost, description: D, attributes: ["+number+"]}]}", "")
	add("as many as there may be", "{extensions: ["+extension("urn:example:b:0", many(32))+"]}", "")
	add("too many attributes", badge(many(33)), "must have at most 32 items")
	add("no attribute", badge(""), "should have at least 1 items")
	rows = append(rows, row{"an identity provider's extension", "IdentityProvider",
		"{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: " + badge(number) + "}}", ""})

	for given, words := range map[string]string{
		"URN:Example:Badge-1_x.y": "", "badge": "should be at least 7 chars long", "http://example.com/badge": urn, "urn:example:badge:": urn, "urn:example:b dge": urn,
		"urn:ietf:params:scim:schemas:core:2.0:User":                    served,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":    served,
		"URN:ietf:params:scim:schemas:extension:scim-operator:2.0:user": served,
		"urn:ietf:params:scim:schemas:extension:ninjaone:2.0:User":      served,
		"urn:ietf:params:scim:api:messages:2.0:PatchOp":                 served,
		"urn:ietf:params:scim:schemas:extension:example:2.0:User":       "",
		"urn:example:" + strings.Repeat("x", 117):                       "may not be",
	} {
		add("schema "+given, "{extensions: ["+extension(given, number)+"]}", words)
	}
	add("one schema twice", "{extensions: ["+extension("urn:example:b:1", number)+", "+extension("urn:Example:B:1", number)+"]}",
		"two extensions have the same schema")
	add("nine extensions", "{extensions: ["+strings.Repeat(extension("urn:example:b:1", number)+", ", 9)+"]}", "must have at most 8 items")
	add("of another type", "{extensions: [{schema: 'urn:example:b:1', resourceType: Device, attributes: ["+number+"]}]}", "an extension names a resource type that there is not")

	add("one attribute twice", badge(number+", {name: Number, type: string}"), "two attributes have the same name")
	add("one sub-attribute twice", badge("{name: d, type: complex, subAttributes: [{name: a, type: string}, {name: A, type: string}]}"), "two sub-attributes have the same name")
	add("a name with a dot", badge("{name: a.b, type: string}"), name)
	add("a name that begins with a digit", badge("{name: 1a, type: string}"), name)
	add("a reference as an attribute", badge("{name: $ref, type: string}"), name)
	add("a sub-attribute's name with a blank", badge("{name: d, type: complex, subAttributes: [{name: a b, type: string}]}"), subName)
	add("complex without sub-attributes", badge("{name: d, type: complex}"), shape)
	add("sub-attributes of a string", badge("{name: d, type: string, subAttributes: [{name: a, type: string}]}"), shape)
	add("complex in complex", badge("{name: d, type: complex, subAttributes: [{name: a, type: complex}]}"), "a sub-attribute cannot be complex")
	add("an unknown type", badge("{name: a, type: text}"), `supported values: "string", "boolean"`)
	add("no type", badge("{name: a}"), "type: Required value")
	add("what clients are only shown", badge("{name: a, type: string, mutability: readOnly, returned: always}"), "")
	add("what is forgotten", badge("{name: a, type: string, mutability: writeOnly}, {name: b, type: string, mutability: writeOnly, returned: never}"), "")
	add("an unknown mutability", badge("{name: a, type: string, mutability: sometimes}"), `supported values: "readWrite", "immutable", "readOnly", "writeOnly"`)
	add("required of nobody", badge("{name: a, type: string, mutability: readOnly, required: true}"), "cannot be required")
	add("required and forgotten", badge("{name: d, type: complex, subAttributes: [{name: a, type: string, mutability: writeOnly, required: true}]}"), "cannot be required")
	add("a part that clients are only shown", badge("{name: d, type: complex, subAttributes: [{name: a, type: string, mutability: readOnly}]}"), "a sub-attribute cannot be readOnly by itself")
	add("parts that clients are only shown", badge("{name: d, type: complex, mutability: readOnly, subAttributes: [{name: a, type: string}]}"), "")
	add("forgotten and returned", badge("{name: a, type: string, mutability: writeOnly, returned: request}"), "what is writeOnly is returned never")
	add("canonical values only, of none", badge("{name: a, type: string, canonicalOnly: true}"), "canonicalOnly needs canonicalValues")
	add("canonical numbers", badge("{name: a, type: integer, canonicalValues: ['1']}"), "only a string has canonicalValues")
	check(t, rows)
}
