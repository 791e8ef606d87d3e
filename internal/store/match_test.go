// SPDX-License-Identifier: Apache-2.0

package store

import "testing"

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		name                 string
		ifMatch, ifNoneMatch string
		version              string
		holds, notModified   bool
	}{
		{"no precondition", "", "", `W/"3"`, true, false},
		{"If-Match of the version", `W/"3"`, "", `W/"3"`, true, false},
		{"If-Match of a strong form of the version", `"3"`, "", `W/"3"`, true, false},
		{"If-Match without quotes", `3`, "", `W/"3"`, true, false},
		{"If-Match of another version", `W/"2"`, "", `W/"3"`, false, false},
		{"If-Match of several versions", `W/"2", W/"3"`, "", `W/"3"`, true, false},
		{"If-Match of any version", "*", "", `W/"3"`, true, false},
		{"If-None-Match of the version", "", `W/"3"`, `W/"3"`, false, true},
		{"If-None-Match of another version", "", `W/"2"`, `W/"3"`, true, false},
		{"If-None-Match of any version", "", "*", `W/"3"`, false, true},
		{"If-Match of the version with other groups", `W/"3.x"`, "", `W/"3.y"`, true, false},
		{"If-Match of the version without groups", `W/"3"`, "", `W/"3.y"`, true, false},
		{"If-Match of another version with the groups", `W/"2.y"`, "", `W/"3.y"`, false, false},
		{"If-None-Match of the version and the groups", "", `W/"3.y"`, `W/"3.y"`, false, true},
		{"If-None-Match of the version with other groups", "", `W/"3.x"`, `W/"3.y"`, false, false},
		{"If-None-Match of the version without groups", "", `W/"3"`, `W/"3.y"`, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := NewMatch(row.ifMatch, row.ifNoneMatch)
			if got := m.Holds(row.version); got != row.holds {
				t.Errorf("Holds is %v, want %v", got, row.holds)
			}
			if got := m.NotModified(row.version); got != row.notModified {
				t.Errorf("NotModified is %v, want %v", got, row.notModified)
			}
		})
	}
}
