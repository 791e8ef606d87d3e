// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"slices"
	"strings"
)

const (
	maxIgnored      = 20  // names of one request
	maxIgnoredBytes = 160 // of one name: a URN and an attribute of it
)

// Ignored are the attributes that a request names and the schema does not have. Names are
// attribute paths, each once, in the order of the request. They hold no value of it.
type Ignored struct {
	Names []string
	More  bool // there are others, which are not named
}

// None reports whether there are no such attributes.
func (i Ignored) None() bool { return len(i.Names) == 0 && !i.More }

// String lists the names for people.
func (i Ignored) String() string {
	names := strings.Join(i.Names, ", ")
	switch {
	case !i.More:
		return names
	case names == "":
		return "attributes whose names are too long or unusual to write down"
	}
	return names + " and others"
}

// add takes in a name. One that is too long, or is not made of what attribute paths are
// made of, is not named: it may be anything.
func (i *Ignored) add(name string) {
	switch {
	case i == nil || slices.Contains(i.Names, name):
	case len(i.Names) == maxIgnored || len(name) > maxIgnoredBytes || !isAttributePath(name):
		i.More = true
	default:
		i.Names = append(i.Names, name)
	}
}

func isAttributePath(name string) bool {
	for i := range len(name) {
		if !isPathByte(name[i]) {
			return false
		}
	}
	return name != ""
}

// pathBelow is the path of what a client names below an attribute.
func (a *Attribute) pathBelow(name []byte) string { return childPath(a, string(name)) }
