// SPDX-License-Identifier: Apache-2.0

package scim

// Bounds on what a client sends. The server bounds the size of a body; these
// bound what one body may hold and what it may cost.
const (
	maxDepth         = 16        // nested arrays and objects of a JSON document
	maxKeys          = 1024      // names in one JSON object
	maxStringBytes   = 16 << 10  // one string value
	maxBinaryBytes   = 64 << 10  // one base64 value
	maxValues        = 1000      // values of one multi-valued attribute
	maxMembers       = 100_000   // members in one request
	maxObjectBytes   = 192 << 10 // a resource without its members, well under etcd's limit
	maxOperations    = 10_000    // operations of one PATCH
	maxChanges       = 1000      // changes they make, not counting those of members
	maxWork          = 5_000_000 // values or members that one PATCH may look at
	maxFilterBytes   = 8 << 10   // one filter
	maxFilterDepth   = 32        // nested groups of one filter
	maxFilterNodes   = 256       // comparisons and operators of one filter
	maxPathBytes     = 8 << 10   // one PATCH path
	maxProjection    = 8 << 10   // attributes or excludedAttributes
	maxProjected     = 256       // names in attributes or excludedAttributes
	maxSchemaEntries = 64        // entries of `schemas`
)
