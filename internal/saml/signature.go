// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// maxNamespaces bounds the namespace declarations of a document whose signature is verified.
// The time that this takes grows with their number and that of the elements.
const maxNamespaces = 2000

// The algorithms that count. SHA-1 is broken; RSA is what identity providers sign metadata with.
var (
	signatureMethods = []string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod}
	digestMethods    = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
	canonicalizations = []string{
		string(dsig.CanonicalXML10ExclusiveAlgorithmId), string(dsig.CanonicalXML10ExclusiveWithCommentsAlgorithmId),
		string(dsig.CanonicalXML11AlgorithmId), string(dsig.CanonicalXML11WithCommentsAlgorithmId),
		string(dsig.CanonicalXML10RecAlgorithmId), string(dsig.CanonicalXML10WithCommentsAlgorithmId),
	}
)

// ParseSigned reads a document as Parse does, if one of the signers has signed all of it. What
// it returns is read from the bytes that were verified, and from nothing else. The error is
// ErrSignature, too.
//
// A signature counts when it is enveloped by the root element and refers to that element, with
// no transformation but its own removal and canonicalization. So nothing of the document is
// outside of it. Of a signer only the key counts.
func ParseSigned(document []byte, signers []*x509.Certificate) (*Metadata, error) {
	text, _, err := readable(document)
	if err != nil {
		return nil, err
	}
	verified, err := verify(text, signers)
	if err != nil {
		return nil, err
	}
	root, err := inspect(verified)
	if err != nil {
		return nil, err
	}
	return parse(verified, root)
}

// verify returns the canonical form of a document that one of the signers has signed.
func verify(text []byte, signers []*x509.Certificate) ([]byte, error) {
	document := etree.NewDocument()
	if err := document.ReadFromBytes(text); err != nil {
		return nil, invalid("it is not well-formed XML: %v; take it from the identity provider again", err)
	}
	root := document.Root()
	if declarations(root) > maxNamespaces {
		return nil, unsigned("it declares more than %d namespaces, too many to verify a signature", maxNamespaces)
	}
	signature, err := envelopedSignature(root)
	if err != nil {
		return nil, err
	}
	if err := checkSignedInfo(root, signature); err != nil {
		return nil, err
	}
	onlySignature(signature)
	for _, signer := range signers {
		verified, err := dsig.NewDefaultValidationContext(keyOf(signer)).Validate(root)
		switch {
		case err == nil:
			return written(verified)
		case strings.Contains(err.Error(), "traversal limit"):
			return nil, unsigned("it has too many elements to verify a signature; give the metadata of this identity provider alone")
		}
	}
	return nil, unsigned("no key of signedBy has made its signature, or the document has been changed since; if the identity provider signs with a new key, add its certificate")
}

// declarations counts those of namespaces in an element and below.
func declarations(element *etree.Element) int {
	n := 0
	for _, attribute := range element.Attr {
		if attribute.Space == "xmlns" || attribute.FullKey() == "xmlns" {
			n++
		}
	}
	for _, child := range element.ChildElements() {
		n += declarations(child)
	}
	return n
}

// envelopedSignature returns the signature of a root element, which is its first child (SAML
// Metadata §2.3).
func envelopedSignature(root *etree.Element) (*etree.Element, error) {
	var found []*etree.Element
	children := root.ChildElements()
	for _, child := range children {
		if child.Tag == dsig.SignatureTag && child.NamespaceURI() == dsig.Namespace {
			found = append(found, child)
		}
	}
	switch {
	case len(found) == 0:
		return nil, unsigned("its root element has no signature; have the identity provider sign its metadata, or remove signedBy")
	case len(found) > 1 || children[0] != found[0]:
		return nil, unsigned("the first element of its root element, and no other one there, must be the signature")
	default:
		return found[0], nil
	}
}

