// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"scim-operator.io/internal/scim"
)

func (j *bulkJob) succeed(task *bulkTask, status int) {
	task.status = status
	j.finish(task)
}

func (j *bulkJob) fail(task *bulkTask, err error) {
	task.err = asRefusal(err)
	task.status = task.err.scim.Status
	j.failed++
	j.finish(task)
}

// finish ends an operation. Each has a line in the log, as a request of its own would
// have.
func (j *bulkJob) finish(task *bulkTask) {
	task.state = bulkDone
	j.finished++
	pattern := "other"
	if task.route != nil {
		pattern = task.route.pattern
	}
	method := methodLabel(task.Method)
	j.server.metrics.bulk.WithLabelValues(method, pattern, strconv.Itoa(task.status)).Inc()
	j.server.audit.operation(j.x, task)
	if task.err != nil {
		task.change.refusal = task.err.scim
	}
	j.server.note(&task.change)
	if !j.server.access.log.Enabled() {
		return
	}
	fields := []any{"requestID", j.x.requestID, "tokenID", j.x.tokenID, "operation", task.number,
		"method", method, "route", pattern, "status", task.status}
	madeUp := task.id
	if id := task.change.loggedID(j.server); id != "" {
		madeUp = ""
		fields = append(fields, "id", id)
	}
	if task.err != nil {
		if task.err.scim.ScimType != "" {
			fields = append(fields, "scimType", task.err.scim.ScimType)
		}
		if attribute := j.server.loggedAttribute(task.change.rt, task.err.scim.Path); attribute != "" {
			fields = append(fields, "attribute", attribute)
		}
		if task.err.cause != nil {
			fields = append(fields, "cause", causeText(task.err.cause, madeUp))
		}
	}
	j.server.access.log.Info("bulk operation", fields...)
}

// bulkAnswer is one operation of a BulkResponse (RFC 7644 §3.7).
type bulkAnswer struct {
	Method   string          `json:"method"`
	BulkID   string          `json:"bulkId,omitempty"`
	Version  string          `json:"version,omitempty"`
	Location string          `json:"location,omitempty"`
	Status   string          `json:"status"`
	Response json.RawMessage `json:"response,omitempty"`
}

// send answers with the operations that were carried out or refused, in the order of the
// request.
func (j *bulkJob) send() {
	b := j.x.newBody(http.StatusOK)
	b.text(`{"schemas":["` + scim.BulkResponseSchema + `"],"Operations":[`)
	first := true
	for i := range j.tasks {
		if j.tasks[i].state != bulkDone {
			continue
		}
		b.separator(first)
		first = false
		b.document(j.answer(&j.tasks[i]))
		b.spill()
	}
	b.text(`]}`)
	b.end()
}

func (j *bulkJob) answer(task *bulkTask) []byte {
	a := bulkAnswer{
		Method: task.Method, BulkID: task.BulkID, Version: task.version,
		Location: task.location, Status: strconv.Itoa(task.status),
	}
	if task.err != nil {
		a.Response = errorBody(task.err, j.x.requestID)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(a) // nothing in it cannot be encoded
	return bytes.TrimSpace(out.Bytes())
}
