// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	api "scim-operator.io/api/v1alpha1"
)

// target is a SCIM server that is compared with others.
type target struct {
	process *process
	base    string // path before /Users
	ids     []string
}

const peerSet = "peers"

// posts creates users and gives the rate.
func (t *target) posts(count int) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		first := len(t.ids)
		t.ids = append(t.ids, make([]string, count)...)
		l := &load{
			addresses: []string{t.process.address}, status: http.StatusCreated,
			request: func(b []byte, n int) []byte {
				return appendRequest(b, http.MethodPost, bearer, userBody(peerSet, n), t.base, "/Users")
			},
			answer: func(n int, body []byte) (err error) { t.ids[first+n], err = idOf(body); return err },
		}
		rate, err := l.rateOf(ctx, first, count)
		t.process.forget()
		return rate, err
	}
}

func (t *target) gets(slot time.Duration) func(context.Context) (float64, error) {
	l := &load{addresses: []string{t.process.address}, status: http.StatusOK, request: func(b []byte, n int) []byte {
		return appendRequest(b, http.MethodGet, bearer, nil, t.base, "/Users/", t.ids[scattered(n, len(t.ids))])
	}}
	return (&measured{load: l, process: t.process}).rate(slot)
}

func (t *target) filters(slot time.Duration) func(context.Context) (float64, error) {
	before, after, _ := strings.Cut(filterPath(peerSet, 0), sixDigits(0)+"%40")
	l := &load{addresses: []string{t.process.address}, status: http.StatusOK, request: func(b []byte, n int) []byte {
		return appendRequest(b, http.MethodGet, bearer, nil, t.base, before, sixDigits(scattered(n, len(t.ids))), "%40", after)
	}}
	return (&measured{load: l, process: t.process}).rate(slot)
}

// requireOne makes sure that the filter finds a user, so that all do the same work.
func (t *target) requireOne() error {
	_, answer, err := once(t.process.address, http.MethodGet, t.base+filterPath(peerSet, 1), bearer, "")
	if err == nil && !containsText(answer, userName(peerSet, 1)) {
		err = fmt.Errorf("%s does not find a user: %.300s", t.process.name, answer)
	}
	return err
}

func measurePeers(ctx context.Context, b *bench) ([]row, error) {
	e, err := b.newEndpoint(ctx, peerSet)
	if err != nil {
		return nil, err
	}
	s, err := b.serve(ctx, e, "a")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	ours := &target{process: s.process, base: api.DefaultBasePath}
	var rows []row
	for _, p := range peers {
		them, err := b.startPeer(ctx, p)
		if err == nil {
			var more []row
			more, err = b.comparePeer(ctx, ours, them, p)
			rows = append(rows, more...)
			them.process.stop()
		}
		if missing := (missingError{}); b.short && errors.As(err, &missing) {
			b.say("  left out: %v", err)
		} else if err != nil {
			rows = append(rows, row{what: "reads against a peer", reference: p.title, reach: 4, err: err})
		}
	}
	return rows, ctx.Err()
}

func (b *bench) comparePeer(ctx context.Context, ours, them *target, p peer) ([]row, error) {
	count := max(b.posts/b.runs/4, clients)
	posts, err := b.inTurn(ctx, ours.posts(count), them.posts(count))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ours.requireOne(), them.requireOne()); err != nil {
		return nil, err
	}
	reads, err := b.inTurn(ctx, ours.gets(b.slot), them.gets(b.slot), ours.filters(b.slot), them.filters(b.slot))
	if err != nil {
		return nil, err
	}
	return []row{
		{what: "GET /Users/{id} against a peer", reference: p.title, measured: reads[0], by: reads[1], unit: perSecond, reach: 4},
		{what: "filter by userName against a peer", reference: p.title, measured: reads[2], by: reads[3], unit: perSecond, reach: 4},
		{what: "POST /Users, kept in etcd, against a peer in memory", reference: p.title, measured: posts[0], by: posts[1], unit: perSecond},
	}, nil
}