// checkSignedInfo accepts a signature of the whole root element, by algorithms that count.
func checkSignedInfo(root, signature *etree.Element) error {
	info := only(signature, dsig.SignedInfoTag)
	method, reference := only(info, dsig.SignatureMethodTag), only(info, dsig.ReferenceTag)
	transforms, digest := only(reference, dsig.TransformsTag), only(reference, dsig.DigestMethodTag)
	if method == nil || transforms == nil || digest == nil || only(signature, dsig.SignatureValueTag) == nil {
		return unsigned("its signature must have one SignatureMethod, one Reference with Transforms, one DigestMethod and one SignatureValue")
	}
	if !refersTo(reference, root) {
		return unsigned("its signature does not cover the whole document: it refers to something else than the root element")
	}
	if made := algorithmOf(method); !slices.Contains(signatureMethods, made) {
		return unsigned("its signature method %q does not count; have the identity provider sign with RSA and SHA-256", bounded(made, maxAlgorithm))
	}
	if made := algorithmOf(digest); !slices.Contains(digestMethods, made) {
		return unsigned("its digest method %q does not count; have the identity provider sign with SHA-256", bounded(made, maxAlgorithm))
	}
	return checkTransforms(transforms)
}

// maxAlgorithm bounds how much of the name of an algorithm a message has, in characters.
const maxAlgorithm = 100

// checkTransforms accepts those that leave nothing out but the signature itself.
func checkTransforms(transforms *etree.Element) error {
	enveloped := 0
	for _, transform := range transforms.ChildElements() {
		switch algorithm := algorithmOf(transform); {
		case algorithm == string(dsig.EnvelopedSignatureAltorithmId):
			enveloped++
		case !slices.Contains(canonicalizations, algorithm):
			return unsigned("its signature does not cover the whole document: it has the transformation %q", bounded(algorithm, maxAlgorithm))
		}
	}
	if enveloped != 1 {
		return unsigned("its signature is not enveloped")
	}
	return nil
}

// refersTo reports whether a reference is to the root element: by its ID, or to the document.
func refersTo(reference, root *etree.Element) bool {
	uri, given := onlyAttribute(reference, dsig.URIAttr)
	id, named := onlyAttribute(root, dsig.DefaultIdAttr)
	return given && (uri == "" || named && id != "" && uri == "#"+id)
}

// onlyAttribute returns the value of the one attribute of a name, in whatever namespace.
func onlyAttribute(element *etree.Element, name string) (value string, ok bool) {
	n := 0
	for _, attribute := range element.Attr {
		if attribute.Key == name {
			value = attribute.Value
			n++
		}
	}
	return value, n == 1
}

// only returns the one child of a name, or nil when there are others or none.
func only(parent *etree.Element, tag string) *etree.Element {
	if parent == nil {
		return nil
	}
	var found *etree.Element
	for _, child := range parent.ChildElements() {
		if child.Tag != tag {
			continue
		}
		if found != nil || child.NamespaceURI() != dsig.Namespace {
			return nil
		}
		found = child
	}
	return found
}

func algorithmOf(element *etree.Element) string {
	if algorithm, ok := onlyAttribute(element, dsig.AlgorithmAttr); ok {
		return algorithm
	}
	return ""
}

// onlySignature takes out of a signature what its maker says about the key, which does not
// count, and the blanks in its value. Neither is signed.
func onlySignature(signature *etree.Element) {
	for _, child := range signature.ChildElements() {
		switch child.Tag {
		case dsig.KeyInfoTag:
			signature.RemoveChild(child)
		case dsig.SignatureValueTag:
			child.SetText(strings.Join(strings.Fields(child.Text()), ""))
		}
	}
}

// keyOf is a store with the key of a certificate and nothing else of it: pinning is by key.
func keyOf(signer *x509.Certificate) dsig.X509CertificateStore {
	return &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{{
		PublicKey: signer.PublicKey, PublicKeyAlgorithm: signer.PublicKeyAlgorithm, NotAfter: time.Now().AddDate(1, 0, 0),
	}}}
}

func written(root *etree.Element) ([]byte, error) {
	document := etree.NewDocument()
	document.SetRoot(root)
	document.WriteSettings = etree.WriteSettings{CanonicalAttrVal: true, CanonicalEndTags: true, CanonicalText: true}
	text, err := document.WriteToBytes()
	if err != nil {
		return nil, invalid("it cannot be read: %v", err)
	}
	return text, nil
}
