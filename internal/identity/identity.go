// SPDX-License-Identifier: Apache-2.0

// Package identity decides what a provisioned user becomes: technician or end user, of
// which organizations, with which roles, active or not. Every decision is a pure function
// that asks its rules in order and returns the first answer together with what decided.
package identity
