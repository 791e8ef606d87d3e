// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ScimUserSpec is what the identity provider said about a person, attribute by
// attribute as in RFC 7643 §4.1 and §4.3. Only the endpoint's server writes it. Of a user
// without an endpointRef, whom no identity provider has provisioned, people write it.
// +kubebuilder:validation:XValidation:rule="has(self.endpointRef) || !has(self.adoptedTime) && !has(self.deletedTime) && !has(self.returnedTime)",message="a user without an endpointRef belongs to no identity provider: leave adoptedTime, deletedTime and returnedTime out"
type ScimUserSpec struct {
	// endpointRef names the ScimEndpoint to which the user belongs. Left out, the user
	// belongs to none: somebody has made the user by hand or with another tool.
	// +optional
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`

	// userName identifies the user at the identity provider, unique within the
	// endpoint without regard to case.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`

	// externalId is the identity provider's own identifier of the user.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`

	// name is the person's name in its components.
	// +optional
	Name *PersonName `json:"name,omitempty"`

	// displayName is the name shown to people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	DisplayName string `json:"displayName,omitempty"`

	// nickName is a casual name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	NickName string `json:"nickName,omitempty"`

	// profileUrl is a page about the person.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	ProfileURL string `json:"profileUrl,omitempty"`

	// title is the person's title, such as Vice President.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Title string `json:"title,omitempty"`

	// userType is the relation to the organization, such as Employee or Contractor.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	UserType string `json:"userType,omitempty"`

	// preferredLanguage in the form of an Accept-Language header.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	PreferredLanguage string `json:"preferredLanguage,omitempty"`

	// locale for dates, numbers and currency, such as en-US.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Locale string `json:"locale,omitempty"`

	// timezone by its name in the IANA database, such as America/Los_Angeles.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Timezone string `json:"timezone,omitempty"`

	// active says whether the identity provider wants the person to be able to sign in.
	// +optional
	Active *bool `json:"active,omitempty"`

	// emails of the person.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Emails []MultiValue `json:"emails,omitempty"`

	// phoneNumbers of the person.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	PhoneNumbers []MultiValue `json:"phoneNumbers,omitempty"`

	// ims are instant messaging addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	IMs []MultiValue `json:"ims,omitempty"`

	// photos are URLs of pictures.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Photos []MultiValue `json:"photos,omitempty"`

	// addresses are postal addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Addresses []Address `json:"addresses,omitempty"`

	// entitlements are things the person is entitled to.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Entitlements []MultiValue `json:"entitlements,omitempty"`

	// roles of the person.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Roles []MultiValue `json:"roles,omitempty"`

	// x509Certificates of the person, DER in base64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	X509Certificates []Certificate `json:"x509Certificates,omitempty"`

	// enterprise holds the attributes of the enterprise extension (RFC 7643 §4.3).
	// +optional
	Enterprise *EnterpriseUser `json:"enterprise,omitempty"`

	// account holds the attributes of this project's own extension.
	// +optional
	Account *AccountExtension `json:"account,omitempty"`

	// extensions holds the attributes of custom extensions by schema URN.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Extensions map[string]apiextensionsv1.JSON `json:"extensions,omitempty"`

	// lastModifiedTime is when the identity provider last changed the user. Left out, it
	// has not been changed since it was created.
	// +optional
	LastModifiedTime *metav1.MicroTime `json:"lastModifiedTime,omitempty"`

	// deletedTime is when the identity provider deleted the user. The user is gone
	// over SCIM and stays here as an inactive record.
	// +optional
	DeletedTime *metav1.MicroTime `json:"deletedTime,omitempty"`

	// adoptedTime is when the user, who was here before, was linked to the endpoint. Left
	// out, the user was made for the endpoint.
	// +optional
	AdoptedTime *metav1.MicroTime `json:"adoptedTime,omitempty"`

	// returnedTime is when the user, whom the identity provider had deleted, was last
	// created again and got this record back. Left out, the user never was.
	// +optional
	ReturnedTime *metav1.MicroTime `json:"returnedTime,omitempty"`
}

