// SPDX-License-Identifier: Apache-2.0

// Package server is the HTTP side of a SCIM endpoint (RFC 7644 §3): routes,
// authentication, bounds, conditional requests, the access log and metrics. What a
// request means is decided by package scim, and what becomes of it by package store.
//
// A request passes, in this order: bounds on its URL, headers and on how many are
// served at once; authentication; whether the endpoint is paused or not yet ready; its
// route. Whatever refuses it, the answer is a SCIM error (RFC 7644 §3.12) with a
// request ID that is in the access log too. That holds for panics, and for requests so
// malformed that net/http answers them itself; see wire.go.
//
// No query string, no header and no body is ever logged: they hold names, addresses
// and tokens.
package server
