// SPDX-License-Identifier: Apache-2.0

package scim

// ChangedPaths names what is different in two versions of a resource, in the order of the
// schema: attributes, and those below extensions and below complex attributes of one value.
// What only the server writes is not named. nil is a resource without attributes.
func ChangedPaths(before, after *Object) []string {
	return appendChanged(nil, before.all(), after.all())
}

func (o *Object) all() []Field {
	if o == nil {
		return nil
	}
	return o.fields
}

func appendChanged(paths []string, before, after []Field) []string {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Attr.index < after[0].Attr.index:
			paths = appendDifference(paths, before[0].Attr, before[0].Value, nil)
			before = before[1:]
		case len(before) == 0 || after[0].Attr.index < before[0].Attr.index:
			paths = appendDifference(paths, after[0].Attr, nil, after[0].Value)
			after = after[1:]
		default:
			paths = appendDifference(paths, after[0].Attr, before[0].Value, after[0].Value)
			before, after = before[1:], after[1:]
		}
	}
	return paths
}

func appendDifference(paths []string, a *Attribute, was, is Value) []string {
	if a.Mutability == ReadOnly || equalValues(was, is) {
		return paths
	}
	if a.Type == Complex && !a.MultiValued {
		before, _ := was.(*Object)
		after, _ := is.(*Object)
		return appendChanged(paths, before.all(), after.all())
	}
	return append(paths, a.path)
}
