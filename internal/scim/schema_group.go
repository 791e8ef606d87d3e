// SPDX-License-Identifier: Apache-2.0

package scim

// groupType is the Group of RFC 7643 §4.2. Two properties differ from §8.7.1, as
// the text of §4.2 has them: displayName is required and, since identity
// providers match groups on it, unique.
func groupType() ResourceType {
	return ResourceType{
		Name: "Group", Endpoint: "/Groups", Description: "A group of users and of other groups.",
		Schema: &Schema{
			ID: GroupSchema, Name: "Group", Description: "A group of users and of other groups.",
			Aliases: []string{
				"urn:scim:schemas:core:1.0", "urn:scim:schemas:core:1.0:Group",
				"urn:scim:schemas:core:2.0", "urn:scim:schemas:core:2.0:Group",
			},
			Attributes: []*Attribute{
				attribute(String, "displayName", "The name of the group.", required, uniqueServer),
				complexAttribute("members", "The members of the group.", memberAttributes(), multiValued, withRole(roleMembers)),
			},
		},
	}
}

func memberAttributes() []*Attribute {
	return []*Attribute{
		attribute(String, "value", "The id of the member.", caseExact, immutable, required),
		attribute(Reference, "$ref", "The URI of the member.", references("User", "Group"), immutable),
		attribute(String, "display", "The name of the member.", readOnly),
		attribute(String, "type", "The resource type of the member.", immutable, canonical("User", "Group")),
	}
}
