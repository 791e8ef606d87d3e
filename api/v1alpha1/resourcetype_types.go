// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// MaxResourceTypes bounds the resource types that an endpoint declares.
const MaxResourceTypes = 4

// SchemaResourceType is a type of resources of one's own (RFC 7643 §6) with its schema.
type SchemaResourceType struct {
	// name of the type, such as Device: meta.resourceType of its resources.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_-]*$')",message="the name of a resource type must be a letter followed by letters, digits, - or _"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['user', 'group', 'schema', 'resourcetype', 'serviceproviderconfig'])",message="there is a resource type of this name already"
	Name string `json:"name,omitempty"`

	// endpoint is the path of its resources below the base URL, such as /Devices.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[A-Za-z][A-Za-z0-9_-]*$')",message="endpoint must be a slash and a name, such as /Devices: a letter followed by letters, digits, - or _"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['/users', '/groups', '/me', '/bulk', '/schemas', '/resourcetypes', '/serviceproviderconfig'])",message="this endpoint is served already; give the resource type a path of its own"
	Endpoint string `json:"endpoint,omitempty"`

	// description of the type, as /ResourceTypes and /Schemas show it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`

	// schema is the URN of the type's schema, such as
	// urn:example:params:scim:schemas:device:2.0:Device.
	// +required
	// +kubebuilder:validation:MinLength=7
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[Uu][Rr][Nn]:[A-Za-z0-9_.:-]*[A-Za-z0-9_.-]$')",message="schema must be a URN of letters, digits and -._: such as urn:example:params:scim:schemas:device:2.0:Device"
	// +kubebuilder:validation:XValidation:rule="!['urn:ietf:params:scim:schemas:core:', 'urn:scim:schemas:core', 'urn:ietf:params:scim:api:'].exists(p, self.lowerAscii().startsWith(p)) && !(self.lowerAscii() in ['urn:ietf:params:scim:schemas:extension:enterprise:2.0:user', 'urn:ietf:params:scim:schemas:extension:scim-operator:2.0:user', 'urn:ietf:params:scim:schemas:extension:ninjaone:2.0:user'])",message="this schema is served already; give the resource type a URN of your own"
	Schema string `json:"schema,omitempty"`

	// attributes of the schema. Every resource has id, externalId and meta beside them.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))",message="two attributes have the same name; names are compared without case"
	// +kubebuilder:validation:XValidation:rule="self.filter(a, has(a.uniqueness) && a.uniqueness != 'none').size() <= 4",message="at most 4 attributes of a resource type are unique"
	Attributes []ResourceAttribute `json:"attributes,omitempty"` //nolint:kubeapilinter // what it requires is inline
}

// AttributeUniqueness says among which resources a value occurs once (RFC 7643 §7).
// +kubebuilder:validation:Enum=none;server;global
type AttributeUniqueness string

const (
	// UniquenessNone lets several resources have one value.
	UniquenessNone AttributeUniqueness = "none"
	// UniquenessServer lets one resource of the endpoint have a value.
	UniquenessServer AttributeUniqueness = "server"
	// UniquenessGlobal is UniquenessServer of a value that is also given only once elsewhere.
	UniquenessGlobal AttributeUniqueness = "global"
)

// ResourceAttribute is one attribute of a resource type.
// +kubebuilder:validation:XValidation:rule="!(self.name.lowerAscii() in ['schemas', 'id', 'externalid', 'meta'])",message="every resource has this attribute already: schemas, id, externalId and meta cannot be declared"
// +kubebuilder:validation:XValidation:rule="!has(self.uniqueness) || self.uniqueness == 'none' || !has(self.mutability) || self.mutability in ['readWrite', 'immutable']",message="what is readOnly or writeOnly cannot be unique"
// +kubebuilder:validation:XValidation:rule="!has(self.uniqueness) || self.uniqueness == 'none' || self.type in ['string', 'reference'] && (!has(self.multiValued) || !self.multiValued)",message="only a string or reference with a single value can be unique"
type ResourceAttribute struct {
	SchemaAttribute `json:",inline"`

	// uniqueness is server when at most one resource of the type has a value, compared
	// without case unless caseExact, or none. global is as server, and says that the value
	// is also given only once elsewhere. Left out, it is none.
	// +optional
	Uniqueness AttributeUniqueness `json:"uniqueness,omitempty"`
}

// Unique says whether at most one resource has a value of the attribute.
func (a *ResourceAttribute) Unique() bool {
	return a.Uniqueness == UniquenessServer || a.Uniqueness == UniquenessGlobal
}
