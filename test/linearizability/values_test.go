// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// values is a set of numbers as ranges, "1-3 7". Two sets are equal when their texts are,
// and a set of a thousand members that follow each other is as small as one of two.
type values string

// span is a range of numbers, both ends included.
type span struct{ from, to int }

// valuesOf makes a set. The error is a number that is there twice.
func valuesOf(numbers []int) (values, error) {
	sorted := slices.Sorted(slices.Values(numbers))
	spans := make([]span, 0, len(sorted))
	for i, n := range sorted {
		if i > 0 && n == sorted[i-1] {
			return "", fmt.Errorf("%d is there twice", n)
		}
		spans = append(spans, span{n, n})
	}
	return joined(spans), nil
}

// single is the set of one number.
func single(n int) values { return values(strconv.Itoa(n)) }

// between is the set of the numbers of a range.
func between(from, to int) values { return joined([]span{{from, to}}) }

// joined makes a set of ranges in any order, which may overlap.
func joined(spans []span) values {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var merged []span
	for _, s := range spans {
		if last := len(merged) - 1; last >= 0 && s.from <= merged[last].to+1 {
			merged[last].to = max(merged[last].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	texts := make([]string, len(merged))
	for i, s := range merged {
		if texts[i] = strconv.Itoa(s.from); s.from != s.to {
			texts[i] += "-" + strconv.Itoa(s.to)
		}
	}
	return values(strings.Join(texts, " "))
}

func (v values) spans() []span {
	var spans []span
	for text := range strings.FieldsSeq(string(v)) {
		from, to, ranged := strings.Cut(text, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, errLast := strconv.Atoi(to)
		if err != nil || errLast != nil {
			panic("no set of numbers: " + string(v))
		}
		spans = append(spans, span{first, last})
	}
	return spans
}

// numbers lists the set in order.
func (v values) numbers() []int {
	var numbers []int
	for _, s := range v.spans() {
		for n := s.from; n <= s.to; n++ {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func (v values) has(n int) bool {
	return slices.ContainsFunc(v.spans(), func(s span) bool { return s.from <= n && n <= s.to })
}

// with is the set with another's numbers.
func (v values) with(other values) values {
	if other == "" {
		return v
	}
	return joined(append(v.spans(), other.spans()...))
}

// without is the set without another's numbers.
func (v values) without(other values) values {
	kept := v.spans()
	for _, gone := range other.spans() {
		var rest []span
		for _, s := range kept {
			if below := (span{s.from, min(s.to, gone.from-1)}); below.from <= below.to {
				rest = append(rest, below)
			}
			if above := (span{max(s.from, gone.to+1), s.to}); above.from <= above.to {
				rest = append(rest, above)
			}
		}
		kept = rest
	}
	return joined(kept)
}

// among is what the set has of another's numbers.
func (v values) among(other values) values { return v.without(v.without(other)) }
