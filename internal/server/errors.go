// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

const (
	retryWhenBusy     = time.Second
	retryWhenStarting = 2 * time.Second
	retryWhenUnjudged = 10 * time.Second
	retryWhenPaused   = 2 * time.Minute
	// statusClientGone is what the access log says of a request whose client left before
	// the answer. It is never sent.
	statusClientGone = 499
)

// refusal is an answer other than success: a SCIM error, the headers that go with it,
// and for the log the cause that the client is not told.
type refusal struct {
	scim   *scim.Error
	header http.Header // nil when there are none of its own
	cause  error       // nil when the SCIM error says it all
	close  bool        // the connection cannot be used again
}

// Error is the SCIM error in words.
func (r *refusal) Error() string { return r.scim.Error() }

func (r *refusal) with(name string, values ...string) *refusal {
	if r.header == nil {
		r.header = make(http.Header, 1)
	}
	r.header[name] = values
	return r
}

func refuse(status int, scimType, detail string) *refusal {
	return &refusal{scim: scim.NewError(status, scimType, detail)}
}

// errUnauthorized never says what was wrong, unless the client has proved to have a token
// that was good and has expired. Both challenges are made, because some clients send
// credentials only when asked for them.
func errUnauthorized(expiredID string) error {
	detail := "the access token is missing or not valid"
	if expiredID != "" {
		detail = "the access token has expired, or has been replaced by another one; configure the new one"
	}
	return refuse(http.StatusUnauthorized, "", detail).
		with("Www-Authenticate", `Bearer realm="SCIM"`, `Basic realm="SCIM", charset="UTF-8"`)
}

// errTokenUnjudged asks the client to come later: the token may be good.
func errTokenUnjudged(cause error) error {
	return unavailable("the access token cannot be judged at the moment", retryWhenUnjudged, cause)
}

func errTooManyFailures(wait time.Duration) error {
	return refuse(http.StatusTooManyRequests, "",
		"too many requests without a valid access token came from this address; those with one are served").
		with("Retry-After", seconds(wait))
}

func errNoRoute() error {
	return refuse(http.StatusNotFound, "", "there is nothing at this path; the base URL may be wrong")
}

func errNoDocument(resourceType string) error {
	return refuse(http.StatusNotFound, "", "there is no "+resourceType+" of this id")
}

func errMethod(allow string) error {
	return refuse(http.StatusMethodNotAllowed, "", "this path allows "+allow).with("Allow", allow)
}

func errNotImplemented(what string) error {
	return refuse(http.StatusNotImplemented, "", what+" is not supported; see /ServiceProviderConfig")
}

func errMeMissing(user *meUser) error {
	return refuse(http.StatusNotFound, "", "the user whom /Me stands for does not exist; create one with the "+
		user.attribute.Name+" that "+user.namedBy)
}

func errMeAmbiguous(user *meUser) error {
	return refuse(http.StatusNotFound, "", "/Me stands for nobody: several users have the "+
		user.attribute.Name+" that "+user.namedBy)
}

func errMeUnnamed() error {
	return refuse(http.StatusNotFound, "", "/Me stands for nobody: the access token does not name a user")
}

func errDiscoveryFilter() error {
	return refuse(http.StatusForbidden, "", "discovery resources cannot be filtered (RFC 7644 §4)")
}

func errMediaType() error {
	return refuse(http.StatusUnsupportedMediaType, "",
		"the body must be application/scim+json or application/json, without a content encoding").
		with("Accept", mediaType+", application/json")
}

func errBodyTooLarge(limit int64) error {
	r := refuse(http.StatusRequestEntityTooLarge, "",
		fmt.Sprintf("the body is larger than %d bytes; send the change in several requests", limit))
	r.close = true
	return r
}

func errBulkMethod() error {
	return refuse(http.StatusMethodNotAllowed, "", "an operation of Bulk is POST, PUT, PATCH or DELETE")
}

func errBulkPath(reason string) error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidPath, "path: "+reason)
}

func errBulkData(method string) error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidSyntax, "data: "+method+" needs it")
}

// errBulkID is about what RFC 7644 §3.7 requires: without it, a client cannot tell what became
// of an operation.
func errBulkID() error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidSyntax,
		"bulkId: POST needs one, which no other operation of the request has")
}

// errBulkReference says that an operation names a resource that there is not. The bulkId
// is the client's own text and is not repeated.
func errBulkReference() error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidValue,
		"data: it refers to a bulkId that no POST of this request has")
}

