// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// BulkRequest is the body of a Bulk request (RFC 7644 §3.7).
type BulkRequest struct {
	FailOnErrors int // how many errors end the job; 0: it goes on whatever fails
	Operations   []BulkOperation
}

// BulkOperation is one operation as it stands in the request. Whether its method and path
// mean anything, and its data, is for whoever carries it out.
type BulkOperation struct {
	Method, Path, BulkID, Version string
	Data                          []byte   // nil when there is none
	References                    []string // the bulkIds that data and path name, each once
}

const (
	maxBulkField = 1024 // bytes of an operation's bulkId, method or version
	// bulkNesting is how deep the data of an operation is in the request: data may be
	// nested as deep as in a request of its own.
	bulkNesting = 3
)

// ParseBulk reads the body of a Bulk request. More operations than the maximum are an
// error of status 413; everything else is invalidSyntax and invalidValue.
func ParseBulk(body []byte, maximum int) (*BulkRequest, error) {
	r, err := newReader(body)
	if err != nil {
		return nil, err
	}
	if r.peek() != '{' {
		return nil, ErrInvalidSyntax("the body must be a JSON object with Operations")
	}
	r.depth = -bulkNesting
	p := &bulkParser{reader: r, maximum: maximum}
	if err := p.request(); err != nil {
		return nil, err
	}
	return &p.result, p.check()
}

type bulkParser struct {
	*reader
	maximum int
	result  BulkRequest
	listed  bool // there are Operations
}

func (p *bulkParser) request() error {
	if err := p.open(); err != nil {
		return err
	}
	var seen keySet
	for {
		name, ok, err := p.key(&seen)
		switch {
		case err != nil:
			return err
		case !ok:
			return p.end()
		case strings.EqualFold(string(name), "Operations"):
			err = p.operations()
		case strings.EqualFold(string(name), "failOnErrors"):
			err = p.failOnErrors()
		case strings.EqualFold(string(name), "schemas"):
			err = (&decoder{reader: p.reader}).checkSchemas()
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

func (p *bulkParser) failOnErrors() error {
	switch p.peek() {
	case 'n':
		return p.literal("null")
	case '"', '{', '[', 't', 'f':
		return ErrInvalidValue("failOnErrors", "it must be a positive integer, not "+p.kind())
	}
	text, err := p.number()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return ErrInvalidValue("failOnErrors", "it must be a positive integer")
	}
	p.result.FailOnErrors = n
	return nil
}

func (p *bulkParser) operations() error {
	if p.peek() != '[' {
		return ErrInvalidSyntax("Operations: it must be an array of objects, not " + p.kind())
	}
	if err := p.open(); err != nil {
		return err
	}
	p.listed = true
	for {
		if ok, err := p.more(']'); !ok {
			return err
		}
		if len(p.result.Operations) == p.maximum {
			return NewError(http.StatusRequestEntityTooLarge, "",
				fmt.Sprintf("the request has more than maxOperations (%d) operations; send them in several requests", p.maximum))
		}
		operation, err := p.operation()
		if err != nil {
			return inOperation(len(p.result.Operations)+1, err)
		}
		p.result.Operations = append(p.result.Operations, operation)
	}
}

func (p *bulkParser) operation() (o BulkOperation, err error) {
	if p.peek() != '{' {
		return o, ErrInvalidSyntax("it must be an object, not " + p.kind())
	}
	if err := p.open(); err != nil {
		return o, err
	}
	var seen keySet
	for {
		name, ok, err := p.key(&seen)
		switch {
		case err != nil:
			return o, err
		case !ok:
			return o, nil
		case strings.EqualFold(string(name), "method"):
			o.Method, err = p.field("method", maxBulkField)
		case strings.EqualFold(string(name), "path"):
			o.Path, err = p.field("path", maxPathBytes)
		case strings.EqualFold(string(name), "bulkId"):
			o.BulkID, err = p.field("bulkId", maxBulkField)
		case strings.EqualFold(string(name), "version"):
			o.Version, err = p.field("version", maxBulkField)
		case strings.EqualFold(string(name), "data"):
			o.Data, err = p.data()
		default:
			err = p.skip()
		}
		if err != nil {
			return o, err
		}
	}
}

func (p *bulkParser) field(name string, limit int) (string, error) {
	text, err := (&decoder{reader: p.reader}).textField(name)
	if err == nil && len(text) > limit {
		return "", errTooLarge(name, limit, "bytes")
	}
	return text, err
}

// data gives what an operation is to do; null is nothing.
func (p *bulkParser) data() ([]byte, error) {
	data, err := p.raw()
	if err != nil || isNull(data) {
		return nil, err
	}
	return data, nil
}

// check makes sure that each bulkId stands for one operation, and finds who refers to it.
func (p *bulkParser) check() error {
	if !p.listed {
		return ErrInvalidSyntax("Operations: they are missing")
	}
	taken := make(map[string]bool, len(p.result.Operations))
	for i := range p.result.Operations {
		id := p.result.Operations[i].BulkID
		if id != "" && taken[id] {
			return inOperation(i+1, ErrInvalidValue("bulkId", "another operation has the same"))
		}
		taken[id] = true
	}
	for i := range p.result.Operations {
		o := &p.result.Operations[i]
		o.References = o.findReferences(taken)
	}
	return nil
}
