// SPDX-License-Identifier: Apache-2.0

// Package saml reads the SAML 2.0 metadata of an identity provider and judges whether
// it is usable for single sign-on: Fetcher gets the document from a URL without letting
// the URL reach into the cluster, Parse reads it, Judge says whether it can be used now.
package saml

import (
	"crypto/x509"
	"time"
)

const (
	// MaxDocument is the size up to which metadata is read, in bytes.
	MaxDocument = 1 << 20
	// MaxCertificates is how many different signing certificates may be in it.
	MaxCertificates = 16
	// MaxEntityID is the length of an entity ID, in characters (SAML Core §8.3.6).
	MaxEntityID = 1024
	// MaxURL is the length of a sign-on URL, in characters.
	MaxURL = 2048
)

// Metadata is what an identity provider's document says about its single sign-on. It
// may lack anything: Judge says what.
type Metadata struct {
	// EntityID of the identity provider.
	EntityID string
	// SignOnURL takes authentication requests: by HTTP-Redirect where the identity
	// provider offers that, else by HTTP-POST.
	SignOnURL string
	// Certificates with which it may sign, each once, in the document's order.
	Certificates []*x509.Certificate
	// ValidUntil is when the document itself expires; zero when it never does.
	ValidUntil time.Time
}
