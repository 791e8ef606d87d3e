// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// SchemaExtension adds attributes of one's own to a resource type (RFC 7643 §3.3).
type SchemaExtension struct {
	// schema is the URN under which requests and resources carry the attributes, such
	// as urn:example:params:scim:schemas:extension:badge:2.0:User.
	// +required
	// +kubebuilder:validation:MinLength=7
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[Uu][Rr][Nn]:[A-Za-z0-9_.:-]*[A-Za-z0-9_.-]$')",message="schema must be a URN of letters, digits and -._: such as urn:example:params:scim:schemas:extension:badge:2.0:User"
	// +kubebuilder:validation:XValidation:rule="!['urn:ietf:params:scim:schemas:core:', 'urn:scim:schemas:core', 'urn:ietf:params:scim:api:'].exists(p, self.lowerAscii().startsWith(p)) && !(self.lowerAscii() in ['urn:ietf:params:scim:schemas:extension:enterprise:2.0:user', 'urn:ietf:params:scim:schemas:extension:scim-operator:2.0:user', 'urn:ietf:params:scim:schemas:extension:ninjaone:2.0:user'])",message="this schema is served already; give the extension a URN of your own"
	Schema string `json:"schema,omitempty"`

	// resourceType that is extended: User, Group or the name of one of resourceTypes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ResourceType string `json:"resourceType,omitempty"`

	// required refuses a POST or PUT of a resource without the extension, and a PATCH that
	// takes it away (RFC 7643 §6). Resources that exist without it can be changed in other
	// attributes. Left out, it is false.
	// +optional
	Required *bool `json:"required,omitempty"`

	// name of the schema for people, as /Schemas shows it. Left out, it is the part of the
	// schema's URN that names it: badge of
	// urn:example:params:scim:schemas:extension:badge:2.0:User.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// description of the schema, as /Schemas shows it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`

	// attributes of the schema.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))",message="two attributes have the same name; names are compared without case"
	Attributes []SchemaAttribute `json:"attributes,omitempty"` //nolint:kubeapilinter // what it requires is inline
}

// AttributeType is a data type of RFC 7643 §2.3.
// +kubebuilder:validation:Enum=string;boolean;decimal;integer;dateTime;binary;reference;complex
type AttributeType string

// AttributeMutability says when clients may set an attribute (RFC 7643 §7).
// +kubebuilder:validation:Enum=readWrite;immutable;readOnly;writeOnly
type AttributeMutability string

// AttributeReturned says when responses contain an attribute (RFC 7643 §7).
// +kubebuilder:validation:Enum=always;default;request;never
type AttributeReturned string

// SchemaAttribute is one attribute of a schema.
// +kubebuilder:validation:XValidation:rule="(self.type == 'complex') == has(self.subAttributes)",message="a complex attribute has subAttributes, and no other has any"
// +kubebuilder:validation:XValidation:rule="self.name.matches('^[A-Za-z][A-Za-z0-9_-]*$')",message="the name of an attribute must be a letter followed by letters, digits, - or _"
type SchemaAttribute struct {
	SchemaValue `json:",inline"`

	// subAttributes of a complex attribute. They are not complex themselves.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))",message="two sub-attributes have the same name; names are compared without case"
	SubAttributes []SchemaSubAttribute `json:"subAttributes,omitempty"` //nolint:kubeapilinter // what it requires is inline
}

// SchemaSubAttribute is one attribute of a complex attribute.
// +kubebuilder:validation:XValidation:rule="self.type != 'complex'",message="a sub-attribute cannot be complex"
// +kubebuilder:validation:XValidation:rule="!has(self.mutability) || self.mutability != 'readOnly'",message="a sub-attribute cannot be readOnly by itself; its attribute can"
// +kubebuilder:validation:XValidation:rule="self.name.matches('^([A-Za-z][A-Za-z0-9_-]*|[$]ref)$')",message="the name of a sub-attribute must be a letter followed by letters, digits, - or _, or be $ref"
type SchemaSubAttribute struct {
	SchemaValue `json:",inline"`
}

// SchemaValue describes what values an attribute has (RFC 7643 §7).
// +kubebuilder:validation:XValidation:rule="!has(self.canonicalOnly) || !self.canonicalOnly || has(self.canonicalValues)",message="canonicalOnly needs canonicalValues"
// +kubebuilder:validation:XValidation:rule="!has(self.canonicalValues) || self.type == 'string'",message="only a string has canonicalValues"
// +kubebuilder:validation:XValidation:rule="!has(self.referenceTypes) || self.type == 'reference'",message="only a reference has referenceTypes"
// +kubebuilder:validation:XValidation:rule="!has(self.required) || !self.required || !has(self.mutability) || self.mutability in ['readWrite', 'immutable']",message="what is readOnly or writeOnly cannot be required"
// +kubebuilder:validation:XValidation:rule="!has(self.mutability) || self.mutability != 'writeOnly' || !has(self.returned) || self.returned == 'never'",message="what is writeOnly is returned never"
type SchemaValue struct {
	// name of the attribute, compared without case.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Name string `json:"name,omitempty"`

	// type of its values.
	// +required
	Type AttributeType `json:"type,omitempty"`

	// description of the attribute, as /Schemas shows it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`

	// multiValued says that it may have several values. Left out, it has one.
	// +optional
	MultiValued *bool `json:"multiValued,omitempty"`

	// required says that a resource has a value for it; in an extension, a resource that
	// has the extension. Left out, it need not.
	// +optional
	Required *bool `json:"required,omitempty"`

	// caseExact says that case matters when values are compared. Left out, it does not.
	// +optional
	CaseExact *bool `json:"caseExact,omitempty"`

	// mutability is readWrite; immutable for what is set once; readOnly for what clients
	// are shown and cannot set; or writeOnly for what is accepted, and then forgotten as a
	// password is. Left out, it is readWrite.
	// +optional
	Mutability AttributeMutability `json:"mutability,omitempty"`

	// returned says when responses contain it: always, default, request (only when it
	// is asked for) or never. Left out, it is default, and never for what is writeOnly.
	// +optional
	Returned AttributeReturned `json:"returned,omitempty"`

	// canonicalValues are the usual values.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	CanonicalValues []string `json:"canonicalValues,omitempty"`

	// canonicalOnly says that other values are refused. Left out, they are not.
	// +optional
	CanonicalOnly *bool `json:"canonicalOnly,omitempty"`

	// referenceTypes of a reference are the names of the resource types that it names, uri
	// or external. Left out, it is external.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	ReferenceTypes []string `json:"referenceTypes,omitempty"` //nolint:kubeapilinter // RFC 7643 names it
}
