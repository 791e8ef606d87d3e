// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"scim-operator.io/internal/scim"
)

// panicked is what a panic leaves that happened in a goroutine which serves several
// clients. Each client whose work it was panics with it in its own goroutine, where the
// server answers it.
type panicked struct {
	value any
	stack []byte
}

// contained runs work, and gives its panic if it has one.
func contained(work func()) (p *panicked) {
	defer func() {
		if value := recover(); value != nil {
			p = &panicked{value: value, stack: debug.Stack()}
		}
	}()
	work()
	return nil
}

// again goes on with the panic; nil is none.
func (p *panicked) again() {
	if p != nil {
		panic(p.value)
	}
}

// text describes the panic without a value of a request: by an error of the runtime, or by
// the type of what was thrown.
func (p *panicked) text() string {
	if err, ok := p.value.(runtime.Error); ok {
		return scim.RedactQuoted(err.Error(), nil)
	}
	return fmt.Sprintf("%T", p.value)
}

func (s *Store) logPanic(k *kind, id string, p *panicked) {
	s.log.Error(errors.New("panic: "+p.text()), "A change of a resource panicked", "resource", k.resource, "name", id, "stack", string(p.stack))
}
