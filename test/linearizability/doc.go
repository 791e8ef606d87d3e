// SPDX-License-Identifier: Apache-2.0

// Package linearizability shows that several replicas answer as one: it records what
// clients do to them at the same time, with crashes between their writes, and lets
// porcupine search for an order in which one after the other would have had the same
// answers.
package linearizability