// PersonName is the components of a person's name.
type PersonName struct {
	// formatted is the full name, ready for display.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Formatted string `json:"formatted,omitempty"`

	// familyName is the last name in most Western languages.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	FamilyName string `json:"familyName,omitempty"`

	// givenName is the first name in most Western languages.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	GivenName string `json:"givenName,omitempty"`

	// middleName is one or more middle names.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	MiddleName string `json:"middleName,omitempty"`

	// honorificPrefix such as Ms.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	HonorificPrefix string `json:"honorificPrefix,omitempty"`

	// honorificSuffix such as III.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// MultiValue is one value of a multi-valued attribute with the sub-attributes of
// RFC 7643 §2.4.
type MultiValue struct {
	// value of the attribute: an address, a number, a URL, a name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Value string `json:"value,omitempty"`

	// display is a name for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Display string `json:"display,omitempty"`

	// type labels the value, such as work or home.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Type string `json:"type,omitempty"`

	// primary marks the preferred value; at most one is.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Certificate is one X.509 certificate.
type Certificate struct {
	// value is the certificate, DER in base64.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	Value string `json:"value,omitempty"`

	// display is a name for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Display string `json:"display,omitempty"`

	// type labels the certificate.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Type string `json:"type,omitempty"`

	// primary marks the preferred certificate; at most one is.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Address is a postal address.
type Address struct {
	// formatted is the whole address, ready for display.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Formatted string `json:"formatted,omitempty"`

	// streetAddress is the street with house number or the post office box.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	StreetAddress string `json:"streetAddress,omitempty"`

	// locality is the city.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Locality string `json:"locality,omitempty"`

	// region is the state or province.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Region string `json:"region,omitempty"`

	// postalCode is the postal code.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	PostalCode string `json:"postalCode,omitempty"`

	// country is the ISO 3166-1 alpha-2 code.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Country string `json:"country,omitempty"`

	// type labels the address, such as work or home.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Type string `json:"type,omitempty"`

	// primary marks the preferred address; at most one is.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// EnterpriseUser holds the attributes of
// urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.
type EnterpriseUser struct {
	// employeeNumber is an identifier assigned by the organization.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	EmployeeNumber string `json:"employeeNumber,omitempty"`

	// costCenter is the name of a cost center.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	CostCenter string `json:"costCenter,omitempty"`

	// organization is the name of an organization.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Organization string `json:"organization,omitempty"`

	// division is the name of a division.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Division string `json:"division,omitempty"`

	// department is the name of a department.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Department string `json:"department,omitempty"`

	// manager of the person.
	// +optional
	Manager *Manager `json:"manager,omitempty"`
}

// Manager refers to a person's manager.
type Manager struct {
	// value is the SCIM id of the manager.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`

	// ref is not used: the server makes the URI of the manager ($ref) from value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Ref string `json:"ref,omitempty"`

	// displayName of the manager.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	DisplayName string `json:"displayName,omitempty"`
}

// AccountExtension holds the attributes of
// urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User: what the identity
// provider says about the account in the application.
type AccountExtension struct {
	// userType is Technician or endUser, in any case.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	UserType string `json:"userType,omitempty"`

	// organizationIds are the organizations of the account, or All.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	OrganizationIDs []string `json:"organizationIds,omitempty"`
}

// AccountType says what an account is for.
// +kubebuilder:validation:Enum=Technician;EndUser
type AccountType string

const (
	// AccountTechnician works on behalf of the organizations.
	AccountTechnician AccountType = "Technician"
	// AccountEndUser belongs to an organization.
	AccountEndUser AccountType = "EndUser"
)

// ScimUserStatus is what the operator made of a user.
type ScimUserStatus struct {
	// conditions are Active and Ready, and RolesHeld, Withheld, AdoptionRequested, AmbiguousMatch,
	// UnresolvedReference, Refused, Reconciling or Stalled when True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the newest metadata.generation this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// origin is Provisioned, or Adopted when the user was here before. A user who belongs
	// to no identity provider has none.
	// +optional
	Origin Origin `json:"origin,omitempty"`

	// returnedTime is when the user, whom the identity provider had deleted, was last
	// created again and got this record back. Left out, the user never was.
	// +optional
	ReturnedTime *metav1.MicroTime `json:"returnedTime,omitempty"`

	// userType is what the account is for.
	// +optional
	UserType AccountType `json:"userType,omitempty"`

	// userTypeRule is the rule that decided userType.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1280
	UserTypeRule string `json:"userTypeRule,omitempty"`

	// organizations that the account belongs to; All means every one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Organizations []string `json:"organizations,omitempty"`

	// roles that the account has in the applications.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Roles []string `json:"roles,omitempty"`

	// roleRules are the rules that gave the roles, one for each of them and in their order,
	// such as roles[Tier1].groups: IT Support.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1280
	RoleRules []string `json:"roleRules,omitempty"`

	// withheldRoles are protected roles that a rule or the identity provider asks for
	// and that the account does not get.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	WithheldRoles []string `json:"withheldRoles,omitempty"`

	// departure is there while the identity provider wants a user who was active to be
	// inactive, and says what became of it.
	// +optional
	Departure *Departure `json:"departure,omitempty"`

	// roleLoss is what the account loses, or has lost, because the user is no longer in the
	// group, or has no longer the SCIM role, by which a rule gave it. It is there while a guard
	// is in force and the account has not got it back.
	// +optional
	RoleLoss *RoleLoss `json:"roleLoss,omitempty"`
}

// ScimUser is a person whom an identity provider has provisioned. Its name is the SCIM id.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=scimu,categories=scim-directory
// +kubebuilder:printcolumn:name="UserName",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.status.userType`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.endpointRef.name`
// +kubebuilder:printcolumn:name="DisplayName",type=string,JSONPath=`.spec.displayName`,priority=1
// +kubebuilder:printcolumn:name="ExternalID",type=string,JSONPath=`.spec.externalId`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
type ScimUser struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the identity provider said.
	// +required
	Spec ScimUserSpec `json:"spec,omitempty,omitzero"`

	// status is what the operator made of it.
	// +optional
	// +default={"observedGeneration":-1}
	Status ScimUserStatus `json:"status,omitempty,omitzero"`
}

// ScimUserList is a list of ScimUsers.
// +kubebuilder:object:root=true
type ScimUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimUser `json:"items"`
}

// Live says whether the user exists over SCIM: neither deleted by the identity provider
// nor being deleted from the cluster nor only there to keep its id from being used.
func (u *ScimUser) Live() bool {
	return u.DeletionTimestamp.IsZero() && u.Spec.DeletedTime == nil && !u.Abandoned()
}

// Abandoned says whether the user only keeps its id from being used.
func (u *ScimUser) Abandoned() bool { return u.Annotations[AbandonedAnnotation] != "" }

// ModifiedAfter says whether the identity provider has changed the user after that time.
// What people change counts for nothing.
func (u *ScimUser) ModifiedAfter(t time.Time) bool {
	modified := u.Spec.LastModifiedTime
	return modified != nil && modified.After(t)
}

// GetConditions lets shared helpers read the conditions.
func (u *ScimUser) GetConditions() []metav1.Condition { return u.Status.Conditions }

// SetConditions lets shared helpers replace the conditions.
func (u *ScimUser) SetConditions(c []metav1.Condition) { u.Status.Conditions = c }
