// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"scim-operator.io/internal/scim"
)

const (
	// defaultRetryAfter is what a client is asked to wait when the API server did not say.
	defaultRetryAfter = 2 * time.Second
	maxRetryAfter     = 60 * time.Second
)

func unavailable(cause error) *Unavailable {
	after := defaultRetryAfter
	if seconds, ok := apierrors.SuggestsClientDelay(cause); ok && seconds > 0 {
		after = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return &Unavailable{RetryAfter: after, cause: cause}
}

// refused says that the API server answered and did not do what it was asked. Of any
// other error it is not known whether the call was, or still will be, carried out.
func refused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	switch code := status.Status().Code; code {
	case http.StatusRequestTimeout:
		return false
	default:
		return code >= 400 && code < 500 || tooLarge(err)
	}
}

// tooLarge reports whether the object is larger than the API server takes, its etcd client
// sends, or etcd stores.
func tooLarge(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) ||
		strings.Contains(err.Error(), "etcdserver: request is too large") ||
		strings.Contains(err.Error(), "trying to send message larger than max")
}

// answer is what a client of the store is told when a call of the API server failed.
// Errors that are answers already stay as they are.
func (s *Store) answer(err error, k *kind) error {
	var scimError *scim.Error
	var unavailableError *Unavailable
	switch {
	case err == nil, errors.As(err, &scimError), errors.As(err, &unavailableError):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(err)
	case apierrors.IsInvalid(err):
		return invalidValue(err, k)
	case tooLarge(err):
		return scim.NewError(http.StatusRequestEntityTooLarge, "", "the resource has grown larger than the server can store")
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		s.log.Error(withoutName(err), "The API server refuses this server's identity; check its Role, RoleBinding and ServiceAccount")
	}
	return unavailable(err)
}

// withoutName is an error of the API server without the name of the object that it is
// about, which a client may have made up.
func withoutName(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || status.Status().Details.Name == "" {
		return err
	}
	name := strconv.Quote(status.Status().Details.Name)
	return errors.New(strings.ReplaceAll(status.Status().Message, name, `"…"`))
}

// invalidValue names the SCIM attribute that the API server's validation found at fault,
// and the bound that it exceeds.
func invalidValue(err error, k *kind) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if cause.Field == "" {
				continue
			}
			path := k.attributePath(cause.Field)
			if bound := exceeded(cause); bound != "" {
				return &scim.Error{Status: http.StatusBadRequest, ScimType: scim.ScimTypeInvalidValue, Path: path,
					Detail: path + " has more than " + bound}
			}
			return scim.ErrInvalidValue(path, "the value does not have the form that the attribute needs")
		}
	}
	return scim.ErrInvalidValue("", "the resource does not meet the limits of its schema")
}

// apiBound is how the API server words the bound that a value exceeds. It says bytes of
// what its schema counts in characters.
var apiBound = regexp.MustCompile(`: (?:may not be more than|must have at most) (\d{1,9}) [a-z]+$`)

// exceeded is the bound in a cause, such as "1024 characters", or "" when it is about no
// bound. A cause may quote the value, so nothing but the number is taken from it.
func exceeded(cause metav1.StatusCause) string {
	unit := ""
	switch field.ErrorType(cause.Type) {
	case field.ErrorTypeTooLong:
		unit = "characters"
	case field.ErrorTypeTooMany:
		unit = "values"
	default:
		return ""
	}
	if match := apiBound.FindStringSubmatch(cause.Message); match != nil {
		return match[1] + " " + unit
	}
	return "the permitted " + unit
}

// attributePath translates a field of a spec into the path of a SCIM attribute:
// `spec.enterprise.department` and `spec.emails[0].value`.
func (k *kind) attributePath(name string) string {
	path := strings.TrimPrefix(name, "spec.")
	if k.declared != nil {
		path = strings.TrimPrefix(path, "attributes.")
	}
	var plain strings.Builder
	inIndex := false
	for _, r := range path {
		switch {
		case r == '[':
			inIndex = true
		case r == ']':
			inIndex = false
		case !inIndex:
			plain.WriteRune(r)
		}
	}
	path = plain.String()
	for prefix, urn := range specExtensions {
		if rest, ok := strings.CutPrefix(path, prefix+"."); ok {
			return urn + ":" + specNames.Replace(rest)
		}
	}
	return path
}

// specExtensions are the fields of a user's spec that hold an extension.
var specExtensions = map[string]string{
	"enterprise": scim.EnterpriseUserSchema,
	"account":    scim.OperatorUserSchema,
}

// specNames spells the fields of an extension whose names differ in a spec.
var specNames = strings.NewReplacer("organizationIds", "organizationId", "manager.ref", "manager.$ref")
