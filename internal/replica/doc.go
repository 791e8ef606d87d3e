// SPDX-License-Identifier: Apache-2.0

// Package replica is what one serving replica of an endpoint learns from the API
// server, and what it tells the other replicas.
//
// It watches its own ScimEndpoint, for the pause and for its peers, and the Secret with
// the digests of the tokens it accepts. It enters itself in the endpoint's
// status.servers, and serves only when every other replica entered there has confirmed
// that it knows this one: from then on no read on another replica can miss a write that
// this one acknowledges, because it asks this one first (see peers.go).
package replica
