// SPDX-License-Identifier: Apache-2.0

// Package scim is the SCIM 2.0 protocol engine: schemas, resources, filters,
// PATCH, projection, sorting, rendering and the discovery documents of RFC 7643
// and RFC 7644. It knows neither HTTP nor Kubernetes.
//
// One table of [Attribute] values drives everything: what is accepted, filtered,
// patched, returned and published in /Schemas. A [Registry] compiles the table
// into [ResourceType] values; a resource is an immutable [Object]. The members of
// a group, of which there may be 100,000, are kept beside their group, behind
// [MemberReader] and [Members].
//
// Requests are untrusted. Every input has a bound (see limits.go), and every
// refusal is an [*Error] that names the attribute and the reason, and never
// contains a value that a client sent.
package scim
