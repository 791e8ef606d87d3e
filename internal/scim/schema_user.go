// SPDX-License-Identifier: Apache-2.0

package scim

// userType is the User of RFC 7643 §4.1 with its enterprise extension (§4.3) and
// the project's own.
func userType() ResourceType {
	return ResourceType{
		Name: "User", Endpoint: "/Users", Description: "A user account.",
		Schema: &Schema{
			ID: UserSchema, Name: "User", Description: "A user account.",
			// What OneLogin and other clients with a SCIM 1.x past write.
			Aliases: []string{
				"urn:scim:schemas:core:1.0", "urn:scim:schemas:core:1.0:User",
				"urn:scim:schemas:core:2.0", "urn:scim:schemas:core:2.0:User",
			},
			Attributes: append(userSingleAttributes(), userMultiAttributes()...),
		},
		Extensions: []Extension{{Schema: enterpriseUserSchema()}, {Schema: operatorUserSchema()}},
	}
}

func userSingleAttributes() []*Attribute {
	return []*Attribute{
		attribute(String, "userName", "The name the user signs in with, unique without regard to case.",
			required, uniqueServer),
		complexAttribute("name", "The components of the user's name.", []*Attribute{
			attribute(String, "formatted", "The full name, formatted for display."),
			attribute(String, "familyName", "The family name."),
			attribute(String, "givenName", "The given name."),
			attribute(String, "middleName", "The middle names."),
			attribute(String, "honorificPrefix", "The honorific prefix or title, such as Ms."),
			attribute(String, "honorificSuffix", "The honorific suffix, such as III."),
		}),
		attribute(String, "displayName", "The name of the user, suitable for display."),
		attribute(String, "nickName", "The casual way to address the user."),
		attribute(Reference, "profileUrl", "The URI of the user's online profile.", references("external")),
		attribute(String, "title", "The user's title, such as Vice President."),
		attribute(String, "userType", "The relationship between the organization and the user, as the client names it."),
		attribute(String, "preferredLanguage", "The preferred languages, as in the Accept-Language header."),
		attribute(String, "locale", "The default location for currency, dates and numbers, such as en-US."),
		attribute(String, "timezone", "The time zone in IANA format, such as America/Los_Angeles."),
		attribute(Boolean, "active", "Whether the user may use the service.", initially(true)),
		attribute(String, "password", "Accepted and forgotten: it is never stored, compared or returned.", writeOnly, caseExact),
	}
}

func userMultiAttributes() []*Attribute {
	return []*Attribute{
		plural("emails", "E-mail addresses.",
			attribute(String, "value", "The e-mail address."), "work", "home", "other"),
		plural("phoneNumbers", "Telephone numbers.",
			attribute(String, "value", "The telephone number."), "work", "home", "mobile", "fax", "pager", "other"),
		plural("ims", "Instant messaging addresses.",
			attribute(String, "value", "The instant messaging address."),
			"aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
		plural("photos", "URIs of photos.",
			attribute(Reference, "value", "The URI of a photo.", references("external")), "photo", "thumbnail"),
		complexAttribute("addresses", "Mailing addresses.", []*Attribute{
			attribute(String, "formatted", "The full address, formatted for display, with line breaks."),
			attribute(String, "streetAddress", "The street, house number and more, with line breaks."),
			attribute(String, "locality", "The city or locality."),
			attribute(String, "region", "The state or region."),
			attribute(String, "postalCode", "The postal code."),
			attribute(String, "country", "The country, as ISO 3166-1 alpha-2 code."),
			attribute(String, "type", "What the address is for.", canonical("work", "home", "other")),
			attribute(Boolean, "primary", "Whether this is the preferred address. True at most once."),
		}, multiValued),
		complexAttribute("groups", "The groups to which the user belongs, directly or through other groups.", []*Attribute{
			attribute(String, "value", "The id of the group.", caseExact, readOnly),
			attribute(Reference, "$ref", "The URI of the group.", references("Group"), readOnly),
			attribute(String, "display", "The name of the group.", readOnly),
			attribute(String, "type", "Whether the membership is direct or indirect.", canonical("direct", "indirect"), readOnly),
		}, multiValued, readOnly),
		plural("entitlements", "Things the user has a right to.",
			attribute(String, "value", "The entitlement.")),
		embedded(plural("roles", "Roles of the user.",
			attribute(String, "value", "The role."))),
		plural("x509Certificates", "Certificates of the user.",
			attribute(Binary, "value", "A DER certificate in base64.", caseExact)),
	}
}

// plural is a multi-valued attribute with the usual sub-attributes (RFC 7643 §2.4).
func plural(name, description string, value *Attribute, types ...string) *Attribute {
	return complexAttribute(name, description, []*Attribute{
		value,
		attribute(String, "display", "The value, formatted for display."),
		attribute(String, "type", "What the value is for.", canonical(types...)),
		attribute(Boolean, "primary", "Whether this is the preferred value. True at most once."),
	}, multiValued)
}

// embedded marks an attribute whose values may come as JSON inside a string, as
// Entra ID sends application roles.
func embedded(a *Attribute) *Attribute {
	a.role = roleEmbedded
	return a
}

func enterpriseUserSchema() *Schema {
	return &Schema{
		ID: EnterpriseUserSchema, Name: "EnterpriseUser", Description: "A user as an employee of an organization.",
		Aliases: []string{
			"urn:scim:schemas:extension:enterprise:1.0", "urn:scim:schemas:extension:enterprise:1.0:User",
			"urn:scim:schemas:extension:enterprise:2.0", "urn:scim:schemas:extension:enterprise:2.0:User",
		},
		Attributes: []*Attribute{
			attribute(String, "employeeNumber", "The organization's identifier of the person."),
			attribute(String, "costCenter", "The name of a cost center."),
			attribute(String, "organization", "The name of an organization."),
			attribute(String, "division", "The name of a division."),
			attribute(String, "department", "The name of a department."),
			complexAttribute("manager", "The user's manager.", []*Attribute{
				attribute(String, "value", "The id of the manager.", caseExact),
				attribute(Reference, "$ref", "The URI of the manager, where there is one.", references("User"), readOnly),
				attribute(String, "displayName", "The name of the manager.", readOnly),
			}),
		},
	}
}

func operatorUserSchema() *Schema {
	return &Schema{
		ID: OperatorUserSchema, Name: "OperatorUser", Description: "What the user is to the service, and to which organizations it belongs.",
		Aliases: []string{NinjaOneUserSchema},
		Attributes: []*Attribute{
			attribute(String, "userType", "Whether the user is a technician or an end user.",
				canonicalOnly("Technician", "endUser")),
			attribute(String, "organizationId", "The ids of the user's organizations, or All.", multiValued, caseExact, identifying),
		},
	}
}
