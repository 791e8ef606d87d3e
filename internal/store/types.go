// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"

	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// NewTypes gives the resource types of an endpoint: users and groups with the extensions
// that its spec declares. The error says what is wrong with which of them.
func NewTypes(extensions []api.SchemaExtension) (*scim.Registry, error) {
	if len(extensions) == 0 {
		return scim.Core(), nil
	}
	options := make([]scim.Option, len(extensions))
	for i := range extensions {
		e := &extensions[i]
		schema := &scim.Schema{ID: e.Schema, Name: e.Name, Description: e.Description}
		for j := range e.Attributes {
			a := &e.Attributes[j]
			attribute, err := newAttribute(&a.SchemaValue)
			if err != nil {
				return nil, fmt.Errorf("extension %s: %w", e.Schema, err)
			}
			for k := range a.SubAttributes {
				sub, err := newAttribute(&a.SubAttributes[k].SchemaValue)
				if err != nil {
					return nil, fmt.Errorf("extension %s: attribute %s: %w", e.Schema, a.Name, err)
				}
				attribute.Sub = append(attribute.Sub, sub)
			}
			schema.Attributes = append(schema.Attributes, attribute)
		}
		options[i] = scim.WithExtension(string(e.ResourceType), scim.Extension{Schema: schema})
	}
	return scim.NewRegistry(options...)
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
	if a.Type == scim.Reference {
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
