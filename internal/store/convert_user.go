// SPDX-License-Identifier: Apache-2.0

package store

import (
	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// build sets the attributes of a stored user, in the order of the schema. The URI of a user
// begins with users.
func (a *userAttributes) build(b *scim.Builder, spec *api.ScimUserSpec, users string) {
	b.SetText(a.externalID, spec.ExternalID)
	b.SetText(a.userName, spec.UserName)
	if spec.Name != nil {
		setObject(b, a.name, a.buildName(spec.Name))
	}
	b.SetText(a.displayName, spec.DisplayName)
	b.SetText(a.nickName, spec.NickName)
	b.SetText(a.profileURL, spec.ProfileURL)
	b.SetText(a.title, spec.Title)
	b.SetText(a.userType, spec.UserType)
	b.SetText(a.preferredLanguage, spec.PreferredLanguage)
	b.SetText(a.locale, spec.Locale)
	b.SetText(a.timezone, spec.Timezone)
	b.SetBool(a.active, spec.Active)
	a.emails.build(b, spec.Emails)
	a.phoneNumbers.build(b, spec.PhoneNumbers)
	a.ims.build(b, spec.IMs)
	a.photos.build(b, spec.Photos)
	a.addresses.build(b, spec.Addresses)
	a.entitlements.build(b, spec.Entitlements)
	a.roles.build(b, spec.Roles)
	a.certificates.buildCertificates(b, spec.X509Certificates)
	if spec.Enterprise != nil {
		setObject(b, a.enterprise.container, a.enterprise.build(spec.Enterprise, users))
	}
	if spec.Account != nil {
		setObject(b, a.account.container, a.account.build(spec.Account))
	}
}

// setObject sets a complex attribute; an empty object sets nothing.
func setObject(b *scim.Builder, a *scim.Attribute, o *scim.Object) {
	if o.Len() > 0 {
		b.Set(a, o)
	}
}

func (a *userAttributes) buildName(n *api.PersonName) *scim.Object {
	b := scim.NewBuilder(6)
	b.SetText(a.formatted, n.Formatted)
	b.SetText(a.familyName, n.FamilyName)
	b.SetText(a.givenName, n.GivenName)
	b.SetText(a.middleName, n.MiddleName)
	b.SetText(a.honorificPrefix, n.HonorificPrefix)
	b.SetText(a.honorificSuffix, n.HonorificSuffix)
	return b.Object()
}

func (a *pluralAttributes) build(b *scim.Builder, values []api.MultiValue) {
	if len(values) == 0 {
		return
	}
	list := make(scim.List, 0, len(values))
	for i := range values {
		list = appendObject(list, a.element(values[i].Value, values[i].Display, values[i].Type, values[i].Primary))
	}
	b.Set(a.attr, list)
}

func (a *pluralAttributes) buildCertificates(b *scim.Builder, values []api.Certificate) {
	if len(values) == 0 {
		return
	}
	list := make(scim.List, 0, len(values))
	for i := range values {
		list = appendObject(list, a.element(values[i].Value, values[i].Display, values[i].Type, values[i].Primary))
	}
	b.Set(a.attr, list)
}

func (a *pluralAttributes) element(value, display, typ string, primary *bool) *scim.Object {
	b := scim.NewBuilder(4)
	b.SetText(a.value, value)
	b.SetText(a.display, display)
	b.SetText(a.typ, typ)
	b.SetBool(a.primary, primary)
	return b.Object()
}

func appendObject(list scim.List, o *scim.Object) scim.List {
	if o.Len() == 0 {
		return list
	}
	return append(list, o)
}

func (a *addressAttributes) build(b *scim.Builder, values []api.Address) {
	if len(values) == 0 {
		return
	}
	list := make(scim.List, 0, len(values))
	for i := range values {
		v, e := &values[i], scim.NewBuilder(8)
		e.SetText(a.formatted, v.Formatted)
		e.SetText(a.streetAddress, v.StreetAddress)
		e.SetText(a.locality, v.Locality)
		e.SetText(a.region, v.Region)
		e.SetText(a.postalCode, v.PostalCode)
		e.SetText(a.country, v.Country)
		e.SetText(a.typ, v.Type)
		e.SetBool(a.primary, v.Primary)
		list = appendObject(list, e.Object())
	}
	b.Set(a.attr, list)
}

// build sets the manager's $ref, too, as if the manager existed.
func (a *enterpriseAttributes) build(e *api.EnterpriseUser, users string) *scim.Object {
	b := scim.NewBuilder(6)
	b.SetText(a.employeeNumber, e.EmployeeNumber)
	b.SetText(a.costCenter, e.CostCenter)
	b.SetText(a.organization, e.Organization)
	b.SetText(a.division, e.Division)
	b.SetText(a.department, e.Department)
	if e.Manager != nil {
		m := scim.NewBuilder(3)
		m.SetText(a.managerValue, e.Manager.Value)
		if !scim.IsBlank(e.Manager.Value) {
			m.SetText(a.managerRef, users+e.Manager.Value)
		}
		m.SetText(a.managerDisplayName, e.Manager.DisplayName)
		setObject(b, a.manager, m.Object())
	}
	return b.Object()
}

// managerOf is the id of a user's manager, "" for none.
func (a *userAttributes) managerOf(u *api.ScimUser) string {
	if u.Spec.Enterprise == nil || u.Spec.Enterprise.Manager == nil || scim.IsBlank(u.Spec.Enterprise.Manager.Value) {
		return ""
	}
	return u.Spec.Enterprise.Manager.Value
}

func (a *accountAttributes) build(e *api.AccountExtension) *scim.Object {
	b := scim.NewBuilder(2)
	b.SetText(a.userType, e.UserType)
	if len(e.OrganizationIDs) > 0 {
		list := make(scim.List, len(e.OrganizationIDs))
		for i, id := range e.OrganizationIDs {
			list[i] = id
		}
		b.Set(a.organizationID, list)
	}
	return b.Object()
}

// spec is the way back: what of a user is stored. Computed attributes are left out.
func (a *userAttributes) spec(o *scim.Object) api.ScimUserSpec {
	spec := api.ScimUserSpec{
		UserName:          o.Text(a.userName),
		ExternalID:        o.Text(a.externalID),
		Name:              a.nameOf(o.Object(a.name)),
		DisplayName:       o.Text(a.displayName),
		NickName:          o.Text(a.nickName),
		ProfileURL:        o.Text(a.profileURL),
		Title:             o.Text(a.title),
		UserType:          o.Text(a.userType),
		PreferredLanguage: o.Text(a.preferredLanguage),
		Locale:            o.Text(a.locale),
		Timezone:          o.Text(a.timezone),
		Active:            boolOf(o, a.active),
		Emails:            a.emails.values(o),
		PhoneNumbers:      a.phoneNumbers.values(o),
		IMs:               a.ims.values(o),
		Photos:            a.photos.values(o),
		Addresses:         a.addresses.values(o),
		Entitlements:      a.entitlements.values(o),
		Roles:             a.roles.values(o),
		X509Certificates:  a.certificates.certificates(o),
		Enterprise:        a.enterprise.spec(o.Object(a.enterprise.container)),
		Account:           a.account.spec(o.Object(a.account.container)),
	}
	return spec
}

func boolOf(o *scim.Object, a *scim.Attribute) *bool {
	if v, ok := o.Bool(a); ok {
		return &v
	}
	return nil
}

func (a *userAttributes) nameOf(o *scim.Object) *api.PersonName {
	if o.Len() == 0 {
		return nil
	}
	return &api.PersonName{
		Formatted: o.Text(a.formatted), FamilyName: o.Text(a.familyName), GivenName: o.Text(a.givenName),
		MiddleName: o.Text(a.middleName), HonorificPrefix: o.Text(a.honorificPrefix),
		HonorificSuffix: o.Text(a.honorificSuffix),
	}
}

// objects gives the values of a multi-valued complex attribute.
func objects(o *scim.Object, a *scim.Attribute) []*scim.Object {
	list := o.List(a)
	if len(list) == 0 {
		return nil
	}
	values := make([]*scim.Object, 0, len(list))
	for _, v := range list {
		if e, ok := v.(*scim.Object); ok {
			values = append(values, e)
		}
	}
	return values
}

func (a *pluralAttributes) values(o *scim.Object) []api.MultiValue {
	elements := objects(o, a.attr)
	values := make([]api.MultiValue, 0, len(elements))
	for _, e := range elements {
		values = append(values, api.MultiValue{
			Value: e.Text(a.value), Display: e.Text(a.display), Type: e.Text(a.typ), Primary: boolOf(e, a.primary),
		})
	}
	return values
}

func (a *pluralAttributes) certificates(o *scim.Object) []api.Certificate {
	elements := objects(o, a.attr)
	values := make([]api.Certificate, 0, len(elements))
	for _, e := range elements {
		values = append(values, api.Certificate{
			Value: e.Text(a.value), Display: e.Text(a.display), Type: e.Text(a.typ), Primary: boolOf(e, a.primary),
		})
	}
	return values
}

func (a *addressAttributes) values(o *scim.Object) []api.Address {
	elements := objects(o, a.attr)
	values := make([]api.Address, 0, len(elements))
	for _, e := range elements {
		values = append(values, api.Address{
			Formatted: e.Text(a.formatted), StreetAddress: e.Text(a.streetAddress), Locality: e.Text(a.locality),
			Region: e.Text(a.region), PostalCode: e.Text(a.postalCode), Country: e.Text(a.country),
			Type: e.Text(a.typ), Primary: boolOf(e, a.primary),
		})
	}
	return values
}

func (a *enterpriseAttributes) spec(o *scim.Object) *api.EnterpriseUser {
	if o.Len() == 0 {
		return nil
	}
	e := &api.EnterpriseUser{
		EmployeeNumber: o.Text(a.employeeNumber), CostCenter: o.Text(a.costCenter),
		Organization: o.Text(a.organization), Division: o.Text(a.division), Department: o.Text(a.department),
	}
	if m := o.Object(a.manager); m.Len() > 0 {
		e.Manager = &api.Manager{
			Value: m.Text(a.managerValue), DisplayName: m.Text(a.managerDisplayName),
		}
	}
	return e
}

func (a *accountAttributes) spec(o *scim.Object) *api.AccountExtension {
	if o.Len() == 0 {
		return nil
	}
	e := &api.AccountExtension{UserType: o.Text(a.userType)}
	for _, v := range o.List(a.organizationID) {
		if id, ok := v.(string); ok {
			e.OrganizationIDs = append(e.OrganizationIDs, id)
		}
	}
	return e
}
