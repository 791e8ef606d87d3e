// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	api "scim-operator.io/api/v1alpha1"
)

const usersPath = api.DefaultBasePath + "/Users"

// writers is an endpoint that is written to through a replica of it, and another one that
// is written to directly: what is written directly is then not also work for the replica.
type writers struct {
	server *server
	direct *direct
	ids    []string // of the users that were created through the server
}

func (b *bench) newWriters(ctx context.Context, set string) (*writers, error) {
	served, err := b.newEndpoint(ctx, set)
	if err != nil {
		return nil, err
	}
	other, err := b.newEndpoint(ctx, set+"-direct")
	if err != nil {
		return nil, err
	}
	w := &writers{}
	if w.server, err = b.serve(ctx, served, "a"); err != nil {
		return nil, err
	}
	_, answer, err := w.server.call(http.MethodPost, "/Users", string(userBody(set, 0)))
	if err != nil {
		return nil, err
	}
	id, err := idOf(answer)
	if err != nil {
		return nil, err
	}
	w.ids = append(w.ids, id)
	reader, err := newDirect(served)
	if err != nil {
		return nil, err
	}
	if w.direct, err = newDirect(other); err != nil {
		return nil, err
	}
	return w, w.direct.learn(ctx, reader, id)
}

// post creates users through the server and gives the rate.
func (w *writers) post(ctx context.Context, set string, count int) (float64, error) {
	first := len(w.ids)
	w.ids = append(w.ids, make([]string, count)...)
	l := &load{
		addresses: []string{w.server.address}, status: http.StatusCreated,
		request: func(b []byte, n int) []byte {
			return appendRequest(b, http.MethodPost, bearer, userBody(set, n), usersPath)
		},
		answer: func(n int, body []byte) (err error) { w.ids[first+n], err = idOf(body); return err },
	}
	rate, err := l.rateOf(ctx, first, count)
	w.server.forget()
	return rate, err
}

func measurePost(ctx context.Context, b *bench) ([]row, error) {
	w, err := b.newWriters(ctx, "post")
	if err != nil {
		return nil, err
	}
	defer w.server.stop()
	count := b.posts / b.runs
	var cpu float64 // of the server, in seconds
	through := func(ctx context.Context) (rate float64, err error) {
		before := w.server.cpu()
		err = b.profiled(ctx, w.server, "post", func() error { rate, err = w.post(ctx, "post", count); return err })
		cpu += (w.server.cpu() - before).Seconds()
		return rate, err
	}
	directly := func(claimed bool) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			return rateOf(ctx, count, func(ctx context.Context, _ int) error {
				_, err := w.direct.create(ctx, claimed)
				return err
			})
		}
	}
	rates, err := b.inTurn(ctx, through, directly(true), directly(false))
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("the server took %.2f ms of CPU a user", 1000*cpu/float64(count*b.runs))
	return []row{
		{what: "POST /Users", reference: "client-go creating the same users and claims",
			measured: rates[0], by: rates[1], unit: perSecond, reach: 0.90, note: note},
		{what: "POST /Users, against users alone", reference: "client-go creating the same users without claims",
			measured: rates[0], by: rates[2], unit: perSecond, reach: 0.55},
	}, nil
}

func measurePatch(ctx context.Context, b *bench) ([]row, error) {
	w, err := b.newWriters(ctx, "patch")
	if err != nil {
		return nil, err
	}
	defer w.server.stop()
	count := b.posts / b.runs
	if _, err := w.post(ctx, "patch", count); err != nil {
		return nil, err
	}
	for range count {
		w.direct.users = append(w.direct.users, nil)
	}
	if _, err := rateOf(ctx, count, func(ctx context.Context, n int) (err error) {
		w.direct.users[n], err = w.direct.create(ctx, false)
		return err
	}); err != nil {
		return nil, err
	}
	active := true
	through := func(ctx context.Context) (rate float64, err error) {
		active = !active
		body := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` +
			`{"op":"replace","path":"active","value":` + strconv.FormatBool(active) + `}]}`)
		l := &load{addresses: []string{w.server.address}, status: http.StatusOK, request: func(b []byte, n int) []byte {
			return appendRequest(b, http.MethodPatch, bearer, body, usersPath, "/", w.ids[1+n])
		}}
		err = b.profiled(ctx, w.server, "patch", func() error { rate, err = l.rateOf(ctx, 0, count); return err })
		w.server.forget()
		return rate, err
	}
	rates, err := b.inTurn(ctx, through, func(ctx context.Context) (float64, error) {
		return rateOf(ctx, count, w.direct.change)
	})
	if err != nil {
		return nil, err
	}
	if err := w.requireActive(active); err != nil {
		return nil, err
	}
	return []row{{what: "PATCH active", reference: "client-go updating the same users",
		measured: rates[0], by: rates[1], unit: perSecond, reach: 0.90}}, nil
}

// requireActive makes sure that the last change was carried out.
func (w *writers) requireActive(active bool) error {
	_, answer, err := w.server.call(http.MethodGet, "/Users?count=0&filter=active+eq+"+strconv.FormatBool(active), "")
	if err != nil {
		return err
	}
	want := fmt.Sprintf(`"totalResults":%d,`, len(w.ids)-1)
	if active {
		want = fmt.Sprintf(`"totalResults":%d,`, len(w.ids))
	}
	if !containsText(answer, want) {
		return errors.New("not every PATCH had an effect: " + string(answer))
	}
	return nil
}
