// SPDX-License-Identifier: Apache-2.0

//go:build race

package linearizability

const defaultOperations = 1000
