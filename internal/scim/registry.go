// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Registry holds the resource types of one endpoint, compiled and immutable.
type Registry struct {
	types []*ResourceType
}

// Option adds to what a registry holds by default: User with the enterprise and
// the project's own extension, and Group.
type Option func(*registryBuilder)

type registryBuilder struct {
	types []ResourceType
	errs  []error
}

// NewRegistry compiles the resource types. Errors say which schema, resource type
// or attribute is wrong.
func NewRegistry(options ...Option) (*Registry, error) {
	b := &registryBuilder{types: []ResourceType{userType(), groupType()}}
	for _, option := range options {
		option(b)
	}
	r := &Registry{}
	for i := range b.types {
		rt := &b.types[i]
		if r.ResourceType(rt.Name) != nil || r.ByEndpoint(rt.Endpoint) != nil || isReserved(rt.Endpoint) {
			b.errs = append(b.errs, fmt.Errorf("resource type %s: its name or endpoint is taken", quoteName(rt.Name)))
			continue
		}
		if urn := r.described(rt); urn != "" {
			b.errs = append(b.errs, fmt.Errorf("resource type %s: the schema %s is taken", quoteName(rt.Name), quoteName(urn)))
			continue
		}
		compiled, err := compileType(rt)
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("resource type %s: %w", quoteName(rt.Name), err))
			continue
		}
		r.types = append(r.types, compiled)
	}
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// isReserved says whether RFC 7644 §3.2 gives an endpoint another meaning.
func isReserved(endpoint string) bool {
	return slices.ContainsFunc([]string{"/Me", "/Bulk", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig"},
		func(reserved string) bool { return strings.EqualFold(reserved, endpoint) })
}

// described returns the type's schema when /Schemas describes it already, and "" otherwise:
// it is that of a type before it, or of a discovery document. An extension may be that of
// several types.
func (r *Registry) described(rt *ResourceType) (urn string) {
	if rt.Schema == nil {
		return ""
	}
	if isDiscoverySchema(rt.Schema.ID) {
		return rt.Schema.ID
	}
	for _, e := range rt.Extensions {
		if e.Schema != nil && isDiscoverySchema(e.Schema.ID) {
			return e.Schema.ID
		}
	}
	for _, other := range r.types {
		if lookupName(other.schemas, rt.Schema.ID) != nil {
			return rt.Schema.ID
		}
		for _, e := range rt.Extensions {
			if e.Schema != nil && lookupName(other.schemas, e.Schema.ID) == other.root {
				return e.Schema.ID
			}
		}
	}
	return ""
}

// WithExtension extends a resource type, such as "User", by a schema.
func WithExtension(resourceType string, e Extension) Option {
	return func(b *registryBuilder) {
		for i := range b.types {
			if strings.EqualFold(b.types[i].Name, resourceType) {
				b.types[i].Extensions = append(slices.Clone(b.types[i].Extensions), e)
				return
			}
		}
		b.errs = append(b.errs, fmt.Errorf("an extension names the resource type %s, which does not exist", quoteName(resourceType)))
	}
}

// WithResourceType adds a resource type.
func WithResourceType(rt ResourceType) Option {
	return func(b *registryBuilder) { b.types = append(b.types, rt) }
}

// Core gives the registry without options, built once.
var Core = sync.OnceValue(func() *Registry {
	r, err := NewRegistry()
	if err != nil {
		panic(err) // the built-in table is wrong, which every test would show
	}
	return r
})

// ResourceTypes gives all types, User and Group first.
func (r *Registry) ResourceTypes() []*ResourceType { return r.types }

// ResourceType finds a type by its name, such as "User"; nil when there is none.
func (r *Registry) ResourceType(name string) *ResourceType {
	for _, rt := range r.types {
		if strings.EqualFold(rt.Name, name) {
			return rt
		}
	}
	return nil
}

// ByEndpoint finds a type by its endpoint, such as "/Users"; nil when there is none.
func (r *Registry) ByEndpoint(endpoint string) *ResourceType {
	for _, rt := range r.types {
		if strings.EqualFold(rt.Endpoint, endpoint) {
			return rt
		}
	}
	return nil
}

// User is the built-in user type.
func (r *Registry) User() *ResourceType { return r.types[0] }

// Group is the built-in group type.
func (r *Registry) Group() *ResourceType { return r.types[1] }
