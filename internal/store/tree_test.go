// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A tree must do what a sorted slice does, and a snapshot must never change.
func TestTreeEqualsSortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newTree(cmp.Compare[int])
		var model []int
		type frozen struct {
			tree  tree[int]
			model []int
		}
		var snapshots []frozen
		span := rapid.SampledFrom([]int{10, 300, 5000, 40_000}).Draw(t, "span")
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			start, n := rapid.IntRange(0, span).Draw(t, "start"), rapid.SampledFrom([]int{1, 50, 1000, 6000}).Draw(t, "n")
			step := rapid.IntRange(1, 7).Draw(t, "step")
			add := rapid.Bool().Draw(t, "add")
			for i := range n {
				v := (start + i*step) % span
				at, found := slices.BinarySearch(model, v)
				switch {
				case add:
					tr.put(v)
					if !found {
						model = slices.Insert(model, at, v)
					}
				default:
					if tr.remove(v) != found {
						t.Fatalf("remove(%d) did not say %v", v, found)
					}
					if found {
						model = slices.Delete(model, at, at+1)
					}
				}
			}
			if rapid.Bool().Draw(t, "snapshot") {
				snapshots = append(snapshots, frozen{tr.snapshot(new(owner)), slices.Clone(model)})
			}
		}
		snapshots = append(snapshots, frozen{tr.snapshot(new(owner)), model})
		for _, s := range snapshots {
			requireTree(t, &s.tree, s.model, rapid.IntRange(0, span).Draw(t, "probe"))
		}
	})
}

func requireTree(t *rapid.T, tr *tree[int], model []int, probe int) {
	if tr.len() != len(model) {
		t.Fatalf("len is %d, want %d", tr.len(), len(model))
	}
	if got := slices.Collect(tr.all()); !slices.Equal(got, model) {
		t.Fatalf("all gives %v, want %v", got, model)
	}
	order := func(v int) int { return cmp.Compare(v, probe) }
	at, found := slices.BinarySearch(model, probe)
	if v, ok := tr.find(order); ok != found || ok && v != probe {
		t.Fatalf("find(%d) gives %d, %v", probe, v, ok)
	}
	if got := tr.rank(order); got != at {
		t.Fatalf("rank(%d) is %d, want %d", probe, got, at)
	}
	if got := slices.Collect(tr.from(order)); !slices.Equal(got, model[at:]) {
		t.Fatalf("from(%d) gives %v, want %v", probe, got, model[at:])
	}
	position := min(probe, len(model))
	if got := slices.Collect(tr.page(position)); !slices.Equal(got, model[position:]) {
		t.Fatalf("page(%d) gives %v, want %v", position, got, model[position:])
	}
}
