// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"golang.org/x/text/encoding/unicode"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/saml/samltest"
)

// rsaKeys are made once for all tests, as that takes a while.
var rsaKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// naming has the signature name a certificate.
func naming(s *signer) func(*dsig.SigningContext) {
	return func(c *dsig.SigningContext) {
		named, err := dsig.NewSigningContext(s.key, [][]byte{s.Raw})
		if err != nil {
			panic(err)
		}
		named.Hash, named.Canonicalizer = c.Hash, c.Canonicalizer
		*c = *named
	}
}

func hashed(h crypto.Hash) func(*dsig.SigningContext) {
	return func(c *dsig.SigningContext) { c.Hash = h }
}

func inclusive(c *dsig.SigningContext) { c.Canonicalizer = dsig.MakeC14N10RecCanonicalizer() }

// sign signs a document, and the signature names the certificate.
func sign(t *testing.T, document string, by *signer, how ...func(*dsig.SigningContext)) string {
	t.Helper()
	return samltest.Sign(t, document, by.key, append(how, naming(by))...)
}

// unsignedMetadata is that of an identity provider, with the ID that a signature refers to.
func unsignedMetadata(id, entityID string, s *signer) string {
	return strings.Replace(string(withKeys(keyInfo([]string{encoded(s)}))), `entityID="https://idp"`, `ID="`+id+`" entityID="`+entityID+`"`, 1)
}

func pinned(signers ...*signer) []*x509.Certificate {
	var certificates []*x509.Certificate
	for _, s := range signers {
		certificates = append(certificates, s.Certificate)
	}
	return certificates
}

func TestSignedMetadata(t *testing.T) {
	keys := rsaKeys()
	idp, other := issue(t, "idp", keys[0], nil, -1, 365), issue(t, "other", keys[1], nil, -1, 365)
	expired, renewed := issue(t, "idp", keys[0], nil, -9, -1), issue(t, "idp", keys[0], nil, -1, 900)
	document := unsignedMetadata("_1", "https://idp", idp)
	signed := sign(t, document, idp)
	group := `<EntitiesDescriptor ID="_g" xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + signed + `</EntitiesDescriptor>`
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(signed)
	if err != nil {
		t.Fatal(err)
	}
	certificate := encoded(idp)
	for name, row := range map[string]struct {
		document string
		pinned   []*x509.Certificate
	}{
		"by the pinned certificate":          {signed, pinned(idp)},
		"by the second of two":               {signed, pinned(other, idp)},
		"by a key whose certificate expired": {signed, pinned(expired)},
		"by a key with a newer certificate":  {signed, pinned(renewed)},
		"the signature names another":        {strings.Replace(signed, certificate, encoded(other), 1), pinned(idp)},
		"SHA-512":                            {sign(t, document, idp, hashed(crypto.SHA512)), pinned(idp)},
		"inclusive canonicalization":         {sign(t, document, idp, inclusive), pinned(idp)},
		"without an ID":                      {sign(t, strings.Replace(document, `ID="_1"`, "", 1), idp), pinned(idp)},
		"a group signed as a whole":          {sign(t, group, idp), pinned(idp)},
		"an outer signature, another inside": {sign(t, group, other), pinned(other)},
		"in UTF-16":                          {wide, pinned(idp)},
		"with a declaration":                 {`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + signed, pinned(idp)},
		"blanks in the value":                {strings.NewReplacer("<ds:SignatureValue>", "<ds:SignatureValue>\n    ", "</ds:SignatureValue>", "\n  </ds:SignatureValue>").Replace(signed), pinned(idp)},
		// No XML has an attribute twice, but Go reads it. Only one of them has been signed.
		"an attribute twice": {strings.Replace(signed, `entityID="https://idp"`, `entityID="https://evil" entityID="https://idp"`, 1), pinned(idp)},
		// Canonicalization drops comments, so that the signature is still right. What is
		// read is what has been signed: the whole value.
		"a comment in a value": {strings.ReplaceAll(signed, "<ds:X509Certificate>"+certificate[:40], "<ds:X509Certificate>"+certificate[:40]+"<!-- x -->"), pinned(idp)},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseSigned([]byte(row.document), row.pinned)
			if err != nil {
				t.Fatal(err)
			}
			if m.EntityID != "https://idp" || m.SignOnURL != "https://idp/sso" || len(m.Certificates) != 1 || !m.Certificates[0].Equal(idp.Certificate) {
				t.Errorf("it says %+v", m)
			}
		})
	}
}

