// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"regexp"
	"strings"
)

// A client may see its own text again in the answer to its request. A log, a status or an
// event is read by others, and holds nothing of a request: what follows takes it out.

// operationPrefix is what inOperation puts in front of a detail.
var operationPrefix = regexp.MustCompile(`^operation \d+: `)

// Redacted returns the detail without anything that the client wrote, for what others than
// the client read. The path at fault becomes attribute, which is one of the schema's, as
// AttributeAt has it; names that the client chose, which a detail quotes, become "…".
func (e *Error) Redacted(attribute string) string {
	prefix := operationPrefix.FindString(e.Detail)
	detail := e.Detail[len(prefix):]
	if reason, ok := strings.CutPrefix(detail, quotePath(e.Path)+": "); ok && e.Path != "" {
		if attribute == "" {
			attribute = "the path"
		}
		detail = attribute + ": " + reason
	}
	return prefix + RedactQuoted(detail, nil)
}

// RedactQuoted returns a text with "…" in the place of everything in double quotes, in which
// a backslash escapes the next character, but for what keep accepts; nil accepts nothing.
func RedactQuoted(text string, keep func(quoted string) bool) string {
	if strings.IndexByte(text, '"') < 0 {
		return text
	}
	var out strings.Builder
	for {
		before, rest, quoted := strings.Cut(text, `"`)
		out.WriteString(before)
		if !quoted {
			return out.String()
		}
		if strings.HasSuffix(before, "'") && strings.HasPrefix(rest, "'") { // the character
			out.WriteByte('"')
			text = rest
			continue
		}
		end := endOfQuoted(rest)
		if inside := rest[:end]; keep != nil && keep(inside) {
			out.WriteString(`"` + inside + `"`)
		} else {
			out.WriteString(`"…"`)
		}
		text = rest[min(end+1, len(rest)):]
	}
}

// endOfQuoted is the index of the quote that ends a quoted text, or its length where none does.
func endOfQuoted(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}

// AttributeAt returns the path of the schema's attribute that a path of a request leads to,
// in the schema's own spelling and without filters; "" where it leads to none.
func (rt *ResourceType) AttributeAt(path string) string {
	if open := strings.IndexByte(path, '['); open >= 0 {
		closed := strings.LastIndexByte(path, ']')
		path = path[:open] + path[max(closed, open)+1:]
	}
	if path = strings.TrimSpace(path); path == "" {
		return ""
	}
	t, problem := rt.resolve(path)
	if problem != "" || t.last() == nil {
		return ""
	}
	return t.last().path
}
