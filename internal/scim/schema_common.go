// SPDX-License-Identifier: Apache-2.0

package scim

// The table of attributes is written with these few words. A property is what
// differs from RFC 7643's default: an optional, single-valued, readWrite string
// whose case does not matter, returned by default and not unique.
type property func(*Attribute)

func attribute(t Type, name, description string, properties ...property) *Attribute {
	a := &Attribute{Name: name, Type: t, Description: description}
	for _, p := range properties {
		p(a)
	}
	return a
}

func complexAttribute(name, description string, sub []*Attribute, properties ...property) *Attribute {
	a := attribute(Complex, name, description, properties...)
	a.Sub = sub
	return a
}

func multiValued(a *Attribute)  { a.MultiValued = true }
func required(a *Attribute)     { a.Required = true }
func caseExact(a *Attribute)    { a.CaseExact = true }
func readOnly(a *Attribute)     { a.Mutability = ReadOnly }
func immutable(a *Attribute)    { a.Mutability = Immutable }
func writeOnly(a *Attribute)    { a.Mutability, a.Returned = WriteOnly, ReturnedNever }
func always(a *Attribute)       { a.Returned = ReturnedAlways }
func uniqueServer(a *Attribute) { a.Uniqueness = UniquenessServer }

func canonical(values ...string) property {
	return func(a *Attribute) { a.CanonicalValues = values }
}

func canonicalOnly(values ...string) property {
	return func(a *Attribute) { a.CanonicalValues, a.CanonicalOnly = values, true }
}

func references(types ...string) property {
	return func(a *Attribute) { a.ReferenceTypes, a.CaseExact = types, true }
}

func initially(v Value) property {
	return func(a *Attribute) { a.Initial = v }
}

func identifying(a *Attribute) { a.identifying = true }

func withRole(r role) property {
	return func(a *Attribute) { a.role = r }
}

// commonAttributes are those of every resource (RFC 7643 §3.1), `meta` last.
func commonAttributes() []*Attribute {
	return []*Attribute{
		attribute(Reference, "schemas", "The URNs of the schemas that define the attributes of the resource.",
			multiValued, readOnly, always, references("uri"), withRole(roleSchemas)),
		attribute(String, "id", "The service provider's identifier of the resource, never given to another one.",
			caseExact, readOnly, always, uniqueServer),
		attribute(String, "externalId", "The client's identifier of the resource.", caseExact, identifying),
		complexAttribute("meta", "Metadata of the resource.", []*Attribute{
			attribute(String, "resourceType", "The name of the resource's type.", caseExact, readOnly),
			attribute(DateTime, "created", "When the resource was added.", readOnly),
			attribute(DateTime, "lastModified", "When the resource was last changed.", readOnly),
			attribute(Reference, "location", "The URI of the resource.", references("uri"), readOnly),
			attribute(String, "version", "The version of the resource, as in the ETag header.", caseExact, readOnly),
		}, readOnly),
	}
}
