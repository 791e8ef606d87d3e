// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxURN fits the buffer of lookupName, and every URN there is.
const maxURN = 128

// compileType copies a resource type and builds its table: common attributes, core
// attributes, one container for each extension, and `meta`, as RFC 7643 writes
// its examples.
func compileType(rt *ResourceType) (*ResourceType, error) {
	if err := checkType(rt); err != nil {
		return nil, err
	}
	c := &ResourceType{
		Name: rt.Name, Endpoint: rt.Endpoint, Description: rt.Description,
		schemas: make(map[string]*Attribute),
		root:    &Attribute{Type: Complex, role: roleRoot, urn: rt.Schema.ID},
	}
	common := commonAttributes()
	core := cloneAttributes(rt.Schema.Attributes)
	meta := len(common) - 1
	c.root.Sub = slices.Concat(common[:meta], core)
	for _, e := range rt.Extensions {
		container := &Attribute{
			Name: e.Schema.ID, Type: Complex, Required: e.Required, Description: e.Schema.Description,
			Sub: cloneAttributes(e.Schema.Attributes), role: roleExtension, urn: e.Schema.ID,
		}
		c.root.Sub = append(c.root.Sub, container)
		c.Extensions = append(c.Extensions, Extension{Schema: withAttributes(e.Schema, container.Sub), Required: e.Required})
		if err := c.claimNames(e.Schema, container); err != nil {
			return nil, err
		}
	}
	c.root.Sub = append(c.root.Sub, common[meta])
	if len(c.root.Sub) > maxAttributes {
		return nil, fmt.Errorf("it has more than %d attributes", maxAttributes)
	}
	c.Schema = withAttributes(rt.Schema, core)
	if err := c.claimNames(rt.Schema, c.root); err != nil {
		return nil, err
	}
	if err := link(c.root); err != nil {
		return nil, err
	}
	// Aliases of an extension stand for it in a body, as its own URN does.
	for urn, a := range c.schemas {
		if a.role == roleExtension {
			c.root.lookup[urn] = a
		}
	}
	for _, a := range c.root.Sub {
		if a.role == roleMembers {
			c.members = a
		}
		if a.Initial != nil {
			c.initial = append(c.initial, a)
		}
	}
	return c, nil
}

// claimNames enters a schema's URN and aliases into the table of schemas.
func (rt *ResourceType) claimNames(s *Schema, a *Attribute) error {
	for _, urn := range append([]string{s.ID}, s.Aliases...) {
		folded := Fold(urn)
		if _, taken := rt.schemas[folded]; taken {
			return fmt.Errorf("the schema %s is there twice", quoteName(urn))
		}
		rt.schemas[folded] = a
	}
	return nil
}

func withAttributes(s *Schema, attributes []*Attribute) *Schema {
	c := *s
	c.Aliases = slices.Clone(s.Aliases)
	c.Attributes = attributes
	return &c
}

func cloneAttributes(attributes []*Attribute) []*Attribute {
	cloned := make([]*Attribute, len(attributes))
	for i, a := range attributes {
		c := *a
		c.CanonicalValues = slices.Clone(a.CanonicalValues)
		c.ReferenceTypes = slices.Clone(a.ReferenceTypes)
		c.Sub = cloneAttributes(a.Sub)
		cloned[i] = &c
	}
	return cloned
}

// link gives every attribute below parent its place, path and tables.
func link(parent *Attribute) error {
	parent.lookup = make(map[string]*Attribute, len(parent.Sub))
	for i, a := range parent.Sub {
		folded := Fold(a.Name)
		if parent.lookup[folded] != nil {
			return fmt.Errorf("the attribute %s is there twice", quoteName(a.Name))
		}
		parent.lookup[folded] = a
		a.parent, a.index = parent, i
		a.path = childPath(parent, a.Name)
		a.key = string(append(appendString(nil, a.Name), ':'))
		a.shared = nil
		a.identifying = a.identifying || a.Uniqueness != UniquenessNone || parent.isComplexValue() && folded == "value"
		for _, text := range a.CanonicalValues {
			a.shared = append(a.shared, text)
		}
		if err := link(a); err != nil {
			return err
		}
	}
	parent.value, parent.primary, parent.ref = parent.lookup["value"], parent.lookup["primary"], parent.lookup["$ref"]
	if parent.primary != nil && parent.primary.Type != Boolean {
		parent.primary = nil
	}
	if parent.role == roleEmbedded {
		parent.lookup["displayname"] = parent.lookup["display"]
	}
	return nil
}

