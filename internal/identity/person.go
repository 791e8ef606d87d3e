// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"

	"scim-operator.io/api/v1alpha1"
)

// person is the variable user of an expression: every attribute that the identity provider
// may send under its SCIM name. What it did not send is empty, so that asking for it is no
// error, and a misspelt name is one when the expression is read.
type person struct {
	UserName          string   `json:"userName"`
	ExternalID        string   `json:"externalId"`
	Name              fullName `json:"name"`
	DisplayName       string   `json:"displayName"`
	NickName          string   `json:"nickName"`
	ProfileURL        string   `json:"profileUrl"`
	Title             string   `json:"title"`
	UserType          string   `json:"userType"`
	PreferredLanguage string   `json:"preferredLanguage"`
	Locale            string   `json:"locale"`
	Timezone          string   `json:"timezone"`
	// Active is true unless the identity provider says that it is not.
	Active       bool           `json:"active"`
	Emails       []labelled     `json:"emails"`
	PhoneNumbers []labelled     `json:"phoneNumbers"`
	Roles        []labelled     `json:"roles"`
	Entitlements []labelled     `json:"entitlements"`
	Addresses    []address      `json:"addresses"`
	Enterprise   enterprise     `json:"enterprise"`
	Account      account        `json:"account"`
	Extensions   map[string]any `json:"extensions"`
}

type fullName struct {
	Formatted       string `json:"formatted"`
	FamilyName      string `json:"familyName"`
	GivenName       string `json:"givenName"`
	MiddleName      string `json:"middleName"`
	HonorificPrefix string `json:"honorificPrefix"`
	HonorificSuffix string `json:"honorificSuffix"`
}

type labelled struct {
	Value   string `json:"value"`
	Display string `json:"display"`
	Type    string `json:"type"`
	Primary bool   `json:"primary"`
}

type address struct {
	Formatted     string `json:"formatted"`
	StreetAddress string `json:"streetAddress"`
	Locality      string `json:"locality"`
	Region        string `json:"region"`
	PostalCode    string `json:"postalCode"`
	Country       string `json:"country"`
	Type          string `json:"type"`
	Primary       bool   `json:"primary"`
}

type enterprise struct {
	EmployeeNumber string  `json:"employeeNumber"`
	CostCenter     string  `json:"costCenter"`
	Organization   string  `json:"organization"`
	Division       string  `json:"division"`
	Department     string  `json:"department"`
	Manager        manager `json:"manager"`
}

type manager struct {
	Value       string `json:"value"`
	DisplayName string `json:"displayName"`
}

type account struct {
	UserType        string   `json:"userType"`
	OrganizationIDs []string `json:"organizationIds"`
}

func newPerson(user *v1alpha1.ScimUser) *person {
	s := &user.Spec
	p := &person{
		UserName: s.UserName, ExternalID: s.ExternalID, DisplayName: s.DisplayName, NickName: s.NickName,
		ProfileURL: s.ProfileURL, Title: s.Title, UserType: s.UserType, PreferredLanguage: s.PreferredLanguage,
		Locale: s.Locale, Timezone: s.Timezone, Active: s.Active == nil || *s.Active,
		Emails: labelledOf(s.Emails), PhoneNumbers: labelledOf(s.PhoneNumbers),
		Roles: labelledOf(s.Roles), Entitlements: labelledOf(s.Entitlements),
	}
	if n := s.Name; n != nil {
		p.Name = fullName(*n)
	}
	for _, a := range s.Addresses {
		p.Addresses = append(p.Addresses, address{
			Formatted: a.Formatted, StreetAddress: a.StreetAddress, Locality: a.Locality, Region: a.Region,
			PostalCode: a.PostalCode, Country: a.Country, Type: a.Type, Primary: isTrue(a.Primary),
		})
	}
	if e := s.Enterprise; e != nil {
		p.Enterprise = enterprise{
			EmployeeNumber: e.EmployeeNumber, CostCenter: e.CostCenter, Organization: e.Organization,
			Division: e.Division, Department: e.Department,
		}
		if m := e.Manager; m != nil {
			p.Enterprise.Manager = manager{Value: m.Value, DisplayName: m.DisplayName}
		}
	}
	if a := s.Account; a != nil {
		p.Account = account(*a)
	}
	return p
}

func labelledOf(values []v1alpha1.MultiValue) []labelled {
	var all []labelled
	for _, v := range values {
		all = append(all, labelled{Value: v.Value, Display: v.Display, Type: v.Type, Primary: isTrue(v.Primary)})
	}
	return all
}

// readExtensions parses the user's extensions. What is not JSON is not there.
func (p *person) readExtensions(user *v1alpha1.ScimUser) {
	p.Extensions = make(map[string]any, len(user.Spec.Extensions))
	for urn, encoded := range user.Spec.Extensions {
		var value any
		if json.Unmarshal(encoded.Raw, &value) == nil {
			p.Extensions[urn] = value
		}
	}
}

func isTrue(b *bool) bool { return b != nil && *b }
