// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/zap"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// UserNames says how the audit log names users.
type UserNames uint8

const (
	// UserNamesOmitted leaves names out.
	UserNamesOmitted UserNames = iota
	// UserNamesHashed writes a keyed hash.
	UserNamesHashed
	// UserNamesPlain writes them as they are.
	UserNamesPlain
)

// AuditSettings are what the administrator says about the audit log while it is written.
type AuditSettings interface {
	// Provider is the IdentityProvider that the endpoint belongs to, "" for none.
	Provider() string
	// UserNames says how users are named.
	UserNames() UserNames
	// NameKey is the key of hashes of names, and what tells it from others; false when
	// there is none.
	NameKey() (id string, key [32]byte, ok bool)
}

// Audit configures the audit log. Without Settings there is none.
type Audit struct {
	Log                 logr.Logger
	Namespace, Endpoint string
	Settings            AuditSettings
}

const (
	outcomeSuccess = "success"
	outcomeRefused = "refused"
	outcomeFailed  = "failed"

	// maxAuditAttributes bounds the attributes that a line names.
	maxAuditAttributes = 100
)

// auditLog writes a line for each change and for each refusal of one. docs/audit.md says
// what is in it: never a value that a request had, but for the userName where the
// administrator wants it.
type auditLog struct {
	lines               fieldLog
	namespace, endpoint string
	settings            AuditSettings // nil when nothing is written
}

func newAuditLog(a Audit) auditLog {
	return auditLog{lines: newFieldLog(a.Log), namespace: a.Namespace, endpoint: a.Endpoint, settings: a.Settings}
}

// change is what a request, or an operation of Bulk, wants to change, and what is noted
// about it on the way.
type change struct {
	method     string
	rt         *scim.ResourceType
	id         string          // of the resource, "" while there is none
	userName   string          // that a creation asked for
	resource   *store.Resource // what the resource has become, or was before it was deleted
	attributes []string        // that have changed
	ignored    scim.Ignored    // what the request names and no schema has, where that is ignored
	written    bool            // something has changed
	returned   bool            // a creation has given a user an earlier record back
	refusal    *scim.Error     // nil when it succeeded
	start      time.Time       // of an operation of Bulk
}

// isChange says whether a request is made to change something.
func isChange(method string, r *route) bool {
	switch method {
	case http.MethodPost:
		return !strings.HasSuffix(r.pattern, searchSegment)
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	default:
		return false
	}
}

// noting gives a mutation that says which attributes it changes. It may run several times,
// while others wait for it or do not any more: what it says holds once the update has
// succeeded.
func noting(mutate store.Mutate, attributes *[]string) store.Mutate {
	return func(current *scim.Object, members *scim.Members) (*scim.Object, bool, error) {
		result, changed, err := mutate(current, members)
		if err == nil && changed {
			paths := scim.ChangedPaths(current, result)
			if members != nil && members.Changed() {
				paths = append(paths, "members")
			}
			*attributes = paths
		}
		return result, changed, err
	}
}

func (c *change) created(r *store.Resource, p *scim.Parsed) {
	c.id, c.resource, c.written, c.returned = r.ID, r, true, r.Returned
	c.attributes = scim.ChangedPaths(nil, p.Object)
	if len(p.Members) > 0 {
		c.attributes = append(c.attributes, "members")
	}
}

// updated may be called twice: what was created with Bulk may be completed later.
func (c *change) updated(r *store.Resource, changed bool, attributes []string) {
	c.resource = r
	if changed {
		c.written = true
		c.attributes = append(c.attributes, attributes...)
	}
}

func (c *change) deleted(before *store.Resource) { c.resource, c.written = before, true }

// userAttribute is an attribute that users have and other resources do not.
type userAttribute struct {
	user *scim.ResourceType
	attr *scim.Attribute
}

func (a userAttribute) of(rt *scim.ResourceType, o *scim.Object) string {
	if rt != a.user {
		return ""
	}
	return o.Text(a.attr)
}

func (a userAttribute) ofResource(r *store.Resource) string {
	if r == nil || r.Type != a.user {
		return ""
	}
	return r.Text(a.attr)
}

// auditLine is what a line says beyond what the log knows by itself.
type auditLine struct {
	message   string
	x         *exchange
	change    *change // nil for an authentication
	method    string
	operation int // of Bulk, from 1; 0 for a request of its own
	status    int
	scimType  string
	start     time.Time
}

