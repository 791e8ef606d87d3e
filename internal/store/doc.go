// SPDX-License-Identifier: Apache-2.0

// Package store keeps the users, the groups and the resources of declared types of one
// SCIM endpoint as custom resources of a Kubernetes API server, behind one type, [Store].
//
// Writes go to the API server and return once it has acknowledged them. A value
// that is unique within the endpoint (a user's userName, a group's displayName, what a
// type declares unique) is
// held by a ScimClaim whose creation is the lock; see claim.go for the protocol.
// Every other write is one compare-and-swap by resourceVersion. The members of a
// large group live in immutable slices that become visible with one write of the
// group.
//
// Reads are answered from an index in memory that watches keep up to date. A read
// sees every write acknowledged before it began, on whichever replica: see
// barrier.go. What a reader holds is a snapshot that never changes under it.
package store
