// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The scimType keywords of RFC 7644 §3.12 (table 9) and RFC 9865 §2.1.
const (
	ScimTypeInvalidFilter = "invalidFilter"
	ScimTypeTooMany       = "tooMany"
	ScimTypeUniqueness    = "uniqueness"
	ScimTypeMutability    = "mutability"
	ScimTypeInvalidSyntax = "invalidSyntax"
	ScimTypeInvalidPath   = "invalidPath"
	ScimTypeNoTarget      = "noTarget"
	ScimTypeInvalidValue  = "invalidValue"
	ScimTypeInvalidCursor = "invalidCursor"
	ScimTypeExpiredCursor = "expiredCursor"
	ScimTypeInvalidCount  = "invalidCount"
)

const maxQuotedName = 96 // bytes of a client's name in an error

// Error is a SCIM error response (RFC 7644 §3.12): an HTTP status, a scimType
// keyword where the RFC has one, and a sentence for the administrator who reads
// it in the IdP's log. It never contains a value that the client sent.
type Error struct {
	Status   int
	ScimType string
	Detail   string
	Path     string // the attribute path at fault, "" when there is none
	Holder   string // the id of the resource that has the value, where it is known; clients are not told

	unknown string // the attribute path that the schema does not have, where that is what is wrong
}

// Error gives the detail, led by the scimType.
func (e *Error) Error() string {
	if e.ScimType == "" {
		return e.Detail
	}
	return e.ScimType + ": " + e.Detail
}

// AppendJSON appends the error as the body of a response. The status is a
// string, as RFC 7644 §3.12 has it.
func (e *Error) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"schemas":["`+ErrorSchema+`"]`...)
	if e.ScimType != "" {
		dst = append(dst, `,"scimType":`...)
		dst = appendString(dst, e.ScimType)
	}
	dst = append(dst, `,"detail":`...)
	dst = appendString(dst, e.Detail)
	dst = append(dst, `,"status":"`...)
	dst = strconv.AppendInt(dst, int64(e.Status), 10)
	return append(dst, `"}`...)
}

// NewError makes an error that the constructors of this file do not name.
func NewError(status int, scimType, detail string) *Error {
	return &Error{Status: status, ScimType: scimType, Detail: detail}
}

// ErrNotFound says that no resource of the type has the id.
func ErrNotFound(resourceType, id string) *Error {
	return NewError(http.StatusNotFound, "", fmt.Sprintf("%s %s was not found", resourceType, quoteName(id)))
}

// ErrUniqueness says that the attribute's value belongs to another resource.
func ErrUniqueness(resourceType, path string) *Error {
	return &Error{Status: http.StatusConflict, ScimType: ScimTypeUniqueness, Path: path,
		Detail: fmt.Sprintf("another %s has this %s", resourceType, path)}
}

// ErrInvalidVersion says that the resource is no longer the version the client
// named in If-Match.
func ErrInvalidVersion() *Error {
	return NewError(http.StatusPreconditionFailed, "",
		"the resource has changed since the version named in If-Match; read it again and repeat the change")
}

// ErrInvalidSyntax says that a body is not the JSON it should be.
func ErrInvalidSyntax(detail string) *Error {
	return NewError(http.StatusBadRequest, ScimTypeInvalidSyntax, detail)
}

// ErrInvalidValue says that the value for path is not acceptable.
func ErrInvalidValue(path, reason string) *Error {
	return pathError(ScimTypeInvalidValue, path, reason)
}

// ErrInvalidPath says that a PATCH path is malformed or names nothing.
func ErrInvalidPath(path, reason string) *Error {
	return pathError(ScimTypeInvalidPath, path, reason)
}

// ErrNoTarget says that a PATCH value path matches nothing (RFC 7644 §3.5.2.3).
func ErrNoTarget(path string) *Error {
	return pathError(ScimTypeNoTarget, path, "no value matches the filter of the path")
}

// ErrMutability says that the attribute may not be changed this way.
func ErrMutability(path, reason string) *Error {
	return pathError(ScimTypeMutability, path, reason)
}

func pathError(scimType, path, reason string) *Error {
	return &Error{Status: http.StatusBadRequest, ScimType: scimType, Path: path, Detail: quotePath(path) + ": " + reason}
}

// errFilter says what was expected at a byte offset of a filter, as a column
// counted in characters from 1.
func errFilter(text string, offset int, reason string) *Error {
	column := utf8.RuneCountInString(text[:offset]) + 1
	return NewError(http.StatusBadRequest, ScimTypeInvalidFilter, fmt.Sprintf("column %d: %s", column, reason))
}

func isSyntaxError(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.ScimType == ScimTypeInvalidSyntax
}

func errTooLarge(what string, limit int, unit string) *Error {
	return NewError(http.StatusBadRequest, ScimTypeInvalidValue, fmt.Sprintf("%s: more than %d %s", what, limit, unit))
}

// errTooMuchWork says that a PATCH is too much for one request.
func errTooMuchWork() *Error {
	return NewError(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("Operations: together they look at more than %d "+
		"values or members; nothing was changed; send fewer operations in one request, and name members by their value", maxWork))
}

// inOperation says in which operation of a PATCH an error is, counted from 1.
func inOperation(number int, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	located := *e
	located.Detail = fmt.Sprintf("operation %d: %s", number, e.Detail)
	return &located
}

func quotePath(path string) string {
	if path == "" {
		return "request"
	}
	return truncate(path)
}

// quoteName quotes a name that a client chose, so that an error stays one short
// line whatever was sent.
func quoteName(name string) string {
	return strconv.Quote(truncate(name))
}

func truncate(s string) string {
	if len(s) <= maxQuotedName {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.ToValidUTF8(s[:maxQuotedName], "") + "…"
}
