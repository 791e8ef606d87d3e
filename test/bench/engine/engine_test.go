// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"scim-operator.io/internal/scim"
	"scim-operator.io/test/bench/engine"
)

func BenchmarkParse(b *testing.B) {
	for name, parse := range map[string]func() error{
		"scim-operator": engine.ParseOurs(engine.Filter), "filter-parser": engine.ParseReference(engine.Filter),
	} {
		b.Run(name, func(b *testing.B) { repeat(b, parse) })
	}
}

func BenchmarkFilter(b *testing.B) {
	users, err := engine.People(engine.Users)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range engine.Filters {
		b.Run(c.Filter, func(b *testing.B) {
			f, err := scim.Core().User().ParseFilter(c.Filter)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if n := engine.Select(f, users); n != 0 {
					b.Fatalf("%d users match", n)
				}
			}
			b.ReportMetric(float64(c.Tests*len(users)*b.N)/b.Elapsed().Seconds()/1e6, "Mtests/s")
		})
	}
}

func BenchmarkPatch(b *testing.B) {
	users, err := engine.People(1)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range engine.Patches {
		b.Run(c.Name, func(b *testing.B) { repeat(b, engine.PatchOf(c, users[0].Object())) })
	}
}

func repeat(b *testing.B, operation func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := operation(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMeasure: every figure is measured, and says what it is about.
func TestMeasure(t *testing.T) {
	figures, err := engine.Measure()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + len(engine.Filters) + len(engine.Patches); len(figures) != want {
		t.Errorf("%d figures, want %d", len(figures), want)
	}
	for _, f := range figures {
		if f.What == "" || f.Measured <= 0 || f.Reach <= 0 || (f.Reference == "") != (f.By == 0) {
			t.Errorf("the figure is %+v", f)
		}
		t.Logf("%s: %.0f/s, %s %.0f/s, ratio %.0f, to reach %.0f", f.What, f.Measured, f.Reference, f.By, f.Measured/max(f.By, 1), f.Reach)
	}
}