func TestMetadataThatIsNotSignedAsPinned(t *testing.T) {
	keys := rsaKeys()
	idp, other := issue(t, "idp", keys[0], nil, -1, 365), issue(t, "other", keys[1], nil, -1, 365)
	document, evil := unsignedMetadata("_1", "https://idp", idp), unsignedMetadata("_1", "https://evil", other)
	signed := sign(t, document, idp)
	changed := func(from, to string) string {
		t.Helper()
		made := strings.Replace(signed, from, to, 1)
		if made == signed {
			t.Fatalf("%q is not in the document", from)
		}
		return made
	}
	// wrapped is what the attacker says, with the signature and the signed document inside.
	wrapped := func(evil string, signature *etree.Element, where func(root *etree.Element) *etree.Element, original *etree.Element) string {
		t.Helper()
		element := samltest.Root(t, evil)
		if original != nil {
			where(element).AddChild(original.Copy())
		}
		element.InsertChildAt(0, signature.Copy())
		return samltest.Text(t, element)
	}
	original := samltest.Root(t, document)
	signature := samltest.Root(t, signed).ChildElements()[0]
	extensions := func(element *etree.Element) *etree.Element { return element.CreateElement("Extensions") }
	inside := func(element *etree.Element) *etree.Element { return element }
	const notWhole, notMade = "does not cover the whole document", "no key of signedBy has made its signature"
	last := samltest.Root(t, document)
	last.AddChild(signature.Copy())
	twice := samltest.Root(t, signed)
	twice.InsertChildAt(1, signature.Copy())
	objectWithOriginal := signature.Copy()
	objectWithOriginal.CreateElement("ds:Object").AddChild(original.Copy())
	group := func(inner string) string {
		return `<EntitiesDescriptor ID="_1" xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + inner + `</EntitiesDescriptor>`
	}
	assertion := sign(t, `<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1"><Issuer>https://evil</Issuer></Assertion>`, idp)
	for name, row := range map[string]struct{ document, says string }{
		"no signature": {document, "its root element has no signature"},
		"another key":  {sign(t, document, other), notMade},
		"another key that calls itself the pinned one": {strings.Replace(sign(t, document, other), encoded(other), encoded(idp), 1), notMade},
		"another entity ID":                            {changed(`entityID="https://idp"`, `entityID="https://evil"`), notMade},
		"another sign-on URL":                          {changed("https://idp/sso", "https://evil/sso"), notMade},
		"another element":                              {changed("</EntityDescriptor>", "<Extensions/></EntityDescriptor>"), notMade},
		"no value":                                     {changed("<ds:SignatureValue>", "<ds:SignatureValue/><ds:Other>"), ""},
		"SHA-1":                                        {sign(t, document, idp, hashed(crypto.SHA1)), "xmldsig#rsa-sha1\" does not count"},
		"a digest of SHA-1":                            {changed("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"), "xmldsig#sha1\" does not count"},
		"an HMAC":                                      {changed(dsig.RSASHA256SignatureMethod, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), "does not count"},
		"a transformation that leaves out":             {changed("http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>", "http://www.w3.org/TR/1999/REC-xpath-19991116\"/></ds:Transforms>"), notWhole},
		"not enveloped":                                {changed("<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>", ""), "is not enveloped"},
		"no transformations":                           {changed("<ds:Transforms>", "<ds:Other>"), ""},
		"a second reference":                           {changed("</ds:SignedInfo>", "<ds:Reference URI=\"\"/></ds:SignedInfo>"), "one Reference"},
		"a second SignedInfo":                          {changed("<ds:SignatureValue>", "<ds:SignedInfo/><ds:SignatureValue>"), "must have one SignatureMethod"},
		"a reference to something else":                {changed(`URI="#_1"`, `URI="#_2"`), notWhole},
		"a second ID":                                  {changed(`ID="_1"`, `ID="_1" ds:ID="_2"`), notWhole},
		"the signature comes last":                     {samltest.Text(t, last), "must be the signature"},
		"two signatures":                               {samltest.Text(t, twice), "no other one there"},
		"only the entity inside is signed":             {group(signed), "its root element has no signature"},
		"a signed document in Extensions":              {wrapped(evil, signature, extensions, original), notMade},
		"under another ID":                             {wrapped(strings.Replace(evil, "_1", "_2", 1), signature, extensions, original), notWhole},
		"a signed document in a group":                 {wrapped(group(evil), signature, inside, original), notMade},
		"a signed document in its signature":           {wrapped(evil, objectWithOriginal, inside, nil), notMade},
		"a signed document in Extensions with its own signature": {wrapped(evil, signature, extensions, samltest.Root(t, signed)), notMade},
		"the signature of something else":                        {wrapped(evil, samltest.Root(t, assertion).ChildElements()[0], inside, nil), notMade},
		"endless namespaces":                                     {changed("<IDPSSODescriptor", "<IDPSSODescriptor"+namespaces(maxNamespaces+1)), "declares more than 2000 namespaces"},
		"endless elements":                                       {changed("</EntityDescriptor>", strings.Repeat("<Extensions/>", 2000)+"</EntityDescriptor>"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseSigned([]byte(row.document), pinned(idp))
			if err == nil {
				t.Fatalf("it is accepted, and says %+v", m)
			}
			if row.says != "" && (!errors.Is(err, ErrSignature) || Reason(err) != v1alpha1.ReasonMetadataSignatureInvalid || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("the reason is %s, and the error %v", Reason(err), err)
			}
		})
	}
	// What is signed as a whole must be metadata as well.
	for name, document := range map[string]string{"an assertion": assertion, "a document type": "<!DOCTYPE x>" + signed, "nothing": ""} {
		if _, err := ParseSigned([]byte(document), pinned(idp)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if _, err := ParseSigned(make([]byte, MaxDocument+1), pinned(idp)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an endless document: the error is %v", err)
	}
	if _, err := ParseSigned([]byte(signed), nil); !errors.Is(err, ErrSignature) {
		t.Errorf("nothing is pinned: the error is %v", err)
	}
}

func namespaces(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(` xmlns:n`)
		b.WriteString(strings.Repeat("x", 1+i%7))
		b.WriteString(strings.Repeat("y", 1+i/7%13))
		b.WriteString(strings.Repeat("z", 1+i/91))
		b.WriteString(`="u"`)
	}
	return b.String()
}

func TestParseSigners(t *testing.T) {
	armoured := func(s *signer) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Raw}))
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no small keys")
	}
	good := armoured(issue(t, "idp", rsaKeys()[0], nil, -9, -1))
	if signers, err := ParseSigners("To be pinned:\n" + good + good); err != nil || len(signers) != 2 {
		t.Errorf("%d signers, error %v", len(signers), err)
	}
	for name, row := range map[string]struct{ text, says string }{
		"no PEM":          {"hello", "there is no certificate in PEM"},
		"cut off":         {good + good[:len(good)/2], "of 2 blocks that begin, 1 can be read"},
		"an elliptic key": {good + armoured(issue(t, "idp", newKey(t), nil, -1, 1)), "the key of certificate 2 of signedBy is not an RSA key"},
		"a small key":     {armoured(issue(t, "idp", small, nil, -1, 1)), "is not an RSA key of 2048 to 8192 bits"},
		"too many":        {strings.Repeat(good, MaxSigners+1), "more than 8 certificates"},
		"endless":         {strings.Repeat(" ", MaxSignersText+1), "longer than 32 KiB"},
	} {
		if _, err := ParseSigners(row.text); !errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
