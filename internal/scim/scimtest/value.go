// SPDX-License-Identifier: Apache-2.0

// Package scimtest helps tests to look into resources.
package scimtest

import (
	"strings"

	"scim-operator.io/internal/scim"
)

// Value returns the value at a path such as `name.givenName`, nil when there is none. Below a
// multi-valued attribute it is the scim.List of what its values have.
func Value(o *scim.Object, path string) scim.Value {
	for a, v := range o.Fields() {
		rest, ok := strings.CutPrefix(path, a.Name)
		switch {
		case !ok:
		case rest == "":
			return v
		case rest[0] == '.', rest[0] == ':' && strings.HasPrefix(a.Name, "urn:"):
			return below(v, rest[1:])
		}
	}
	return nil
}

func below(v scim.Value, path string) scim.Value {
	switch v := v.(type) {
	case *scim.Object:
		return Value(v, path)
	case scim.List:
		var found scim.List
		for _, element := range v {
			if value := below(element, path); value != nil {
				found = append(found, value)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}
