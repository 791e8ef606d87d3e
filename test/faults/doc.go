// SPDX-License-Identifier: Apache-2.0

// Package faults shows what the store does while etcd and the API server fail in ways
// that only they can: a full disk, a history that is compacted away, a leader that is
// moved or killed, a snapshot that is put back. Every test has processes of its own.
package faults
