// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/crewjam/saml"
)

const (
	metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata"
	saml2Protocol     = "urn:oasis:names:tc:SAML:2.0:protocol"
	// maxDepth is far more than metadata has and far less than hurts a recursive parser.
	maxDepth = 64
)

// Parse reads an EntityDescriptor, or an EntitiesDescriptor that holds exactly one
// identity provider. A document type declaration is refused, and with it every entity
// that could be expanded. The error is ErrInvalid or ErrTooLarge.
func Parse(document []byte) (*Metadata, error) {
	if len(document) > MaxDocument {
		return nil, fail(ErrTooLarge, "it has %d bytes", len(document))
	}
	document = bytes.TrimPrefix(document, []byte("\ufeff"))
	root, err := inspect(document)
	if err != nil {
		return nil, err
	}
	entities, err := decode(document, root)
	if err != nil {
		return nil, err
	}
	return onlyProvider(entities)
}

// inspect walks through the document before anything is built from it, and returns the
// name of its root element.
func inspect(document []byte) (root xml.Name, err error) {
	decoder := newDecoder(document)
	for depth := 0; ; {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && root.Local == "":
			return root, invalid("it has no XML element")
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return root, invalid("it is not well-formed XML: %v", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return root, refuseDirective(t)
		case xml.StartElement:
			if depth == 0 && root.Local != "" {
				return root, invalid("a second document follows the first")
			}
			if depth == 0 {
				root = t.Name
			}
			if depth++; depth > maxDepth {
				return root, invalid("its elements are nested more than %d deep", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
}

func refuseDirective(directive xml.Directive) error {
	if strings.HasPrefix(strings.ToLower(string(directive)), "doctype html") {
		return invalid("it is an HTML page, not SAML metadata")
	}
	return invalid("it has a document type declaration, which is not allowed")
}

func newDecoder(document []byte) *xml.Decoder {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	decoder.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") {
			return input, nil
		}
		return nil, errors.New("its encoding is " + charset + "; only UTF-8 is read")
	}
	return decoder
}

// entity is an EntityDescriptor and the expiry that it inherits from what holds it.
type entity struct {
	*saml.EntityDescriptor
	validUntil time.Time
}

func decode(document []byte, root xml.Name) ([]entity, error) {
	switch root {
	case xml.Name{Space: metadataNamespace, Local: "EntityDescriptor"}:
		var descriptor saml.EntityDescriptor
		if err := newDecoder(document).Decode(&descriptor); err != nil {
			return nil, invalid("it cannot be read: %v", err)
		}
		return []entity{{&descriptor, descriptor.ValidUntil}}, nil
	case xml.Name{Space: metadataNamespace, Local: "EntitiesDescriptor"}:
		var descriptor saml.EntitiesDescriptor
		if err := newDecoder(document).Decode(&descriptor); err != nil {
			return nil, invalid("it cannot be read: %v", err)
		}
		return flatten(&descriptor, time.Time{}), nil
	default:
		return nil, invalid("its root element is %s, not EntityDescriptor of %s", root.Local, metadataNamespace)
	}
}

func flatten(group *saml.EntitiesDescriptor, validUntil time.Time) []entity {
	if group.ValidUntil != nil {
		validUntil = earlier(validUntil, *group.ValidUntil)
	}
	entities := make([]entity, 0, len(group.EntityDescriptors))
	for i := range group.EntityDescriptors {
		descriptor := &group.EntityDescriptors[i]
		entities = append(entities, entity{descriptor, earlier(validUntil, descriptor.ValidUntil)})
	}
	for i := range group.EntitiesDescriptors {
		entities = append(entities, flatten(&group.EntitiesDescriptors[i], validUntil)...)
	}
	return entities
}

// onlyProvider picks the one identity provider among the entities.
func onlyProvider(entities []entity) (*Metadata, error) {
	var found *Metadata
	for _, e := range entities {
		role := signOnRole(e.EntityDescriptor)
		if role == nil {
			continue
		}
		if found != nil {
			return nil, invalid("it describes more than one identity provider; give the metadata of one")
		}
		certificates, err := signingCertificates(role.KeyDescriptors)
		if err != nil {
			return nil, err
		}
		found = &Metadata{
			EntityID:     strings.TrimSpace(e.EntityID),
			SignOnURL:    signOnURL(role.SingleSignOnServices),
			Certificates: certificates,
			ValidUntil:   e.validUntil,
		}
		if role.ValidUntil != nil {
			found.ValidUntil = earlier(found.ValidUntil, *role.ValidUntil)
		}
	}
	if found == nil {
		return nil, invalid("it describes no SAML 2.0 identity provider (IDPSSODescriptor); it may be that of a service provider")
	}
	return found, nil
}

// signOnRole is the entity's part as a SAML 2.0 identity provider, or nil.
func signOnRole(descriptor *saml.EntityDescriptor) *saml.IDPSSODescriptor {
	for i := range descriptor.IDPSSODescriptors {
		role := &descriptor.IDPSSODescriptors[i]
		protocols := role.ProtocolSupportEnumeration
		if protocols == "" || strings.Contains(protocols, saml2Protocol) {
			return role
		}
	}
	return nil
}

func signOnURL(services []saml.Endpoint) string {
	for _, binding := range []string{saml.HTTPRedirectBinding, saml.HTTPPostBinding} {
		for _, service := range services {
			if service.Binding == binding {
				return strings.TrimSpace(service.Location)
			}
		}
	}
	return ""
}

// earlier is the earlier of two times of which the zero value means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
