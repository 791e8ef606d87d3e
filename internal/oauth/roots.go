// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/x509"

	"scim-operator.io/internal/guard"
)

// CheckCACertificates returns what is wrong with a Policy's CACertificates.
func CheckCACertificates(text string) error {
	_, err := rootsOf(text)
	return err
}

// rootsOf are the certificates in a text of PEM, nil when it is empty.
func rootsOf(text string) (*x509.CertPool, error) {
	if text == "" {
		return nil, nil
	}
	certificates, err := guard.ParseCertificates(text)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	for _, certificate := range certificates {
		roots.AddCert(certificate)
	}
	return roots, nil
}