// request writes the line of a request, if it is to have one.
func (a *auditLog) request(x *exchange) {
	if a.settings == nil || x.change == nil && !x.unauthenticated {
		return
	}
	line := auditLine{message: "change", x: x, change: x.change, method: x.r.Method, status: x.status, scimType: x.scimType, start: x.start}
	switch {
	case x.unauthenticated:
		line.message, line.change = "authentication", nil
	case x.status < http.StatusBadRequest && !x.change.written && x.change.ignored.None():
		return // nothing has changed, or Bulk, whose operations have lines of their own
	}
	a.write(&line)
}

// operation writes the line of an operation of Bulk, if it is to have one.
func (a *auditLog) operation(x *exchange, task *bulkTask) {
	if a.settings == nil || task.err == nil && !task.change.written && task.change.ignored.None() {
		return
	}
	line := auditLine{message: "change", x: x, change: &task.change, method: task.Method, operation: task.number,
		status: task.status, start: task.change.start}
	if task.err != nil {
		line.scimType = task.err.scim.ScimType
	}
	a.write(&line)
}

func (a *auditLog) write(line *auditLine) {
	list := fieldLists.Get().(*[]zap.Field)
	fields := a.fields((*list)[:0], line)
	a.lines.info(line.message, fields)
	clear(fields)
	*list = fields[:0]
	fieldLists.Put(list)
}

func (a *auditLog) fields(fields []zap.Field, line *auditLine) []zap.Field {
	x := line.x
	fields = append(fields,
		zap.String("requestID", x.requestID),
		zap.String("namespace", a.namespace),
		zap.String("endpoint", a.endpoint))
	fields = withText(fields, "provider", a.settings.Provider())
	fields = withText(fields, "tokenID", x.tokenID)
	if client := x.server.clientAddress(x.r); client.IsValid() {
		fields = append(fields, zap.String("client", client.String()))
	}
	fields = append(fields, zap.String("method", methodLabel(line.method)))
	if line.operation > 0 {
		fields = append(fields, zap.Int("operation", line.operation))
	}
	if line.change != nil {
		fields = a.changeFields(fields, x.server, line.change)
	}
	fields = append(fields, zap.String("outcome", auditOutcome(line.status)), zap.Int("status", line.status))
	fields = withText(fields, "scimType", line.scimType)
	return append(fields, zap.Float64("durationMs", float64(time.Since(line.start).Microseconds())/1000))
}

func (a *auditLog) changeFields(fields []zap.Field, s *Server, c *change) []zap.Field {
	if c.rt != nil {
		fields = append(fields, zap.String("resourceType", c.rt.Name))
	}
	fields = withText(fields, "resourceID", c.loggedID(s))
	if c.returned {
		fields = append(fields, zap.Bool("returned", true))
	}
	fields = a.withUserName(fields, s.userNameOf(c))
	named := c.attributes
	if !c.written {
		named = nil
	}
	if len(named) > maxAuditAttributes {
		fields = append(fields, zap.Int("moreAttributes", len(named)-maxAuditAttributes))
		named = named[:maxAuditAttributes]
	}
	if len(named) > 0 {
		fields = append(fields, zap.Strings("attributes", named))
	}
	if len(c.ignored.Names) > 0 {
		fields = append(fields, zap.Strings("ignoredAttributes", c.ignored.Names))
	}
	if c.ignored.More {
		fields = append(fields, zap.Bool("moreIgnoredAttributes", true))
	}
	return fields
}

// userNameOf is the userName of the user whom a change is about.
func (s *Server) userNameOf(c *change) string {
	switch {
	case s.audit.settings.UserNames() == UserNamesOmitted || c.rt != s.userName.user:
		return ""
	case c.resource != nil:
		return s.userName.ofResource(c.resource)
	case c.id != "":
		return s.userName.ofResource(s.store.Known(c.rt, c.id))
	default:
		return c.userName
	}
}

// withUserName names the user, as the administrator wants it. Names that are compared as
// one have one hash.
func (a *auditLog) withUserName(fields []zap.Field, name string) []zap.Field {
	if name == "" {
		return fields
	}
	switch a.settings.UserNames() {
	case UserNamesPlain:
		return append(fields, zap.String("userName", name))
	case UserNamesHashed:
		id, key, ok := a.settings.NameKey()
		if !ok {
			return fields
		}
		mac := hmac.New(sha256.New, key[:])
		_, _ = mac.Write([]byte(scim.FoldName(name))) // it never fails
		return append(fields, zap.String("userNameHash", id+":"+hex.EncodeToString(mac.Sum(nil)[:16])))
	default:
		return fields
	}
}

func auditOutcome(status int) string {
	switch {
	case status < http.StatusBadRequest:
		return outcomeSuccess
	case status < statusClientGone:
		return outcomeRefused
	default:
		return outcomeFailed
	}
}