// isComplexValue reports whether the attribute is a complex one, and not a resource or an
// extension.
func (a *Attribute) isComplexValue() bool {
	return a.Type == Complex && a.role != roleRoot && a.role != roleExtension
}

func childPath(parent *Attribute, name string) string {
	switch parent.role {
	case roleRoot:
		return name
	case roleExtension:
		return parent.path + ":" + name
	default:
		return parent.path + "." + name
	}
}

func checkType(rt *ResourceType) error {
	switch {
	case !isAttributeName(rt.Name):
		return errors.New("its name must be a letter followed by letters, digits, - or _")
	case len(rt.Endpoint) < 2 || rt.Endpoint[0] != '/' || !isAttributeName(rt.Endpoint[1:]):
		return errors.New(`its endpoint must be "/" followed by a name`)
	case rt.Schema == nil:
		return errors.New("it has no schema")
	}
	if err := checkSchema(rt.Schema); err != nil {
		return err
	}
	for _, e := range rt.Extensions {
		if e.Schema == nil {
			return errors.New("an extension has no schema")
		}
		if err := checkSchema(e.Schema); err != nil {
			return err
		}
	}
	return nil
}

func checkSchema(s *Schema) error {
	for _, urn := range append([]string{s.ID}, s.Aliases...) {
		if !isURN(urn) {
			return fmt.Errorf("the schema id %s must be a URN of at most %d characters", quoteName(urn), maxURN)
		}
	}
	for _, a := range s.Attributes {
		if err := checkAttribute(a, false); err != nil {
			return fmt.Errorf("schema %s: %w", quoteName(s.ID), err)
		}
	}
	return nil
}

// checkAttribute holds an attribute to RFC 7643 §2 and §7. A complex attribute
// has no complex sub-attributes (§2.3.8).
func checkAttribute(a *Attribute, sub bool) error {
	if a == nil {
		a = &Attribute{}
	}
	if !isAttributeName(a.Name) && (!sub || a.Name != "$ref") {
		return fmt.Errorf("the attribute name %s must be a letter followed by letters, digits, - or _", quoteName(a.Name))
	}
	problem := a.wrongProperties()
	if problem == "" {
		problem = a.wrongShape(sub)
	}
	if problem != "" {
		return fmt.Errorf("attribute %s: %s", a.Name, problem)
	}
	for _, child := range a.Sub {
		if err := checkAttribute(child, true); err != nil {
			return fmt.Errorf("attribute %s: %w", a.Name, err)
		}
	}
	return nil
}

func (a *Attribute) wrongShape(sub bool) (problem string) {
	switch {
	case a.Type == Complex && sub:
		return "a sub-attribute cannot be complex"
	case a.Type == Complex && len(a.Sub) == 0:
		return "a complex attribute needs sub-attributes"
	case a.Type != Complex && len(a.Sub) > 0:
		return "only a complex attribute has sub-attributes"
	}
	return ""
}

func (a *Attribute) wrongProperties() (problem string) {
	switch {
	case a.Type > Complex || a.Mutability > WriteOnly || a.Returned > ReturnedRequest || a.Uniqueness > UniquenessGlobal:
		return "a property is out of range"
	case a.Required && !a.writable():
		return "a required attribute must be one that clients write and the server keeps"
	case a.Mutability == WriteOnly && a.Returned != ReturnedNever:
		return "a writeOnly attribute must be returned never"
	case a.CanonicalOnly && len(a.CanonicalValues) == 0:
		return "it allows canonical values only and has none"
	}
	return ""
}

// isAttributeName is ATTRNAME of RFC 7643 §2.1.
func isAttributeName(s string) bool {
	if s == "" || len(s) > maxURN || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return true
}

func isURN(s string) bool {
	if len(s) > maxURN || len(s) < len("urn:a:b") || !strings.EqualFold(s[:4], "urn:") || s[len(s)-1] == ':' {
		return false
	}
	for i := range len(s) {
		if !isPathByte(s[i]) || s[i] == '$' {
			return false
		}
	}
	return true
}

func isLetter(b byte) bool { return 'a' <= lower(b) && lower(b) <= 'z' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isNameByte(b byte) bool { return isLetter(b) || isDigit(b) || b == '-' || b == '_' }

// isPathByte accepts what an attribute path is written with: names, `$ref`, dots
// and the colons of URNs.
func isPathByte(b byte) bool { return isNameByte(b) || b == '.' || b == ':' || b == '$' }
