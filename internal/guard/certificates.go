// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// MaxBundle bounds a bundle of CA certificates, in bytes.
const MaxBundle = 64 << 10

// ParseCertificates reads the certificates in a text of PEM. One that cannot be read is an
// error and not left out: otherwise a bundle that was cut off is noticed only when just that
// certificate is needed. The error has nothing of the text in it.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("block %d is not a certificate", len(certificates)+1)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", len(certificates)+1)
		}
		certificates = append(certificates, certificate)
	}
	// pem.Decode passes over what is broken.
	switch begun := strings.Count(text, "-----BEGIN "); {
	case begun > len(certificates):
		return nil, fmt.Errorf("of %d blocks that begin, %d can be read as PEM", begun, len(certificates))
	case len(certificates) == 0:
		return nil, errors.New("there is no certificate in PEM")
	}
	return certificates, nil
}

// RootsWith returns the system's CAs and those of a bundle in PEM, or nil for the system's
// alone when the bundle is empty.
func RootsWith(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil
	}
	if len(bundle) > MaxBundle {
		return nil, fmt.Errorf("it is larger than %d KiB; give only the CAs that the system does not trust already", MaxBundle>>10)
	}
	certificates, err := ParseCertificates(bundle)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's CAs: %w", err)
	}
	for _, certificate := range certificates {
		roots.AddCert(certificate)
	}
	return roots, nil
}
