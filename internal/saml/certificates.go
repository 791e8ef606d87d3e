// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"unicode"

	"github.com/crewjam/saml"
)

// signingCertificates are those for signing and those whose use is not said, which
// serve for both (SAML Metadata §2.4.1.1).
func signingCertificates(keys []saml.KeyDescriptor) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for _, key := range keys {
		if key.Use != "" && key.Use != "signing" {
			continue
		}
		for _, encoded := range key.KeyInfo.X509Data.X509Certificates {
			certificate, err := parseCertificate(encoded.Data)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(certificates, certificate.Equal) {
				continue
			}
			if len(certificates) == MaxCertificates {
				return nil, invalid("it has more than %d signing certificates", MaxCertificates)
			}
			certificates = append(certificates, certificate)
		}
	}
	return certificates, nil
}

func parseCertificate(encoded string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(bareBase64(encoded))
	if err != nil {
		return nil, invalid("a signing certificate is not base64: %v", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, invalid("a signing certificate cannot be read: %v", err)
	}
	return certificate, nil
}

// bareBase64 drops line breaks, indentation, and the PEM armour that some products leave in.
func bareBase64(encoded string) string {
	encoded = strings.ReplaceAll(encoded, "-----BEGIN CERTIFICATE-----", "")
	encoded = strings.ReplaceAll(encoded, "-----END CERTIFICATE-----", "")
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, encoded)
}
