// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"errors"
	"unicode"
	"unicode/utf8"

	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/oidc"
	"scim-operator.io/internal/saml"
)

// advice is what a person can do about metadata that is not usable, by what is wrong with it.
// Errors of ErrInvalid and ErrSignature say it themselves.
type advice struct{ unreachable, forbidden, tooLarge string }

// metadataFailure is what an error about metadata means, or nil for any other error. An
// unreachable URL may come back by itself, everything else needs a person.
func metadataFailure(err error, do advice) *outcome.Failure {
	switch {
	case errors.Is(err, saml.ErrUnreachable):
		return outcome.Waiting(saml.Reason(err), "%s %s", sentence(err), do.unreachable)
	case errors.Is(err, saml.ErrForbidden):
		return outcome.Stalled(saml.Reason(err), "%s %s", sentence(err), do.forbidden)
	case errors.Is(err, saml.ErrTooLarge):
		return outcome.Stalled(saml.Reason(err), "%s %s", sentence(err), do.tooLarge)
	case errors.Is(err, saml.ErrInvalid), errors.Is(err, saml.ErrSignature), errors.Is(err, oidc.ErrInvalid):
		return outcome.Stalled(saml.Reason(err), "%s", sentence(err))
	default:
		return nil
	}
}

func sentence(err error) string {
	first, size := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(first)) + err.Error()[size:] + "."
}
