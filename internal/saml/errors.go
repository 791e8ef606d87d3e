// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/guard"
)

// The kinds of failure, to be told apart with errors.Is. No error quotes more of a URL
// than its host, because the rest may be a secret.
var (
	// ErrInvalid: the document is not the SAML metadata of one identity provider.
	ErrInvalid = errors.New("the SAML metadata is invalid")
	// ErrTooLarge: the document is longer than MaxDocument.
	ErrTooLarge = fmt.Errorf("the metadata is larger than %d KiB", MaxDocument>>10)
	// ErrForbidden: the URL, or an address behind it, must not be asked.
	ErrForbidden = errors.New("the metadata URL is not allowed")
	// ErrSignature: no pinned key has signed the whole document.
	ErrSignature = errors.New("the SAML metadata is not signed as spec.signOn.saml.metadata.signedBy asks for")
	// ErrUnreachable: no usable answer came; one may come later.
	ErrUnreachable = errors.New("the metadata cannot be fetched")
)

// maxDetail bounds what an error repeats of what others wrote, in characters.
const maxDetail = 512

// Reason is the reason of the SSOConfigured condition for an error of Parse or Fetch.
func Reason(err error) string {
	switch {
	case errors.Is(err, ErrForbidden):
		return v1alpha1.ReasonMetadataURLForbidden
	case errors.Is(err, ErrUnreachable):
		return v1alpha1.ReasonMetadataUnreachable
	case errors.Is(err, ErrSignature):
		return v1alpha1.ReasonMetadataSignatureInvalid
	default:
		return v1alpha1.ReasonMetadataInvalid
	}
}

// failure is every error of this package: one of the kinds above, what happened in words
// that do not change from one attempt to the next, and what caused it where something did.
type failure struct {
	kind   error
	detail string
	cause  error
}

func (f *failure) Error() string { return f.kind.Error() + ": " + f.detail }

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func fail(kind error, format string, args ...any) *failure {
	return &failure{kind: kind, detail: bounded(fmt.Sprintf(format, args...), maxDetail)}
}

// bounded returns valid text of at most so many characters, with an ellipsis where it was cut.
func bounded(text string, characters int) string {
	valid := []rune(strings.ToValidUTF8(text, "�"))
	if len(valid) > characters {
		valid = append(valid[:characters], '…')
	}
	return string(valid)
}

func (f *failure) causedBy(err error) *failure {
	f.cause = err
	return f
}

func invalid(format string, args ...any) error { return fail(ErrInvalid, format, args...) }

func unsigned(format string, args ...any) error { return fail(ErrSignature, format, args...) }

// requestError gives an error of net/http a kind. It leaves out addresses and ports that
// differ with every attempt.
func requestError(host string, err error) error {
	var (
		own       *failure
		forbidden *guard.Forbidden
		proxy     *guard.ProxyError
		dns       *net.DNSError
		operation *net.OpError
	)
	switch {
	case errors.As(err, &own):
		return fail(own.kind, "%s: %s", host, own.detail)
	case errors.As(err, &forbidden):
		return fail(ErrForbidden, "%s: %s", host, forbidden.Reason)
	case errors.As(err, &proxy):
		return fail(ErrUnreachable, "%s: %s", host, proxy.Error()).causedBy(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(ErrUnreachable, "%s did not answer in time", host).causedBy(err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fail(ErrUnreachable, "%s does not exist in DNS", host).causedBy(err)
	case errors.As(err, &dns):
		return fail(ErrUnreachable, "%s cannot be looked up in DNS", host).causedBy(err)
	case errors.As(err, &operation):
		return fail(ErrUnreachable, "%s: %s: %v", host, operation.Op, operation.Err).causedBy(err)
	default:
		return fail(ErrUnreachable, "%s: %v", host, err).causedBy(err)
	}
}
