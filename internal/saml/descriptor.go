// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata"
	saml2Protocol     = "urn:oasis:names:tc:SAML:2.0:protocol"

	redirectBinding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	postBinding     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// The elements that sign-on needs (SAML Metadata §2.3 and §2.4). Their attributes are text: what
// cannot be read as a time or a URL is judged where it is used, and nowhere else.
type (
	entitiesDescriptor struct {
		Attributes attributes           `xml:",any,attr"`
		Entities   []entityDescriptor   `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
		Groups     []entitiesDescriptor `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntitiesDescriptor"`
	}

	entityDescriptor struct {
		Attributes attributes         `xml:",any,attr"`
		Roles      []idpSSODescriptor `xml:"urn:oasis:names:tc:SAML:2.0:metadata IDPSSODescriptor"`
		// inherited are the validUntil of the groups that hold it.
		inherited []string
	}

	idpSSODescriptor struct {
		Attributes attributes      `xml:",any,attr"`
		Keys       []keyDescriptor `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
		Services   []endpoint      `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleSignOnService"`
	}

	keyDescriptor struct {
		Attributes   attributes `xml:",any,attr"`
		Certificates []string   `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo>X509Data>X509Certificate"`
	}

	endpoint struct {
		Attributes attributes `xml:",any,attr"`
	}
)

// attributes are those of an element. SAML's own have no namespace.
type attributes []xml.Attr

// get returns the value of an attribute without the blanks around it.
func (a attributes) get(name string) string {
	for _, attribute := range a {
		if attribute.Name == (xml.Name{Local: name}) {
			return strings.TrimSpace(attribute.Value)
		}
	}
	return ""
}

// flatten returns the entities of a group and of the groups in it.
func (g *entitiesDescriptor) flatten() []entityDescriptor {
	entities := g.Entities
	for i := range g.Groups {
		entities = append(entities, g.Groups[i].flatten()...)
	}
	if validUntil := g.Attributes.get("validUntil"); validUntil != "" {
		for i := range entities {
			entities[i].inherited = append(entities[i].inherited, validUntil)
		}
	}
	return entities
}

// signOnRole returns the entity's part as a SAML 2.0 identity provider, or nil.
func (e *entityDescriptor) signOnRole() *idpSSODescriptor {
	for i := range e.Roles {
		protocols := e.Roles[i].Attributes.get("protocolSupportEnumeration")
		if protocols == "" || strings.Contains(protocols, saml2Protocol) {
			return &e.Roles[i]
		}
	}
	return nil
}

// metadata returns what the descriptor of an identity provider says about its sign-on.
func (e *entityDescriptor) metadata() (*Metadata, error) {
	role := e.signOnRole()
	m := &Metadata{EntityID: e.Attributes.get("entityID"), SignOnURL: signOnURL(role.Services)}
	for _, validUntil := range slices.Concat(e.inherited, []string{e.Attributes.get("validUntil"), role.Attributes.get("validUntil")}) {
		m.ValidUntil = earlier(m.ValidUntil, m.expiry(validUntil))
	}
	return m, m.addCertificates(role.Keys)
}

// expiry reads the time of a validUntil, which is UTC where it has no zone (SAML Core §1.3.3). One
// that is no xs:dateTime is passed over.
func (m *Metadata) expiry(validUntil string) time.Time {
	if validUntil == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, validUntil); err == nil {
			return t
		}
	}
	m.passOver("validUntil %q is not a time", validUntil)
	return time.Time{}
}

// signOnURL returns the first usable URL, by HTTP-Redirect if there is one; or, where none is
// usable, the first that is there.
func signOnURL(services []endpoint) string {
	var locations []string
	for _, binding := range []string{redirectBinding, postBinding} {
		for _, service := range services {
			if location := service.Attributes.get("Location"); location != "" && service.Attributes.get("Binding") == binding {
				locations = append(locations, location)
			}
		}
	}
	for _, location := range locations {
		if isSecureURL(location) {
			return location
		}
	}
	if len(locations) > 0 {
		return locations[0]
	}
	return ""
}

func isSecureURL(location string) bool {
	u, err := url.Parse(location)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && len(location) <= MaxURL
}

// earlier returns the earlier of two times of which the zero value means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
