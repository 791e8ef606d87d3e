// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"crypto/rsa"
	"crypto/x509"

	"scim-operator.io/internal/guard"
)

const (
	// MaxSigners is how many certificates may be pinned.
	MaxSigners = 8
	// MaxSignersText is the length of their PEM, in bytes.
	MaxSignersText = 32 << 10
	// minSignerModulus is the least length of the key of a signer, in bits.
	minSignerModulus = 2048
)

// ParseSigners reads the pinned certificates from PEM. They may have expired and need no
// issuer, because only their keys count. The error is ErrSignature.
func ParseSigners(text string) ([]*x509.Certificate, error) {
	if len(text) > MaxSignersText {
		return nil, unsigned("the certificates of signedBy are longer than %d KiB", MaxSignersText>>10)
	}
	signers, err := guard.ParseCertificates(text)
	switch {
	case err != nil:
		return nil, unsigned("the certificates of signedBy: %v", err)
	case len(signers) > MaxSigners:
		return nil, unsigned("signedBy has more than %d certificates; remove the old ones", MaxSigners)
	}
	for i, signer := range signers {
		key, isRSA := signer.PublicKey.(*rsa.PublicKey)
		if !isRSA || key.N.BitLen() < minSignerModulus || key.N.BitLen() > maxCheckedModulus {
			return nil, unsigned("the key of certificate %d of signedBy is not an RSA key of %d to %d bits", i+1, minSignerModulus, maxCheckedModulus)
		}
	}
	return signers, nil
}
