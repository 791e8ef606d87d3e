// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// settleTimeout bounds completing or removing a resource that was created for others to
// refer to.
const settleTimeout = 10 * time.Second

// bulk carries out many operations (RFC 7644 §3.7), each whole or not at all, one after
// the other in the order of the request, but that a resource is created before what refers
// to it by bulkId.
func (s *Server) bulk(x *exchange) error {
	body, err := x.readBodyUpTo(s.limits.BulkBytes)
	if err != nil {
		return err
	}
	request, err := scim.ParseBulk(body, s.limits.BulkOperations)
	if err != nil {
		return err
	}
	job := newBulkJob(x, request)
	job.run()
	x.operations, x.failed = job.finished, job.failed
	if err := x.r.Context().Err(); err != nil {
		return err // nobody is there to be told
	}
	job.send()
	return nil
}

// bulkJob is one Bulk request under way.
type bulkJob struct {
	server   *Server
	x        *exchange
	maximum  int // of errors; 0 for any number
	tasks    []bulkTask
	creators map[string]*bulkTask // POST operations by bulkId

	incomplete       []*bulkTask // created, and to be undone if others of their circle fail
	finished, failed int
}

// bulkTask is one operation and what became of it.
type bulkTask struct {
	*scim.BulkOperation
	number int // counted from 1
	state  bulkState
	lacks  bool   // it was created without some of what it refers to
	back   bool   // it was there before, and must not be removed
	route  *route // nil when the path is of no resource

	change change // for the audit log

	status   int
	id       string // of the resource, once it is known
	version  string
	location string
	err      *refusal // nil when it succeeded
}

type bulkState uint8

const (
	bulkWaiting bulkState = iota
	bulkUnderWay
	bulkCreated // and not completed, or not known to stay
	bulkDone
)

func newBulkJob(x *exchange, request *scim.BulkRequest) *bulkJob {
	job := &bulkJob{
		server: x.server, x: x, maximum: request.FailOnErrors,
		tasks: make([]bulkTask, len(request.Operations)), creators: make(map[string]*bulkTask),
	}
	for i := range request.Operations {
		task := &job.tasks[i]
		task.BulkOperation, task.number = &request.Operations[i], i+1
		task.Method = strings.ToUpper(task.Method)
		if task.Method == http.MethodPost && task.BulkID != "" {
			job.creators[task.BulkID] = task
		}
	}
	return job
}

func (j *bulkJob) run() {
	for i := range j.tasks {
		if j.stopped() {
			return
		}
		j.perform(&j.tasks[i])
		j.completeAll()
	}
}

// stopped says that the client's number of errors has been reached, or that it has gone.
func (j *bulkJob) stopped() bool {
	return j.maximum > 0 && j.failed >= j.maximum || j.x.r.Context().Err() != nil
}

// perform carries out an operation, after those that create what it refers to.
func (j *bulkJob) perform(task *bulkTask) {
	if task.state != bulkWaiting {
		return
	}
	task.state = bulkUnderWay
	task.change.method, task.change.start = task.Method, time.Now()
	for _, bulkID := range task.References {
		if creator := j.creators[bulkID]; creator != nil {
			j.perform(creator)
		}
		if j.stopped() {
			task.state = bulkWaiting
			return
		}
	}
	if task.Method != http.MethodPost {
		j.completeAll() // it cannot be undone when what it refers to is
	}
	path, data := task.Resolve(j.idOf)
	rt, err := j.target(task, path)
	if unknown := j.check(task); unknown != nil {
		err = unknown
	}
	if err != nil {
		j.fail(task, err)
		return
	}
	j.carryOut(task, rt, data)
}

// check makes sure that what an operation refers to is there, or is under way: then the
// two refer to each other.
func (j *bulkJob) check(task *bulkTask) error {
	for _, bulkID := range task.References {
		creator := j.creators[bulkID]
		switch {
		case creator == nil:
			return errBulkReference()
		case creator.state == bulkDone && creator.err != nil:
			return errBulkDependency()
		}
	}
	return nil
}

// idOf gives the id of the resource that the operation with a bulkId has created.
func (j *bulkJob) idOf(bulkID string) (id string, ok bool) {
	creator := j.creators[bulkID]
	if creator == nil || creator.state < bulkCreated || creator.err != nil {
		return "", false
	}
	return creator.id, true
}

func (j *bulkJob) carryOut(task *bulkTask, rt *scim.ResourceType, data []byte) {
	switch {
	case task.Method == http.MethodPost && task.BulkID == "":
		j.fail(task, errBulkID())
		return
	case data == nil && task.Method != http.MethodDelete:
		j.fail(task, errBulkData(task.Method))
		return
	}
	var resource *store.Resource
	err := j.x.contained(func() (err error) {
		resource, err = j.call(task, rt, data)
		return err
	})
	if err != nil {
		j.fail(task, err)
		return
	}
	status := http.StatusOK
	switch task.Method {
	case http.MethodPost:
		status = http.StatusCreated
		task.id, task.location = resource.ID, j.server.location(rt, resource.ID)
		task.back = resource.Existing
	case http.MethodDelete:
		status = http.StatusNoContent
	}
	if resource != nil {
		task.version = resource.Version
	}
	if task.Method == http.MethodPost && j.unsettled(task) {
		// It counts as created already for those that refer to it, and is completed when
		// they have been created too.
		task.lacks = j.lacksReferences(task)
		task.state, task.status = bulkCreated, status
		j.incomplete = append(j.incomplete, task)
		return
	}
	j.succeed(task, status)
}

