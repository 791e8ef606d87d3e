// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"bytes"
	"strings"
)

// bulkPrefix begins a string that stands for the id of a resource which another operation
// of the same request creates (RFC 7644 §3.7.2).
const bulkPrefix = "bulkId:"

// IsBulkReference reports whether an id stands for that of a resource which another operation
// creates, or was to create.
func IsBulkReference(id string) bool { return strings.HasPrefix(id, bulkPrefix) }

// findReferences lists the bulkIds that an operation names. In the middle of a string only
// those count that are known: what else looks like one there may be text.
func (o *BulkOperation) findReferences(known map[string]bool) []string {
	var found []string
	seen := make(map[string]bool)
	note := func(bulkID string) (string, bool) {
		if !seen[bulkID] {
			seen[bulkID] = true
			found = append(found, bulkID)
		}
		return "", true
	}
	resolvePath(o.Path, note)
	if bytes.Contains(o.Data, []byte(bulkPrefix)) {
		noteKnown := func(bulkID string) (string, bool) {
			if known[bulkID] {
				return note(bulkID)
			}
			return "", false
		}
		w := &referenceWriter{reader: &reader{data: o.Data, depth: -bulkNesting}, id: note, quotedID: noteKnown}
		w.value()
	}
	return found
}

// Resolve gives the path and the data with the ids of the resources in the place of their
// bulkIds; id says which they are. What it does not know, it leaves out: a value of a
// list, or an attribute, and with a `value` the whole that the value is of, as nothing is
// left of a member or a manager without it.
func (o *BulkOperation) Resolve(id func(bulkID string) (string, bool)) (path string, data []byte) {
	if len(o.References) == 0 {
		return o.Path, o.Data
	}
	path, data = resolvePath(o.Path, id), o.Data
	if bytes.Contains(o.Data, []byte(bulkPrefix)) {
		w := &referenceWriter{reader: &reader{data: o.Data, depth: -bulkNesting}, id: id, quotedID: id}
		w.value()
		data = w.out
	}
	return path, data
}

// resolvePath replaces the bulkIds that are segments of a path.
func resolvePath(path string, id func(string) (string, bool)) string {
	if !strings.Contains(path, bulkPrefix) {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if bulkID, ok := strings.CutPrefix(segment, bulkPrefix); ok {
			if resolved, ok := id(bulkID); ok {
				segments[i] = resolved
			}
		}
	}
	return strings.Join(segments, "/")
}

// referenceWriter copies a JSON document that has been read before, and is therefore
// known to be one, with ids in the place of bulkIds.
type referenceWriter struct {
	*reader
	id       func(bulkID string) (string, bool)
	quotedID func(bulkID string) (string, bool)
	out      []byte
	failed   bool // so that a fault elsewhere cannot make it read for ever
}

// value copies one value. It is false, and nothing is copied, when the value is to be
// left out.
func (w *referenceWriter) value() (kept bool) {
	start := len(w.out)
	switch w.peek() {
	case '{':
		kept = w.object()
	case '[':
		w.list()
		kept = true
	case '"':
		kept = w.string()
	default:
		raw, err := w.raw()
		w.out = append(w.out, raw...)
		w.failed = w.failed || err != nil
		kept = !w.failed
	}
	if !kept {
		w.out = w.out[:start]
	}
	return kept
}

func (w *referenceWriter) object() (kept bool) {
	if w.open() != nil {
		return false
	}
	w.out = append(w.out, '{')
	var seen keySet
	empty, hollow := true, false
	for {
		name, ok, err := w.key(&seen)
		if w.failed = w.failed || err != nil; w.failed {
			return false
		}
		if !ok {
			w.out = append(w.out, '}')
			return !hollow
		}
		start := len(w.out)
		if !empty {
			w.out = append(w.out, ',')
		}
		w.out = append(appendString(w.out, string(name)), ':')
		switch {
		case w.value():
			empty = false
		default:
			w.out = w.out[:start]
			hollow = hollow || strings.EqualFold(string(name), "value")
		}
	}
}

func (w *referenceWriter) list() {
	if w.open() != nil {
		return
	}
	w.out = append(w.out, '[')
	empty := true
	for {
		if ok, err := w.more(']'); !ok || err != nil || w.failed {
			w.out = append(w.out, ']')
			return
		}
		start := len(w.out)
		if !empty {
			w.out = append(w.out, ',')
		}
		if w.value() {
			empty = false
		} else {
			w.out = w.out[:start]
		}
	}
}

func (w *referenceWriter) string() (kept bool) {
	text, err := w.text()
	if w.failed = w.failed || err != nil; w.failed {
		return false
	}
	if bulkID, ok := strings.CutPrefix(text, bulkPrefix); ok {
		resolved, ok := w.id(bulkID)
		w.out = appendString(w.out, resolved)
		return ok
	}
	w.out = appendString(w.out, w.quoted(text))
	return true
}

// quoted replaces bulkIds that stand in quotes within a string, as in the value path
// `members[value eq "bulkId:x"]`. Those that nobody knows may be text.
func (w *referenceWriter) quoted(text string) string {
	const opening = `"` + bulkPrefix
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, opening)
		bulkID, after, closed := strings.Cut(rest, `"`)
		if !ok || !closed {
			out.WriteString(text)
			return out.String()
		}
		resolved, known := w.quotedID(bulkID)
		if !known {
			resolved = bulkPrefix + bulkID
		}
		out.WriteString(before + `"` + resolved + `"`)
		text = after
	}
}
