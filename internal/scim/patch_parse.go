// SPDX-License-Identifier: Apache-2.0

package scim

import "strings"

// PatchOption changes how a PATCH is read.
type PatchOption func(*patchCompiler)

// IgnoreUnknown passes over operations whose path names an attribute or a schema that the
// resource type does not have. Without it such a PATCH is 400 invalidPath.
func IgnoreUnknown() PatchOption {
	return func(c *patchCompiler) { c.ignoreUnknown = true }
}

// ParsePatch reads a PATCH body and checks all that can be checked without the
// resource. Errors are invalidSyntax, invalidPath, invalidFilter, invalidValue,
// noTarget and mutability.
func (rt *ResourceType) ParsePatch(body []byte, options ...PatchOption) (*Patch, error) {
	r, err := newReader(body)
	if err != nil {
		return nil, err
	}
	if r.peek() != '{' {
		return nil, ErrInvalidSyntax("the body must be a JSON object with Operations")
	}
	requests, err := readPatch(&decoder{reader: r})
	if err != nil {
		return nil, err
	}
	c := patchCompiler{rt: rt, ops: make([]operation, 0, len(requests))}
	for _, option := range options {
		option(&c)
	}
	for i, request := range requests {
		c.number = i + 1
		if err := c.compile(request); err != nil {
			if len(requests) > 1 {
				err = inOperation(c.number, err)
			}
			return nil, err
		}
	}
	if c.changes > maxChanges {
		return nil, errTooLarge("Operations", maxChanges, "changes of attributes")
	}
	return &Patch{rt: rt, ops: c.ops, requests: len(requests), ignored: c.ignored}, nil
}

// patchRequest is an operation as it stands in the body. The value is read when
// the path is known, which may come behind it.
type patchRequest struct {
	op, path string
	value    []byte // nil when there is none
}

func readPatch(d *decoder) ([]patchRequest, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	var seen keySet
	var requests []patchRequest
	for {
		name, ok, err := d.key(&seen)
		switch {
		case err != nil:
			return nil, err
		case !ok && len(requests) == 0:
			return nil, ErrInvalidSyntax("Operations: at least one operation is required")
		case !ok:
			return requests, d.end()
		case strings.EqualFold(string(name), "Operations"):
			requests, err = readOperations(d)
		case strings.EqualFold(string(name), "schemas"):
			err = d.checkSchemas()
		default:
			err = d.skip()
		}
		if err != nil {
			return nil, err
		}
	}
}

func readOperations(d *decoder) ([]patchRequest, error) {
	if d.peek() != '[' {
		return nil, ErrInvalidSyntax("Operations: it must be an array of objects, not " + d.kind())
	}
	if err := d.open(); err != nil {
		return nil, err
	}
	var requests []patchRequest
	for {
		if ok, err := d.more(']'); !ok {
			return requests, err
		}
		if len(requests) == maxOperations {
			return nil, errTooLarge("Operations", maxOperations, "operations")
		}
		request, err := readOperation(d)
		if err != nil {
			return nil, inOperation(len(requests)+1, err)
		}
		requests = append(requests, request)
	}
}

func readOperation(d *decoder) (request patchRequest, err error) {
	if d.peek() != '{' {
		return request, ErrInvalidSyntax("it must be an object, not " + d.kind())
	}
	if err := d.open(); err != nil {
		return request, err
	}
	var seen keySet
	for {
		name, ok, err := d.key(&seen)
		switch {
		case !ok:
			return request, err
		case strings.EqualFold(string(name), "op"):
			request.op, err = d.textField("op")
		case strings.EqualFold(string(name), "path"):
			request.path, err = d.textField("path")
		case strings.EqualFold(string(name), "value"):
			request.value, err = d.raw()
		default:
			err = d.skip()
		}
		if err != nil {
			return request, err
		}
	}
}

// textField reads a string of an operation; null is none.
func (d *decoder) textField(name string) (string, error) {
	switch d.peek() {
	case 'n':
		return "", d.literal("null")
	case '"':
		return d.text()
	}
	return "", ErrInvalidSyntax(name + ": it must be a string, not " + d.kind())
}