func errBulkDependency() error {
	return refuse(http.StatusConflict, "",
		"an operation that this one refers to by bulkId has failed, so nothing was done or all was undone")
}

func errBulkNotUndone(location string, cause error) error {
	r := refuse(http.StatusInternalServerError, "",
		location+" was created without what it refers to by bulkId, which failed, and could not be removed again")
	r.cause = cause
	return r
}

func errURLTooLong(limit int) error {
	return refuse(http.StatusRequestURITooLong, "",
		fmt.Sprintf("the URL is longer than %d bytes; POST the query to .search", limit))
}

func errHeadersTooLarge(limit int) error {
	return refuse(http.StatusRequestHeaderFieldsTooLarge, "",
		fmt.Sprintf("the headers are larger than %d bytes", limit))
}

// errBodyUnread says that the body stopped short: it came too slowly, or was cut.
func errBodyUnread(cause error) error {
	r := refuse(http.StatusBadRequest, scim.ScimTypeInvalidSyntax, "the body ended before it was complete")
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		r = refuse(http.StatusRequestTimeout, "", "the body did not arrive in time")
	}
	r.cause, r.close = cause, true
	return r
}

func errParameter(name, reason string) error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidValue, name+": "+reason)
}

func errQuery() error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidSyntax,
		"the query string is not well-formed: percent-encode the values of its parameters")
}

func errTooManyParameters() error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidSyntax,
		fmt.Sprintf("the query string has more than %d parameters", maxParameters))
}

func errInvalidCursor() error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidCursor,
		"cursor: it does not belong to this query; repeat the query that it came with, or begin anew with an empty cursor")
}

func errCursorAndIndex() error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidCursor, "cursor: it cannot be combined with startIndex")
}

func errNoCursorKey() error {
	return unavailable("the server has no key for cursors yet", retryWhenStarting, nil)
}

func errExpiredCursor(timeout time.Duration) error {
	return refuse(http.StatusBadRequest, scim.ScimTypeExpiredCursor,
		fmt.Sprintf("cursor: it is older than %v; begin anew with an empty cursor", timeout))
}

func errInvalidCount(limit int) error {
	return refuse(http.StatusBadRequest, scim.ScimTypeInvalidCount,
		fmt.Sprintf("count: with a cursor it is an integer, from 1 behind the first page; at most %d resources are returned", limit))
}

func errBusy() error {
	return unavailable("too many requests are being served at once", retryWhenBusy, nil)
}

func errBodiesTooLarge() error {
	return unavailable("too many large requests are being served at once", retryWhenBusy, nil)
}

func errTooManyRequests(perSecond int, wait time.Duration) error {
	return refuse(http.StatusTooManyRequests, "",
		fmt.Sprintf("more than %d requests a second came with this token; nothing was changed, send it again later", perSecond)).
		with("Retry-After", seconds(wait))
}

func errPaused() error {
	return unavailable("provisioning is paused by the administrator; nothing was changed", retryWhenPaused, nil)
}

func errNotServing(cause error) error {
	return unavailable("the server is starting", retryWhenStarting, cause)
}

func errUnacknowledged(cause error) error {
	return unavailable("this server went out of service during the request, which may or may not have had its effect",
		retryWhenStarting, cause)
}

func errPanic() error {
	return refuse(http.StatusInternalServerError, "", "an internal error occurred; nothing more is known here")
}

func unavailable(detail string, retryAfter time.Duration, cause error) *refusal {
	r := refuse(http.StatusServiceUnavailable, "", detail+"; try again later").
		with("Retry-After", seconds(retryAfter))
	r.cause = cause
	return r
}

// seconds is a duration as Retry-After has it.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64(math.Ceil(d.Seconds()))), 10)
}

// asRefusal turns whatever a layer below answered into what the client is told.
func asRefusal(err error) *refusal {
	var (
		own     *refusal
		refused *scim.Error
		later   *store.Unavailable
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &refused):
		return &refusal{scim: refused}
	case errors.As(err, &later):
		return unavailable("the directory cannot be reached at the moment", later.RetryAfter, err)
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("the request took too long", retryWhenBusy, err)
	case errors.Is(err, context.Canceled):
		r := refuse(statusClientGone, "", "the client closed the connection")
		r.cause = err
		return r
	default:
		r := refuse(http.StatusInternalServerError, "", "an internal error occurred")
		r.cause = err
		return r
	}
}
