// SPDX-License-Identifier: Apache-2.0

package scim

import "strings"

// target is what an attribute path names: container is an extension or nil, attr
// a top-level attribute of it or of the resource, or nil for all of them, sub a
// sub-attribute of attr or nil.
type target struct {
	container, attr, sub *Attribute
}

// last is the attribute that the path ends at, nil for the resource itself.
func (t target) last() *Attribute {
	switch {
	case t.sub != nil:
		return t.sub
	case t.attr != nil:
		return t.attr
	}
	return t.container
}

// resolve finds what an attribute path (RFC 7644 §3.10) names, in any case.
// problem says what is wrong with it, "" when nothing is.
func (rt *ResourceType) resolve(path string) (t target, problem string) {
	base, names := rt.root, path
	if strings.IndexByte(path, ':') >= 0 {
		if base, names = rt.cutSchema(path); base == nil {
			return t, quoteName(path) + " names a schema that this resource type does not have"
		}
		if base.role == roleExtension {
			t.container = base
		}
		if names == "" {
			return t, ""
		}
	}
	name, sub, hasSub := strings.Cut(names, ".")
	if t.attr = lookupName(base.lookup, name); t.attr == nil || t.attr.role == roleExtension {
		return t, quoteName(name) + " is not an attribute of " + rt.nameOf(base)
	}
	if !hasSub {
		return t, ""
	}
	if t.sub = lookupName(t.attr.lookup, sub); t.sub == nil {
		return t, quoteName(sub) + " is not a sub-attribute of " + t.attr.path
	}
	return t, ""
}

// cutSchema takes the longest URN of a known schema off the front of a path. The
// separator is a colon; old clients of Entra ID write a dot.
func (rt *ResourceType) cutSchema(path string) (base *Attribute, names string) {
	for end := len(path); end > 0; {
		if a := lookupName(rt.schemas, path[:end]); a != nil {
			if end == len(path) {
				return a, ""
			}
			return a, path[end+1:]
		}
		end = strings.LastIndexAny(path[:end], ":.")
	}
	return nil, ""
}

func (rt *ResourceType) nameOf(base *Attribute) string {
	if base.role == roleExtension {
		return base.path
	}
	return rt.Name
}
