// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxCheckedModulus is the length up to which a signature of an RSA key is checked, in bits. The time
// that it takes grows with the square.
const maxCheckedModulus = 8192

// addCertificates adds the certificates for signing and those whose use is not said, which
// serve for both (SAML Metadata §2.4.1.1). One that cannot be read is passed over.
func (m *Metadata) addCertificates(keys []keyDescriptor) error {
	position := 0
	for _, key := range keys {
		if use := key.Attributes.get("use"); use != "" && use != "signing" {
			continue
		}
		var ofKey []*x509.Certificate
		for _, encoded := range key.Certificates {
			position++
			certificate, err := parseCertificate(encoded)
			if err != nil {
				m.passOver("signing certificate %d %v", position, err)
				continue
			}
			if ofKey = appendNew(ofKey, certificate); len(ofKey) > MaxCertificates {
				return tooManyCertificates()
			}
		}
		for _, certificate := range withoutIssuers(ofKey) {
			if m.Certificates = appendNew(m.Certificates, certificate); len(m.Certificates) > MaxCertificates {
				return tooManyCertificates()
			}
		}
	}
	return nil
}

func tooManyCertificates() error {
	return invalid("it has more than %d signing certificates; remove the old ones at the identity provider", MaxCertificates)
}

func appendNew(certificates []*x509.Certificate, certificate *x509.Certificate) []*x509.Certificate {
	if slices.ContainsFunc(certificates, certificate.Equal) {
		return certificates
	}
	return append(certificates, certificate)
}

// withoutIssuers returns those of the certificates in one KeyInfo that have the signing key: the others
// are the chain by which the first can be verified (XML Signature §4.5.4).
func withoutIssuers(certificates []*x509.Certificate) []*x509.Certificate {
	ends := slices.DeleteFunc(slices.Clone(certificates), func(issuer *x509.Certificate) bool {
		return slices.ContainsFunc(certificates, func(c *x509.Certificate) bool { return issued(issuer, c) })
	})
	if len(ends) == 0 {
		return certificates // they have issued each other
	}
	return ends
}

// issued reports whether the issuer has signed another key's certificate.
func issued(issuer, certificate *x509.Certificate) bool {
	if !bytes.Equal(certificate.RawIssuer, issuer.RawSubject) ||
		bytes.Equal(certificate.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) {
		return false
	}
	key, isRSA := issuer.PublicKey.(*rsa.PublicKey)
	if isRSA && key.N.BitLen() > maxCheckedModulus {
		return looksIssued(issuer, certificate)
	}
	err := issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature)
	insecure := x509.InsecureAlgorithmError(0)
	if errors.As(err, &insecure) || errors.Is(err, x509.ErrUnsupportedAlgorithm) {
		return looksIssued(issuer, certificate)
	}
	return err == nil
}

// looksIssued decides by the names where the signature cannot be checked.
func looksIssued(issuer, certificate *x509.Certificate) bool {
	selfIssued := bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
	otherKey := len(certificate.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 &&
		!bytes.Equal(certificate.AuthorityKeyId, issuer.SubjectKeyId)
	return !selfIssued && !otherKey
}

func parseCertificate(encoded string) (*x509.Certificate, error) {
	bare := bareBase64(encoded)
	if bare == "" {
		return nil, errors.New("is empty")
	}
	der, err := base64.RawStdEncoding.DecodeString(bare)
	if err != nil {
		return nil, fmt.Errorf("is not base64: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return certificate, nil
}

// bareBase64 drops line breaks, indentation, padding, characters without a width, and the PEM armour
// that some products leave in, with what is outside of it.
func bareBase64(encoded string) string {
	if _, inside, armoured := strings.Cut(encoded, "-----BEGIN CERTIFICATE-----"); armoured {
		encoded, _, _ = strings.Cut(inside, "-----END CERTIFICATE-----")
	}
	return strings.TrimRight(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, encoded), "=")
}
