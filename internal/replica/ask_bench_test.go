// SPDX-License-Identifier: Apache-2.0

package replica

import "testing"

// BenchmarkRevisions is what a read on one of two replicas waits for.
func BenchmarkRevisions(b *testing.B) {
	f := newFixture(b)
	first, second := f.start("a"), f.start("b")
	eventually(b, "both have joined", func() bool {
		return first.joined.Load() && second.joined.Load() && !first.Alone() && !second.Alone()
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := first.Revisions(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
	}
}
