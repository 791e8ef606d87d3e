// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// NewTypes gives the resource types of an endpoint: users, groups and those that its spec
// declares, with the extensions that it declares. The error says what is wrong with which
// of them.
func NewTypes(spec *api.ScimEndpointTemplate) (*scim.Registry, error) {
	if len(spec.ResourceTypes) == 0 && len(spec.Extensions) == 0 {
		return scim.Core(), nil
	}
	var options []scim.Option
	for i := range spec.ResourceTypes {
		rt, err := newResourceType(&spec.ResourceTypes[i])
		if err != nil {
			return nil, fmt.Errorf("resource type %s: %w", spec.ResourceTypes[i].Name, err)
		}
		options = append(options, scim.WithResourceType(rt))
	}
	for i := range spec.Extensions {
		e := &spec.Extensions[i]
		schema := &scim.Schema{ID: e.Schema, Name: cmp.Or(e.Name, nameInURN(e.Schema, e.ResourceType)), Description: e.Description}
		for j := range e.Attributes {
			attribute, err := newTopAttribute(&e.Attributes[j])
			if err != nil {
				return nil, fmt.Errorf("extension %s: %w", e.Schema, err)
			}
			schema.Attributes = append(schema.Attributes, attribute)
		}
		options = append(options, scim.WithExtension(e.ResourceType, scim.Extension{
			Schema: schema, Required: ptr.Deref(e.Required, false),
		}))
	}
	return scim.NewRegistry(options...)
}

// nameInURN returns the part of a schema's URN that names it: the last one that is neither a
// version nor the resource type. A URN without one is a name itself.
func nameInURN(urn, resourceType string) string {
	parts := strings.Split(urn, ":")
	for _, part := range slices.Backward(parts[min(2, len(parts)):]) {
		first, _ := utf8.DecodeRuneInString(part)
		if unicode.IsLetter(first) && !strings.EqualFold(part, resourceType) {
			return part
		}
	}
	return urn
}

func newResourceType(d *api.SchemaResourceType) (scim.ResourceType, error) {
	rt := scim.ResourceType{
		Name: d.Name, Endpoint: d.Endpoint, Description: d.Description,
		Schema: &scim.Schema{ID: d.Schema, Name: d.Name, Description: d.Description},
	}
	for i := range d.Attributes {
		a := &d.Attributes[i]
		attribute, err := newTopAttribute(&a.SchemaAttribute)
		if err != nil {
			return rt, err
		}
		var ok bool
		if attribute.Uniqueness, ok = named(string(a.Uniqueness), scim.UniquenessNone, scim.UniquenessGlobal); !ok {
			return rt, fmt.Errorf("attribute %s: there is no uniqueness %q", a.Name, a.Uniqueness)
		}
		rt.Schema.Attributes = append(rt.Schema.Attributes, attribute)
	}
	return rt, nil
}

// newTopAttribute makes an attribute with its sub-attributes.
func newTopAttribute(d *api.SchemaAttribute) (*scim.Attribute, error) {
	attribute, err := newAttribute(&d.SchemaValue)
	if err != nil {
		return nil, err
	}
	for i := range d.SubAttributes {
		sub, err := newAttribute(&d.SubAttributes[i].SchemaValue)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", d.Name, err)
		}
		attribute.Sub = append(attribute.Sub, sub)
	}
	return attribute, nil
}

func newAttribute(v *api.SchemaValue) (*scim.Attribute, error) {
	a := &scim.Attribute{
		Name: v.Name, Description: v.Description,
		MultiValued: ptr.Deref(v.MultiValued, false), Required: ptr.Deref(v.Required, false),
		CaseExact:       ptr.Deref(v.CaseExact, false),
		CanonicalValues: v.CanonicalValues, CanonicalOnly: ptr.Deref(v.CanonicalOnly, false),
	}
	var ok bool
	if a.Type, ok = named(string(v.Type), scim.String, scim.Complex); !ok {
		return nil, fmt.Errorf("attribute %s: there is no type %q", v.Name, v.Type)
	}
	if a.Mutability, ok = named(string(v.Mutability), scim.ReadWrite, scim.WriteOnly); !ok {
		return nil, fmt.Errorf("attribute %s: there is no mutability %q", v.Name, v.Mutability)
	}
	if a.Returned, ok = named(string(v.Returned), scim.ReturnedDefault, scim.ReturnedRequest); !ok {
		return nil, fmt.Errorf("attribute %s: %q is not when an attribute is returned", v.Name, v.Returned)
	}
	if a.Mutability == scim.WriteOnly && v.Returned == "" {
		a.Returned = scim.ReturnedNever
	}
	if a.ReferenceTypes = v.ReferenceTypes; a.Type == scim.Reference && len(a.ReferenceTypes) == 0 {
		a.ReferenceTypes = []string{"external"}
	}
	// References and binary data have no case to ignore (RFC 7643 §2.3.6, §2.3.7).
	a.CaseExact = a.CaseExact || a.Type == scim.Reference || a.Type == scim.Binary
	return a, nil
}

// named finds the property that /Schemas writes as name, the first one for "".
func named[P interface {
	~uint8
	String() string
}](name string, first, last P) (P, bool) {
	if name == "" {
		return first, true
	}
	for p := first; p <= last; p++ {
		if strings.EqualFold(p.String(), name) {
			return p, true
		}
	}
	return first, false
}
