// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		row  row
		want string
	}{
		{row{measured: 90, reference: "r", by: 100, unit: perSecond, reach: 0.9}, "reached"},
		{row{measured: 89, reference: "r", by: 100, unit: perSecond, reach: 0.9}, "missed"},
		{row{measured: 300, reference: "r", by: 100, unit: milliseconds, reach: 3, atMost: true}, "reached"},
		{row{measured: 301, reference: "r", by: 100, unit: milliseconds, reach: 3, atMost: true}, "missed"},
		{row{measured: 3.9, unit: kibPerUser, reach: 4, atMost: true}, "reached"},
		{row{measured: 4.1, unit: kibPerUser, reach: 4, atMost: true}, "missed"},
		{row{measured: 4.1e6, unit: perSecond, reach: 5e6}, "missed"},
		{row{measured: 1, reference: "r", by: 100, unit: perSecond}, ""},
		{row{err: errors.New("no"), reach: 4}, "NOT MEASURED"},
	} {
		if got := c.row.verdict(); got != c.want {
			t.Errorf("%s: %s, want %s", &c.row, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	b := &bench{machine: "a machine", rows: []row{
		{what: "reads", reference: "the least", measured: 26_000, by: 42_000, unit: perSecond, reach: 0.6, note: "quick"},
		{what: "memory", measured: 3.456, unit: kibPerUser, reach: 4, atMost: true},
		{what: "peers", reference: "others", reach: 4, err: errors.New("no node")},
	}}
	var text strings.Builder
	if err := b.printTable(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| reads | 26,000/s | the least | 42,000/s | 0.62 | ≥ 0.60 | reached |\n",
		"| memory | 3.46 KiB a user |  |  |  | ≤ 4 KiB a user | reached |\n",
		"| peers |  | others |  |  | ≥ 4.00 | NOT MEASURED |\n",
		"- reads: quick.\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	if err := b.unmeasured(); err == nil || !strings.Contains(err.Error(), "peers: no node") {
		t.Errorf("error: %v", err)
	}
}

func TestInTurn(t *testing.T) {
	var order strings.Builder
	values := map[string][]float64{"a": {5, 1, 3}, "b": {2, 2, 9}}
	measurement := func(name string) func(context.Context) (float64, error) {
		return func(context.Context) (float64, error) {
			order.WriteString(name)
			v := values[name][0]
			values[name] = values[name][1:]
			return v, nil
		}
	}
	b := &bench{options: options{runs: 3}}
	medians, err := b.inTurn(context.Background(), measurement("a"), measurement("b"))
	if err != nil || medians[0] != 3 || medians[1] != 2 || order.String() != "abbaab" {
		t.Errorf("%v in the order %s, %v", medians, &order, err)
	}
}
