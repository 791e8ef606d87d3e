// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	// maxDepth is far more than metadata has and far less than hurts a recursive parser.
	maxDepth = 64
	// maxElements is far more than the metadata of one identity provider has.
	maxElements = 50_000
)

// Parse reads an EntityDescriptor, or an EntitiesDescriptor that holds exactly one
// identity provider. It reads what sign-on needs and passes over everything else. A document
// type declaration is refused, and with it every entity that could be expanded. The error is
// ErrInvalid or ErrTooLarge.
func Parse(document []byte) (*Metadata, error) {
	text, root, err := readable(document)
	if err != nil {
		return nil, err
	}
	return parse(text, root)
}

// readable returns a document as UTF-8 that is within the bounds and well-formed, and the
// name of its root element.
func readable(document []byte) (text []byte, root xml.Name, err error) {
	if len(document) > MaxDocument {
		return nil, root, fail(ErrTooLarge, "it has %d bytes", len(document))
	}
	if text, err = utf8Text(document); err != nil {
		return nil, root, err
	}
	root, err = inspect(text)
	return text, root, err
}

func parse(text []byte, root xml.Name) (*Metadata, error) {
	entities, err := decode(text, root)
	if err != nil {
		return nil, err
	}
	return onlyProvider(entities)
}

// inspect walks through the document before anything is built from it, and returns the
// name of its root element.
func inspect(text []byte) (root xml.Name, err error) {
	decoder := newDecoder(text)
	for depth, elements := 0, 0; ; {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && root.Local == "":
			return root, invalid("it has no XML element; give the XML document that the identity provider publishes")
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return root, invalid("it is not well-formed XML: %v; take it from the identity provider again", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return root, refuseDirective(t)
		case xml.StartElement:
			if depth == 0 && root.Local != "" {
				return root, invalid("a second document follows the first; give one of them")
			}
			if depth == 0 {
				root = t.Name
			}
			if depth++; depth > maxDepth {
				return root, invalid("its elements are nested more than %d deep", maxDepth)
			}
			if elements++; elements > maxElements {
				return root, invalid("it has more than %d elements; give the metadata of one identity provider", maxElements)
			}
		case xml.EndElement:
			depth--
		}
	}
}

func refuseDirective(directive xml.Directive) error {
	if strings.HasPrefix(strings.ToLower(string(directive)), "doctype html") {
		return invalid("it is an HTML page, not SAML metadata; its address may lead to a sign-in page")
	}
	return invalid("it has a document type declaration, which is not allowed; remove the line that begins with <!DOCTYPE")
}

// newDecoder reads text from which utf8Text has taken the declaration.
func newDecoder(text []byte) *xml.Decoder { return xml.NewDecoder(bytes.NewReader(text)) }

func decode(text []byte, root xml.Name) ([]entityDescriptor, error) {
	switch root {
	case xml.Name{Space: metadataNamespace, Local: "EntityDescriptor"}:
		var entity entityDescriptor
		if err := newDecoder(text).Decode(&entity); err != nil {
			return nil, invalid("it cannot be read: %v", err)
		}
		return []entityDescriptor{entity}, nil
	case xml.Name{Space: metadataNamespace, Local: "EntitiesDescriptor"}:
		var group entitiesDescriptor
		if err := newDecoder(text).Decode(&group); err != nil {
			return nil, invalid("it cannot be read: %v", err)
		}
		return group.flatten(), nil
	default:
		return nil, invalid("its root element is %s, not EntityDescriptor of %s; give the identity provider's SAML 2.0 metadata",
			root.Local, metadataNamespace)
	}
}

// onlyProvider picks the one identity provider among the entities.
func onlyProvider(entities []entityDescriptor) (*Metadata, error) {
	var provider *entityDescriptor
	for i := range entities {
		if entities[i].signOnRole() == nil {
			continue
		}
		if provider != nil {
			return nil, invalid("it describes more than one identity provider; give the metadata of one")
		}
		provider = &entities[i]
	}
	if provider == nil {
		return nil, invalid("it describes no SAML 2.0 identity provider (IDPSSODescriptor); it may be that of a service provider: give the identity provider's")
	}
	return provider.metadata()
}
