// SPDX-License-Identifier: Apache-2.0

// Package samltest signs SAML metadata for tests, as identity providers do it.
package samltest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// NewSigner makes an RSA key, and a certificate of it in PEM that has expired.
func NewSigner(t testing.TB) (crypto.Signer, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "metadata"},
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(-1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Sign signs the root element of a document. By default it does so with SHA-256 and exclusive
// canonicalization, and says nothing of the key.
func Sign(t testing.TB, document string, key crypto.Signer, how ...func(*dsig.SigningContext)) string {
	t.Helper()
	root := Root(t, document)
	root.InsertChildAt(0, Signature(t, root.Copy(), key, how...))
	return Text(t, root)
}

// Signature makes the signature of an element.
func Signature(t testing.TB, element *etree.Element, key crypto.Signer, how ...func(*dsig.SigningContext)) *etree.Element {
	t.Helper()
	signing, err := dsig.NewSigningContext(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	signing.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	for _, change := range how {
		change(signing)
	}
	made, err := signing.ConstructSignature(element, true)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Root reads a document.
func Root(t testing.TB, document string) *etree.Element {
	t.Helper()
	read := etree.NewDocument()
	if err := read.ReadFromString(document); err != nil {
		t.Fatal(err)
	}
	return read.Root()
}

// Text writes a document with a root element.
func Text(t testing.TB, root *etree.Element) string {
	t.Helper()
	document := etree.NewDocument()
	document.SetRoot(root.Copy())
	written, err := document.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return written
}
