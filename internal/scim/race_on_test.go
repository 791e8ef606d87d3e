// SPDX-License-Identifier: Apache-2.0

//go:build race

package scim

// raceDetector: under it a sync.Pool forgets at random, so allocations mean nothing.
const raceDetector = true
