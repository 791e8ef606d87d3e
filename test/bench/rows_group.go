// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	api "scim-operator.io/api/v1alpha1"
)

const groupsPath = api.DefaultBasePath + "/Groups"

// memberChunk is how many members are added at once to a group that is to be large.
const memberChunk = 5_000

// crowd is a group.
type crowd struct {
	server *server
	id     string
}

func newCrowd(s *server, name string, members []string) (*crowd, error) {
	_, answer, err := s.call(http.MethodPost, "/Groups", `{"displayName":"`+name+`"}`)
	if err != nil {
		return nil, err
	}
	c := &crowd{server: s}
	if c.id, err = idOf(answer); err != nil {
		return nil, err
	}
	for len(members) > 0 {
		n := min(memberChunk, len(members))
		if _, _, err := s.call(http.MethodPatch, "/Groups/"+c.id, string(addMembers(members[:n]...))); err != nil {
			return nil, err
		}
		members = members[n:]
	}
	return c, nil
}

func addMembers(ids ...string) []byte {
	body := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[`)
	for i, id := range ids {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"value":%q}`, id)
	}
	return append(body, `]}]}`...)
}

// add adds one member and gives the milliseconds that it takes.
func (c *crowd) add(ctx context.Context, id string) (float64, error) {
	l := &load{addresses: []string{c.server.address}, clients: 1, status: http.StatusNoContent, request: func(b []byte, _ int) []byte {
		return appendRequest(b, http.MethodPatch, bearer, addMembers(id), groupsPath, "/", c.id)
	}}
	_, took, err := l.run(ctx, func(n int) bool { return n < 1 })
	return milli(took), err
}

func measureMembers(ctx context.Context, b *bench) ([]row, error) {
	f, err := b.filledWith(ctx, b.users)
	if err != nil {
		return nil, err
	}
	b.say("making a group of %s members", grouped(int64(b.users-100)))
	large, err := newCrowd(f.server, "Everyone", f.ids[:b.users-100])
	if err != nil {
		return nil, err
	}
	one, err := b.measureOneMember(ctx, f, large)
	if err != nil {
		return nil, err
	}
	many, err := b.measureManyMembers(ctx, f)
	return append(one, many...), err
}

func (b *bench) measureOneMember(ctx context.Context, f *filled, large *crowd) ([]row, error) {
	small, err := newCrowd(f.server, "Some", f.ids[:10])
	if err != nil {
		return nil, err
	}
	last := f.ids[b.users-100:]
	next := map[*crowd]int{}
	adding := func(c *crowd) func(context.Context) (float64, error) {
		return times(5, func(ctx context.Context) (float64, error) {
			id := last[next[c]]
			next[c]++
			return c.add(ctx, id)
		})
	}
	took, err := b.inTurn(ctx, adding(large), adding(small))
	if err != nil {
		return nil, err
	}
	written, err := b.writtenBy(ctx, f, func() error { _, err := large.add(ctx, last[next[large]]); return err })
	if err != nil {
		return nil, err
	}
	return []row{
		{what: "add one member to a group of " + grouped(int64(b.users)), reference: "to a group of 10",
			measured: took[0], by: took[1], unit: milliseconds, reach: 3, atMost: true},
		{what: "bytes written by it", measured: float64(written) / 1024, unit: "KiB", reach: 256, atMost: true,
			note: "what etcd stores: the group and the slices that the change writes"},
	}, nil
}

// writtenBy gives the bytes of the groups and slices that etcd has got meanwhile.
func (b *bench) writtenBy(ctx context.Context, f *filled, change func() error) (bytes int, err error) {
	var before struct {
		Header struct{ Revision json.Number }
	}
	prefix := []byte("/registry/scim-operator.io/scimgroup")
	end := []byte("/registry/scim-operator.io/scimgrouq") // groups and slices, which sort beside each other
	if err := b.etcd(ctx, "range", map[string]any{"key": prefix, "range_end": end, "count_only": true}, &before); err != nil {
		return 0, err
	}
	if err := change(); err != nil {
		return 0, err
	}
	revision, err := before.Header.Revision.Int64()
	if err != nil {
		return 0, err
	}
	var after struct {
		KVs []kv `json:"kvs"`
	}
	question := map[string]any{"key": prefix, "range_end": end, "min_mod_revision": fmt.Sprint(revision + 1)}
	if err := b.etcd(ctx, "range", question, &after); err != nil {
		return 0, err
	}
	for _, found := range after.KVs {
		if strings.Contains(string(found.Key), "/"+f.Namespace+"/") {
			bytes += len(found.Value)
		}
	}
	if bytes == 0 {
		err = errors.New("etcd shows no write")
	}
	return bytes, err
}

// together is how many members are added at once.
const together = 64

func (b *bench) measureManyMembers(ctx context.Context, f *filled) ([]row, error) {
	made := 0
	group := func() (*crowd, error) {
		made++
		return newCrowd(f.server, fmt.Sprintf("Together %d", made), nil)
	}
	each := func(ctx context.Context) (float64, error) {
		c, err := group()
		if err != nil {
			return 0, err
		}
		l := &load{addresses: []string{f.server.address}, clients: together, status: http.StatusNoContent, request: func(b []byte, n int) []byte {
			return appendRequest(b, http.MethodPatch, bearer, addMembers(f.ids[n]), groupsPath, "/", c.id)
		}}
		_, took, err := l.run(ctx, func(n int) bool { return n < together })
		return milli(took), errors.Join(err, c.requireMembers(f.ids[:together]))
	}
	all := func(ctx context.Context) (float64, error) {
		c, err := group()
		if err != nil {
			return 0, err
		}
		l := &load{addresses: []string{f.server.address}, clients: 1, status: http.StatusNoContent, request: func(b []byte, _ int) []byte {
			return appendRequest(b, http.MethodPatch, bearer, addMembers(f.ids[:together]...), groupsPath, "/", c.id)
		}}
		start := time.Now()
		_, _, err = l.run(ctx, func(n int) bool { return n < 1 })
		return milli(time.Since(start)), errors.Join(err, c.requireMembers(f.ids[:together]))
	}
	took, err := b.inTurn(ctx, times(3, each), times(3, all))
	if err != nil {
		return nil, err
	}
	return []row{{what: "64 clients adding one member each", reference: "one client adding 64 in one PATCH", measured: took[0], by: took[1],
		unit: milliseconds, reach: 4, atMost: true, note: "every member was there afterwards"}}, nil
}

// requireMembers makes sure that nothing was lost.
func (c *crowd) requireMembers(ids []string) error {
	_, answer, err := c.server.call(http.MethodGet, "/Groups/"+c.id, "")
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !bytes.Contains(answer, []byte(`{"value":"`+id+`"`)) {
			return fmt.Errorf("the member %s was lost", id)
		}
	}
	return nil
}
