// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"

	"scim-operator.io/internal/scim"
)

// The attributes that conversion reads and writes, looked up once.
type (
	commonAttributes struct {
		id, externalID *scim.Attribute
		metaAttributes
	}

	metaAttributes struct {
		meta, resourceType, created, lastModified, location, version *scim.Attribute
	}

	userAttributes struct {
		commonAttributes
		userName, name, displayName, nickName, profileURL, title, userType *scim.Attribute
		preferredLanguage, locale, timezone, active                        *scim.Attribute

		formatted, familyName, givenName, middleName *scim.Attribute // of name
		honorificPrefix, honorificSuffix             *scim.Attribute

		emails, phoneNumbers, ims, photos, entitlements, roles, certificates pluralAttributes

		addresses addressAttributes
		groups    groupsAttributes

		enterprise enterpriseAttributes
		account    accountAttributes
		stored     []customAttribute // by the names of their fields in a spec
		custom     []customAttribute
	}

	// pluralAttributes are a multi-valued attribute with the sub-attributes of RFC 7643 §2.4.
	pluralAttributes struct{ attr, value, display, typ, primary *scim.Attribute }

	addressAttributes struct {
		attr, formatted, streetAddress, locality, region *scim.Attribute
		postalCode, country, typ, primary                *scim.Attribute
	}

	groupsAttributes struct{ attr, value, ref, display, typ *scim.Attribute }

	enterpriseAttributes struct {
		container, employeeNumber, costCenter, organization, division, department *scim.Attribute
		manager, managerValue, managerRef, managerDisplayName                     *scim.Attribute
	}

	accountAttributes struct{ container, userType, organizationID *scim.Attribute }

	groupAttributes struct {
		commonAttributes
		displayName *scim.Attribute
		custom      []customAttribute
	}
)

// finder looks attributes up by path and remembers the first that is not there.
type finder struct {
	rt      *scim.ResourceType
	missing string
}

func (f *finder) find(path string) *scim.Attribute {
	a := f.rt.Attribute(path)
	if a == nil && f.missing == "" {
		f.missing = path
	}
	return a
}

func (f *finder) err() error {
	if f.missing == "" {
		return nil
	}
	return fmt.Errorf("resource type %s has no attribute %q", f.rt.Name, f.missing)
}

func (f *finder) common() commonAttributes {
	return commonAttributes{
		id: f.find("id"), externalID: f.find("externalId"),
		metaAttributes: metaAttributes{
			meta: f.find("meta"), resourceType: f.find("meta.resourceType"), created: f.find("meta.created"),
			lastModified: f.find("meta.lastModified"), location: f.find("meta.location"), version: f.find("meta.version"),
		},
	}
}

func (f *finder) plural(name string) pluralAttributes {
	return pluralAttributes{
		attr: f.find(name), value: f.find(name + ".value"), display: f.find(name + ".display"),
		typ: f.find(name + ".type"), primary: f.find(name + ".primary"),
	}
}

// custom gives the extensions that the specs have no fields for.
func (f *finder) custom() []customAttribute {
	var extensions []customAttribute
	for _, e := range f.rt.Extensions {
		if e.Schema.ID != scim.EnterpriseUserSchema && e.Schema.ID != scim.OperatorUserSchema {
			extensions = append(extensions, customAttribute{name: e.Schema.ID, attr: f.rt.Extension(e.Schema.ID)})
		}
	}
	return extensions
}

func findUserAttributes(rt *scim.ResourceType) (*userAttributes, error) {
	f := &finder{rt: rt}
	a := &userAttributes{
		commonAttributes: f.common(),
		userName:         f.find("userName"), name: f.find("name"), displayName: f.find("displayName"),
		nickName: f.find("nickName"), profileURL: f.find("profileUrl"), title: f.find("title"),
		userType: f.find("userType"), preferredLanguage: f.find("preferredLanguage"),
		locale: f.find("locale"), timezone: f.find("timezone"), active: f.find("active"),
		formatted: f.find("name.formatted"), familyName: f.find("name.familyName"),
		givenName: f.find("name.givenName"), middleName: f.find("name.middleName"),
		honorificPrefix: f.find("name.honorificPrefix"), honorificSuffix: f.find("name.honorificSuffix"),
		emails: f.plural("emails"), phoneNumbers: f.plural("phoneNumbers"), ims: f.plural("ims"),
		photos: f.plural("photos"), entitlements: f.plural("entitlements"), roles: f.plural("roles"),
		certificates: f.plural("x509Certificates"),
		addresses: addressAttributes{
			attr: f.find("addresses"), formatted: f.find("addresses.formatted"),
			streetAddress: f.find("addresses.streetAddress"), locality: f.find("addresses.locality"),
			region: f.find("addresses.region"), postalCode: f.find("addresses.postalCode"),
			country: f.find("addresses.country"), typ: f.find("addresses.type"), primary: f.find("addresses.primary"),
		},
		groups: groupsAttributes{
			attr: f.find("groups"), value: f.find("groups.value"), ref: f.find("groups.$ref"),
			display: f.find("groups.display"), typ: f.find("groups.type"),
		},
		custom: f.custom(),
	}
	const enterprise, account = scim.EnterpriseUserSchema, scim.OperatorUserSchema
	a.enterprise = enterpriseAttributes{
		container: f.find(enterprise), employeeNumber: f.find(enterprise + ":employeeNumber"),
		costCenter: f.find(enterprise + ":costCenter"), organization: f.find(enterprise + ":organization"),
		division: f.find(enterprise + ":division"), department: f.find(enterprise + ":department"),
		manager: f.find(enterprise + ":manager"), managerValue: f.find(enterprise + ":manager.value"),
		managerRef: f.find(enterprise + ":manager.$ref"), managerDisplayName: f.find(enterprise + ":manager.displayName"),
	}
	a.account = accountAttributes{
		container: f.find(account), userType: f.find(account + ":userType"),
		organizationID: f.find(account + ":organizationId"),
	}
	for _, stored := range []*scim.Attribute{
		a.externalID, a.userName, a.name, a.displayName, a.nickName, a.profileURL, a.title, a.userType,
		a.preferredLanguage, a.locale, a.timezone, a.active, a.emails.attr, a.phoneNumbers.attr, a.ims.attr,
		a.photos.attr, a.addresses.attr, a.entitlements.attr, a.roles.attr, a.certificates.attr,
	} {
		if stored != nil {
			a.stored = append(a.stored, customAttribute{name: stored.Name, attr: stored})
		}
	}
	a.stored = append(a.stored, customAttribute{"enterprise", a.enterprise.container}, customAttribute{"account", a.account.container})
	return a, f.err()
}

func findGroupAttributes(rt *scim.ResourceType) (*groupAttributes, error) {
	f := &finder{rt: rt}
	a := &groupAttributes{commonAttributes: f.common(), displayName: f.find("displayName"), custom: f.custom()}
	return a, f.err()
}
