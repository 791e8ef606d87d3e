// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// bench is one run of this program.
type bench struct {
	options
	*cluster
	began     time.Time
	work      string
	machine   string
	processes []*process
	rows      []row
	stores    map[string]*filled
}

func (b *bench) prepare(ctx context.Context) (err error) {
	if _, err := os.Stat(b.server); err != nil {
		return fmt.Errorf("the server to measure: %w; `make build` makes it", err)
	}
	if b.profile != "" {
		if b.profile, err = filepath.Abs(b.profile); err != nil {
			return err
		}
		if err := os.MkdirAll(b.profile, 0o750); err != nil {
			return err
		}
	}
	if b.work, err = os.MkdirTemp("", "scim-operator-bench-"); err != nil {
		return err
	}
	b.stores = map[string]*filled{}
	b.say("starting etcd and the API server")
	if b.cluster, err = startCluster(ctx, b.work); err != nil {
		return err
	}
	b.machine = b.describeMachine()
	b.say("%s", b.machine)
	return nil
}

// close ends what was started.
func (b *bench) close() {
	for _, p := range b.processes {
		p.stop()
	}
	if b.cluster != nil {
		if err := b.environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	_ = os.RemoveAll(b.work)
}

// bare starts the bare handler with the answer that a server gives to a path.
func (b *bench) bare(ctx context.Context, s *server, path string) (*process, error) {
	header, body, err := s.call(http.MethodGet, path, "")
	if err != nil {
		return nil, err
	}
	answer := fixedAnswer{Header: header, Body: body}
	for _, itself := range []string{"Date", "Connection", "Transfer-Encoding"} {
		answer.Header.Del(itself) // net/http sets these
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("bare-%d", len(b.processes))
	file := filepath.Join(b.work, name+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := b.start(name, addresses[0], nil, self, "bare", addresses[0], file)
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, 30*time.Second, p.listening); err != nil {
		return nil, errors.Join(err, errors.New("the bare handler"))
	}
	return p, nil
}
