// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// CheckCACertificates says what is wrong with a Policy's CACertificates.
func CheckCACertificates(text string) error {
	_, err := rootsOf(text)
	return err
}

// rootsOf are the certificates in a text of PEM, nil for the system's when it is empty. One
// that cannot be read is an error and not left out: of a bundle that was cut off, or pasted
// with other things, nobody would notice before the issuer needs just that certificate. The
// error has nothing of the text in it.
func rootsOf(text string) (*x509.CertPool, error) {
	if text == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	read := 0
	for rest := []byte(text); ; read++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("block %d is not a certificate", read+1)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", read+1)
		}
		roots.AddCert(certificate)
	}
	// pem.Decode passes over what is broken.
	switch begun := strings.Count(text, "-----BEGIN "); {
	case begun > read:
		return nil, fmt.Errorf("of %d blocks that begin, %d can be read as PEM", begun, read)
	case read == 0:
		return nil, errors.New("there is no certificate in PEM")
	}
	return roots, nil
}
