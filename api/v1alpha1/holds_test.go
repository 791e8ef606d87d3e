// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func manyHolds(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("hold-%d", i)
	}
	return ids
}

func TestHoldRefs(t *testing.T) {
	many := manyHolds(1000)
	long := strings.Repeat("x", 300*1024)
	for _, row := range []struct {
		name, annotation string
		want             []string
	}{
		{"none", "", nil},
		{"one", "h1", []string{"h1"}},
		{"several, as people write them", " h1, h2 ,,h3,", []string{"h1", "h2", "h3"}},
		{"the last of too many", strings.Join(many, ","), many[1000-MaxHolds:]},
		{"the last after something long", long + ",h1", []string{"h1"}},
		{"nothing of what is too long", long, nil},
		{"nothing but commas", strings.Repeat(",", 300*1024), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := HoldRefs(row.annotation); !slices.Equal(got, row.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestWithHold(t *testing.T) {
	many := manyHolds(MaxHolds)
	for _, row := range []struct{ name, annotation, with, without string }{
		{"none yet", "", "h", ""},
		{"another", "h1", "h1,h", "h1"},
		{"there already, once more as the last", "h, h1", "h1,h", "h1"},
		{"the only one", "h", "h", ""},
		{"there with another digest", "h@0011,h1@2233", "h1@2233,h", "h1@2233"},
		{"the oldest gives way", strings.Join(many, ","), strings.Join(append(slices.Clone(many[1:]), "h"), ","), strings.Join(many, ",")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := WithHold(row.annotation, "h"); got != row.with {
				t.Errorf("with it: %q", got)
			}
			if got := WithoutHold(row.annotation, "h"); got != row.without {
				t.Errorf("without it: %q", got)
			}
		})
	}
}
