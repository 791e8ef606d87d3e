// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"strings"
)

// Projection is what `attributes` or `excludedAttributes` leaves of a resource
// (RFC 7644 §3.9). A nil Projection is the default one.
type Projection struct {
	rt      *ResourceType
	include bool
	// named holds the attributes named, true, and those above them, false.
	named map[*Attribute]bool
}

// ParseProjection reads the two query parameters, comma-separated paths. Names
// that the resource type does not have are ignored. Both empty gives nil; both
// set is an error, as they exclude each other.
func (rt *ResourceType) ParseProjection(attributes, excluded string) (*Projection, error) {
	attributes, excluded = strings.TrimSpace(attributes), strings.TrimSpace(excluded)
	switch {
	case attributes == "" && excluded == "":
		return nil, nil
	case attributes != "" && excluded != "":
		return nil, ErrInvalidValue("attributes", "it cannot be combined with excludedAttributes")
	}
	p := &Projection{rt: rt, include: attributes != "", named: make(map[*Attribute]bool)}
	names, parameter := attributes, "attributes"
	if !p.include {
		names, parameter = excluded, "excludedAttributes"
	}
	if len(names) > maxProjection || strings.Count(names, ",") >= maxProjected {
		return nil, ErrInvalidValue(parameter, fmt.Sprintf("more than %d names or %d bytes", maxProjected, maxProjection))
	}
	for name := range strings.SplitSeq(names, ",") {
		if t, problem := rt.resolve(strings.TrimSpace(name)); problem == "" {
			p.name(t)
		}
	}
	return p, nil
}

func (p *Projection) name(t target) {
	last := t.last()
	if last == nil { // the core schema's URN names its attributes
		for _, a := range p.rt.Schema.Attributes {
			p.named[a] = true
		}
		return
	}
	p.named[last] = true
	for a := last.parent; a.role != roleRoot; a = a.parent {
		if !p.named[a] {
			p.named[a] = false
		}
	}
}

// Wants says whether a response contains the attribute, or some of it.
func (p *Projection) Wants(a *Attribute) bool { return p.shown(a) != showNothing }

// WantsMembers says whether a response contains a group's members, so that those
// nobody wants are not even loaded.
func (p *Projection) WantsMembers() bool {
	if p == nil {
		return true
	}
	return p.rt.members != nil && p.Wants(p.rt.members)
}

// showing is how much of an attribute is in a response.
type showing uint8

const (
	showNothing showing = iota
	showNamed           // the sub-attributes that are named, or not excluded
	showDefault         // what is returned by default
)

func (p *Projection) shown(a *Attribute) showing {
	if a.parent.role == roleRoot {
		return p.below(a, showNamed)
	}
	return p.below(a, p.shown(a.parent))
}

// below decides on an attribute when it is known how much its parent shows.
func (p *Projection) below(a *Attribute, parent showing) showing {
	switch {
	case parent == showNothing || a.Returned == ReturnedNever || a.Mutability == WriteOnly:
		return showNothing
	case a.Returned == ReturnedAlways:
		return showDefault
	case p == nil:
		return showUnnamed(a)
	case p.include:
		return p.belowIncluded(a, parent)
	}
	return p.belowExcluded(a)
}

func showUnnamed(a *Attribute) showing {
	if a.Returned == ReturnedRequest {
		return showNothing
	}
	return showDefault
}

func (p *Projection) belowIncluded(a *Attribute, parent showing) showing {
	all, isNamed := p.named[a]
	switch {
	case all:
		return showDefault
	case parent == showDefault:
		return showUnnamed(a)
	case isNamed:
		return showNamed
	}
	return showNothing
}

func (p *Projection) belowExcluded(a *Attribute) showing {
	all, isNamed := p.named[a]
	switch {
	case all || a.Returned == ReturnedRequest:
		return showNothing
	case isNamed:
		return showNamed
	}
	return showDefault
}
