// SPDX-License-Identifier: Apache-2.0

package cmd

import "testing"

func TestHeapLimit(t *testing.T) {
	for memoryMax, want := range map[string]int64{
		"1073741824\n":          966367642,
		"10":                    9,
		"max\n":                 0,
		"9223372036854775807\n": 0,
		"0\n":                   0,
		"":                      0,
		"a lot":                 0,
	} {
		if got, ok := heapLimit(memoryMax); got != want || ok != (want != 0) {
			t.Errorf("of %q it is %d (%v), not %d", memoryMax, got, ok, want)
		}
	}
}
