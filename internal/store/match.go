// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strconv"
	"strings"
)

// Match is a precondition on a resource's version (RFC 7232 §3, RFC 7644 §3.14). The
// zero Match always holds.
type Match struct {
	ifMatch, ifNoneMatch string
}

// NewMatch reads the values of the headers If-Match and If-None-Match, "" where a
// request has none. Versions are compared weakly, as SCIM's are weak.
func NewMatch(ifMatch, ifNoneMatch string) Match {
	return Match{ifMatch: strings.TrimSpace(ifMatch), ifNoneMatch: strings.TrimSpace(ifNoneMatch)}
}

// IsZero says that there is no precondition.
func (m Match) IsZero() bool { return m == Match{} }

// Holds says whether the precondition allows a change of a resource that has the
// version.
func (m Match) Holds(version string) bool {
	if m.ifMatch != "" && !lists(m.ifMatch, version) {
		return false
	}
	return m.ifNoneMatch == "" || !lists(m.ifNoneMatch, version)
}

// NotModified says whether a GET of a resource that has the version is answered 304.
func (m Match) NotModified(version string) bool {
	return m.ifNoneMatch != "" && lists(m.ifNoneMatch, version)
}

// lists says whether a header's list of entity tags names the version. Some clients
// leave out the quotes.
func lists(header, version string) bool {
	if header == "*" {
		return true
	}
	want := opaque(version)
	for tag := range strings.SplitSeq(header, ",") {
		if opaque(strings.TrimSpace(tag)) == want {
			return true
		}
	}
	return false
}

func opaque(tag string) string {
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
}

// versionOf is the ETag of a generation.
func versionOf(generation int64) string {
	b := make([]byte, 0, 24)
	b = append(b, `W/"`...)
	b = strconv.AppendInt(b, generation, 10)
	return string(append(b, '"'))
}