// unsettled says that what an operation refers to may still fail.
func (j *bulkJob) unsettled(task *bulkTask) bool {
	return slices.ContainsFunc(task.References, func(bulkID string) bool { return j.creators[bulkID].state != bulkDone })
}

func (j *bulkJob) lacksReferences(task *bulkTask) bool {
	for _, bulkID := range task.References {
		if _, ok := j.idOf(bulkID); !ok {
			return true
		}
	}
	return false
}

// target finds what an operation is about, by the path of a request of its own. Whatever
// becomes of the operation, its answer has the location: RFC 7644 §3.7 requires it but of a
// POST that fails. There is none while the path names what was not created.
func (j *bulkJob) target(task *bulkTask, path string) (*scim.ResourceType, error) {
	parts, err := j.server.router.ofOperation(path)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 || len(parts) > 2 || j.server.router.types[parts[0]] == nil {
		return nil, errBulkPath("it must be that of a resource type such as /Users, or of one resource")
	}
	t := j.server.router.types[parts[0]]
	task.route, task.change.rt = t.collection, t.ResourceType
	if len(parts) == 2 {
		task.route, task.id = t.resource, parts[1]
		task.change.id = task.id
	}
	switch {
	case task.Method == http.MethodPost:
	case len(parts) == 1:
		task.location = j.server.baseURL + t.Endpoint
	case !scim.IsBulkReference(task.id):
		task.location = j.server.location(t.ResourceType, task.id)
	}
	switch task.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil, errBulkMethod()
	}
	if task.route.methods[task.Method] == nil {
		return nil, errMethod(task.route.allow)
	}
	return t.ResourceType, nil
}

// call carries an operation out; a deletion gives no resource.
func (j *bulkJob) call(task *bulkTask, rt *scim.ResourceType, data []byte) (*store.Resource, error) {
	s, ctx, match := j.server, j.x.ctx, store.NewMatch(task.Version, "")
	switch task.Method {
	case http.MethodPost:
		if j.lacksReferences(task) {
			// What is left out is looked at, too, before anything is done.
			if _, err := rt.Parse(task.Data); err != nil {
				return nil, err
			}
		}
		return s.createResource(ctx, rt, data, &task.change)
	case http.MethodPut:
		return s.replaceResource(ctx, rt, task.id, match, data, &task.change)
	case http.MethodPatch:
		return s.patchResource(ctx, rt, task.id, match, data, &task.change)
	default:
		return nil, s.deleteResource(ctx, rt, task.id, match, &task.change)
	}
}

// completeAll gives resources that refer to each other what they were created without.
// When that fails for one, all are undone that refer to it, so that no id dangles.
func (j *bulkJob) completeAll() {
	waiting := j.incomplete
	j.incomplete = nil
	failed := make(map[*bulkTask]error)
	for _, task := range waiting {
		if !task.lacks {
			continue
		}
		if err := j.x.contained(func() error { return j.complete(task) }); err != nil {
			failed[task] = err
		}
	}
	j.spread(failed, waiting)
	for _, task := range waiting {
		if err := failed[task]; err != nil {
			j.undo(task, err)
		} else {
			j.succeed(task, task.status)
		}
	}
}

// spread lets those fail that refer to one that failed, directly or through others.
func (j *bulkJob) spread(failed map[*bulkTask]error, among []*bulkTask) {
	referring := make(map[*bulkTask][]*bulkTask)
	for _, task := range among {
		for _, bulkID := range task.References {
			creator := j.creators[bulkID]
			referring[creator] = append(referring[creator], task)
		}
	}
	next := slices.Collect(maps.Keys(failed))
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		for _, task := range referring[at] {
			if failed[task] == nil {
				failed[task] = errBulkDependency()
				next = append(next, task)
			}
		}
	}
}

// settleContext is for what must not be left half done because the request has run out of
// time.
func (j *bulkJob) settleContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(j.x.ctx), settleTimeout)
}

// complete adds what an operation refers to. To add to what is there, and not to replace
// it, keeps what somebody else may have changed meanwhile.
func (j *bulkJob) complete(task *bulkTask) error {
	if j.lacksReferences(task) {
		return errBulkDependency()
	}
	ctx, cancel := j.settleContext()
	defer cancel()
	_, data := task.Resolve(j.idOf)
	addition := append([]byte(`{"Operations":[{"op":"add","value":`), data...)
	resource, err := j.server.patchResource(ctx, task.route.typ.ResourceType, task.id, store.Match{}, append(addition, `}]}`...), &task.change)
	if err == nil {
		task.version = resource.Version
	}
	return err
}

// undo removes a resource that cannot be completed.
func (j *bulkJob) undo(task *bulkTask, cause error) {
	task.version = ""
	if task.back {
		j.fail(task, errBulkNotUndone(task.location, cause))
		return
	}
	ctx, cancel := j.settleContext()
	defer cancel()
	remove := func() error {
		return j.server.store.Delete(ctx, task.route.typ.ResourceType, task.id, store.Match{})
	}
	if err := j.x.contained(remove); err != nil {
		j.fail(task, errBulkNotUndone(task.location, err))
		return
	}
	task.location, task.change.written = "", false
	j.fail(task, cause)
}
