// SPDX-License-Identifier: Apache-2.0

// Package saml reads the SAML 2.0 metadata of an identity provider and judges whether
// it is usable for single sign-on: Fetcher gets the document from a URL without letting
// the URL reach into the cluster, Parse reads it, Judge says whether it can be used now.
package saml

import (
	"crypto/x509"
	"fmt"
	"strings"
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
	// maxNamed is how much of what was passed over a message names.
	maxNamed = 3
)

// Metadata is what an identity provider's document says about its single sign-on. It
// may lack anything: Judge says what.
type Metadata struct {
	// EntityID of the identity provider.
	EntityID string
	// SignOnURL takes authentication requests: by HTTP-Redirect where the identity
	// provider offers that, else by HTTP-POST.
	SignOnURL string
	// Certificates with which it may sign, each once, in the document's order. Those that have only
	// issued another in the same KeyInfo are not among them.
	Certificates []*x509.Certificate
	// ValidUntil is when the document itself expires; zero when it never does.
	ValidUntil time.Time
	// PassedOver describes what belongs to sign-on and cannot be read.
	PassedOver []string
}

// passOver remembers something that cannot be read.
func (m *Metadata) passOver(format string, args ...any) {
	m.PassedOver = append(m.PassedOver, bounded(fmt.Sprintf(format, args...), maxDetail/maxNamed))
}

// passedOver returns a sentence about what was passed over, with a blank before it, or nothing.
func (m *Metadata) passedOver() string {
	if len(m.PassedOver) == 0 {
		return ""
	}
	named := m.PassedOver[:min(len(m.PassedOver), maxNamed)]
	sentence := " Passed over: " + strings.Join(named, "; ")
	if more := len(m.PassedOver) - len(named); more > 0 {
		sentence += fmt.Sprintf("; and %d more", more)
	}
	return sentence + "."
}
