// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/fnv"
	"strconv"
	"strings"

	"scim-operator.io/internal/scim"
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

// Holds says whether the precondition allows a change of a resource that has the
// version. What else an answer showed, a user's groups, is nothing that it changes.
func (m Match) Holds(version string) bool {
	if m.ifMatch != "" && !lists(m.ifMatch, version, generation) {
		return false
	}
	return m.ifNoneMatch == "" || !lists(m.ifNoneMatch, version, generation)
}

// NotModified says whether a GET of a resource that has the version is answered 304.
func (m Match) NotModified(version string) bool {
	return m.ifNoneMatch != "" && lists(m.ifNoneMatch, version, opaque)
}

// lists says whether a header's list of entity tags names the version, as far as part
// tells.
func lists(header, version string, part func(tag string) string) bool {
	if header == "*" {
		return true
	}
	want := part(version)
	for tag := range strings.SplitSeq(header, ",") {
		if part(strings.TrimSpace(tag)) == want {
			return true
		}
	}
	return false
}

// opaque is an entity tag without what is about its form. Some clients leave out the
// quotes.
func opaque(tag string) string {
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
}

// generation is the part of an entity tag that is about the resource itself.
func generation(tag string) string {
	own, _, _ := strings.Cut(opaque(tag), groupsSeparator)
	return own
}

// groupsSeparator is between the generation and what tells of the groups.
const groupsSeparator = "."

// VersionOf is the ETag of a resource: its generation and, of a user who is in groups,
// what tells of these, as they come and go without a change of the user.
func VersionOf(generation int64, groups scim.List) string {
	b := make([]byte, 0, 32)
	b = append(b, `W/"`...)
	b = strconv.AppendInt(b, generation, 10)
	b = append(b, groupsTag(groups)...)
	return string(append(b, '"'))
}

// groupsTag is a hash of a user's groups, in whichever order; "" of none.
func groupsTag(groups scim.List) string {
	if len(groups) == 0 {
		return ""
	}
	sum := uint64(0)
	for _, group := range groups {
		h := fnv.New64a()
		_, _ = h.Write(scim.AppendValue(nil, group)) // it never fails
		sum += h.Sum64()
	}
	return groupsSeparator + strconv.FormatUint(sum, 36)
}
