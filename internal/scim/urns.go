// SPDX-License-Identifier: Apache-2.0

package scim

// The URNs of the schemas and messages of RFC 7643, RFC 7644 and this project.
const (
	UserSchema           = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema          = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	OperatorUserSchema   = "urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User"
	NinjaOneUserSchema   = "urn:ietf:params:scim:schemas:extension:ninjaone:2.0:User"

	ListResponseSchema = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	BulkResponseSchema = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	ErrorSchema        = "urn:ietf:params:scim:api:messages:2.0:Error"
)
