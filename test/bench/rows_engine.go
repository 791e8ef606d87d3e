// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"scim-operator.io/test/bench/engine"
)

// measureEngine measures the protocol engine alone.
func measureEngine(context.Context, *bench) ([]row, error) {
	figures, err := engine.Measure()
	rows := make([]row, len(figures))
	for i, f := range figures {
		rows[i] = row{what: f.What, reference: f.Reference, measured: f.Measured, by: f.By, unit: perSecond, reach: f.Reach}
	}
	return rows, err
}
