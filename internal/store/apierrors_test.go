// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestWhatTheAPIServerFindsInvalidIsNamedWithoutItsValue(t *testing.T) {
	const secret = "s3cret: may not be more than 7 bytes"
	spec := field.NewPath("spec")
	for _, row := range []struct {
		name  string
		cause *field.Error
		want  string
	}{
		{"a string", field.TooLong(spec.Child("userName"), secret, 1024), "userName has more than 1024 characters"},
		{"a string counted in characters", field.TooLongCharacters(spec.Child("title"), secret, 16384), "title has more than 16384 characters"},
		{"a list", field.TooMany(spec.Child("emails"), 1001, 1000), "emails has more than 1000 values"},
		{"an entry of a list", field.TooLong(spec.Child("emails").Index(3).Child("value"), secret, 16384), "emails.value has more than 16384 characters"},
		{"a string without a bound", field.TooLong(spec.Child("title"), secret, -1), "title has more than the permitted characters"},
		{"a wrong value", field.Invalid(spec.Child("title"), secret, "may not be more than 7 bytes"),
			"title: the value does not have the form that the attribute needs"},
		{"nothing in particular", nil, "request: the resource does not meet the limits of its schema"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var causes field.ErrorList
			if row.cause != nil {
				causes = append(causes, row.cause)
			}
			err := apierrors.NewInvalid(schema.GroupKind{Kind: "ScimUser"}, "id", causes)
			if got := invalidValue(err, &kind{}).Error(); got != "invalidValue: "+row.want {
				t.Errorf("the error is %s, want %s", got, row.want)
			}
		})
	}
}

// An id is the client's own text until somebody has it.
func TestARefusalOfTheAPIServerIsLoggedWithoutNames(t *testing.T) {
	var logged strings.Builder
	s := &Store{log: funcr.New(func(_, args string) { logged.WriteString(args) }, funcr.Options{})}
	cause := apierrors.NewForbidden(schema.GroupResource{Group: "scim-operator.io", Resource: "scimusers"}, "ada.lovelace",
		errors.New(`User "system:serviceaccount:acme:okta-scim" cannot get resource "scimusers"`))
	requireUnavailable(t, s.answer(cause, nil))
	if text := logged.String(); !strings.Contains(text, "okta-scim") || strings.Contains(text, "lovelace") {
		t.Errorf("logged: %s", text)
	}
}
