// SPDX-License-Identifier: Apache-2.0

package scim

import "iter"

// Type is an attribute's data type (RFC 7643 §2.3).
type Type uint8

// The data types of RFC 7643 §2.3.
const (
	String Type = iota
	Boolean
	Decimal
	Integer
	DateTime
	Binary
	Reference
	Complex
)

// String gives the type as /Schemas writes it.
func (t Type) String() string {
	return [...]string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"}[t]
}

// Mutability says whether a client may write the attribute (RFC 7643 §7).
type Mutability uint8

// The mutabilities of RFC 7643 §7. A writeOnly attribute is accepted and
// forgotten at once: this engine has no use for passwords.
const (
	ReadWrite Mutability = iota
	ReadOnly
	Immutable
	WriteOnly
)

// String gives the mutability as /Schemas writes it.
func (m Mutability) String() string {
	return [...]string{"readWrite", "readOnly", "immutable", "writeOnly"}[m]
}

// Returned says when responses contain the attribute (RFC 7643 §7).
type Returned uint8

// The values of `returned` in RFC 7643 §7.
const (
	ReturnedDefault Returned = iota
	ReturnedAlways
	ReturnedNever
	ReturnedRequest
)

// String gives the value as /Schemas writes it.
func (r Returned) String() string {
	return [...]string{"default", "always", "never", "request"}[r]
}

// Uniqueness says among what the attribute's value is unique (RFC 7643 §7).
type Uniqueness uint8

// The values of `uniqueness` in RFC 7643 §7.
const (
	UniquenessNone Uniqueness = iota
	UniquenessServer
	UniquenessGlobal
)

// String gives the value as /Schemas writes it.
func (u Uniqueness) String() string {
	return [...]string{"none", "server", "global"}[u]
}

// Attribute describes one attribute (RFC 7643 §7): everything that the engine
// enforces and /Schemas publishes comes from here. Attributes handed to a
// [Registry] are copied; those reached through a [ResourceType] are compiled and
// must not be changed.
type Attribute struct {
	Name        string
	Type        Type
	MultiValued bool
	Required    bool
	CaseExact   bool
	Mutability  Mutability
	Returned    Returned
	Uniqueness  Uniqueness

	// CanonicalValues are the usual values. With CanonicalOnly they are the only
	// ones: another value is refused, and one in another case is respelled.
	CanonicalValues []string
	CanonicalOnly   bool

	ReferenceTypes []string
	Description    string
	Sub            []*Attribute // sub-attributes when Type is Complex

	// Initial is the server's default. A resource always has a value of such an
	// attribute: a new one begins with Initial, and a request that clears the attribute,
	// or leaves it out, leaves the value as it is. Nil for most.
	Initial Value

	role role
	// identifying: the values stand for somebody or something, so that a blank one is no
	// value. It is set for what is unique and for every `value`, and by the table.
	identifying bool

	parent *Attribute            // nil for a resource type's root
	urn    Value                 // of a root or an extension's container, its schema's URN
	index  int                   // place among the parent's Sub
	path   string                // as PATCH and errors write it
	key    string                // as JSON writes it, with quotes and colon
	lookup map[string]*Attribute // Sub by folded name
	shared []Value               // CanonicalValues, which all resources share

	// The sub-attributes with a meaning of their own, nil where there is none.
	value, primary, ref *Attribute
}

// role marks the attributes that the engine itself gives a meaning.
type role uint8

const (
	roleNone      role = iota
	roleRoot           // the resource itself
	roleExtension      // the container of an extension's attributes
	roleSchemas        // `schemas`, computed and never stored
	roleMembers        // a group's `members`, kept beside the group
	roleEmbedded       // values may be JSON inside a string (Entra ID's roles)
)

// Path is the attribute's full name: `userName`, `emails.value`,
// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`.
func (a *Attribute) Path() string { return a.path }

// Schema is a named list of attributes (RFC 7643 §7).
type Schema struct {
	ID          string // a URN
	Name        string
	Description string
	Attributes  []*Attribute

	// Aliases are other URNs under which clients name this schema.
	Aliases []string
}

// Extension is a schema that extends a resource type (RFC 7643 §6).
type Extension struct {
	Schema   *Schema
	Required bool
}

// ResourceType describes one kind of resource (RFC 7643 §6). Those handed to a
// [Registry] are copied; those it returns are compiled and immutable.
type ResourceType struct {
	Name        string
	Endpoint    string // such as "/Users"
	Description string
	Schema      *Schema
	Extensions  []Extension

	root    *Attribute            // common, core and extension attributes, in order of rendering
	schemas map[string]*Attribute // folded URN to the root or an extension's container
	members *Attribute            // nil but for groups
	initial []*Attribute          // the attributes that have an Initial
}

// Attribute finds an attribute by its path, in any case and with or without its
// schema's URN: `userName`, `name.givenName`, `meta.created`, an extension's URN
// for its container. It is nil when there is none. Look attributes up once and
// keep them.
func (rt *ResourceType) Attribute(path string) *Attribute {
	t, problem := rt.resolve(path)
	if problem != "" {
		return nil
	}
	return t.last()
}

// Extension gives the container attribute of an extension, by its URN or an
// alias of it; nil when the resource type has no such extension.
func (rt *ResourceType) Extension(urn string) *Attribute {
	a := lookupName(rt.schemas, urn)
	if a == nil || a.role != roleExtension {
		return nil
	}
	return a
}

// Members is the attribute that holds a group's members, nil for other types.
func (rt *ResourceType) Members() *Attribute { return rt.members }

// Attributes gives every top-level attribute in the order of rendering: common,
// core, extension containers, meta.
func (rt *ResourceType) Attributes() iter.Seq[*Attribute] {
	return func(yield func(*Attribute) bool) {
		for _, a := range rt.root.Sub {
			if !yield(a) {
				return
			}
		}
	}
}
