// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	api "scim-operator.io/api/v1alpha1"
)

func containsText(text []byte, part string) bool { return bytes.Contains(text, []byte(part)) }

// scattered visits every one of count users, neighbours far apart.
func scattered(n, count int) int { return n * 7919 % count }

// gets is a load of GET /Users/{id}, every user in turn.
func (f *filled) gets(addresses ...string) *load {
	return &load{addresses: addresses, status: http.StatusOK, request: func(b []byte, n int) []byte {
		return appendRequest(b, http.MethodGet, bearer, nil, usersPath, "/", f.ids[scattered(n, len(f.ids))])
	}}
}

// filterPath is how identity providers look for a user.
func filterPath(set string, n int) string {
	return "/Users?startIndex=1&count=100&filter=" + url.QueryEscape(`userName eq "`+userName(set, n)+`"`)
}

// filters is a load of filters by userName, every user in turn.
func (f *filled) filters(addresses ...string) *load {
	before, after, _ := strings.Cut(filterPath(f.set, 0), sixDigits(0)+"%40")
	return &load{addresses: addresses, status: http.StatusOK, request: func(b []byte, n int) []byte {
		return appendRequest(b, http.MethodGet, bearer, nil, api.DefaultBasePath, before, sixDigits(scattered(n, len(f.ids))), "%40", after)
	}}
}

// fixed is a load of one path.
func fixed(path string, addresses ...string) *load {
	return &load{addresses: addresses, status: http.StatusOK, request: func(b []byte, _ int) []byte {
		return appendRequest(b, http.MethodGet, bearer, nil, api.DefaultBasePath, path)
	}}
}

// measured is one load that is measured in turn with others, and what it costs the server.
type measured struct {
	load     *load
	process  *process
	cpu      time.Duration
	requests float64
}

func (m *measured) rate(slot time.Duration) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		before := m.process.cpu()
		rate, err := m.load.rate(ctx, slot)
		m.cpu += m.process.cpu() - before
		m.requests += rate * slot.Seconds()
		m.process.forget()
		return rate, err
	}
}

// microseconds are those of CPU that the server took for one request.
func (m *measured) microseconds() float64 { return float64(m.cpu.Microseconds()) / m.requests }

func measureReads(ctx context.Context, b *bench) ([]row, error) {
	large, err := b.filledWith(ctx, b.users)
	if err != nil {
		return nil, err
	}
	small, err := b.filledWith(ctx, b.small)
	if err != nil {
		return nil, err
	}
	filter, err := b.measureRead(ctx, "GET /Users?filter=userName eq …", "filter", 0.60, large, small, filterPath(large.set, 0), (*filled).filters)
	if err != nil {
		return nil, err
	}
	get, err := b.measureRead(ctx, "GET /Users/{id}", "get", 0.65, large, small, "/Users/"+large.ids[0], (*filled).gets)
	return append(filter, get...), err
}

func (b *bench) measureRead(ctx context.Context, what, profile string, reach float64, large, small *filled, path string,
	loadOf func(f *filled, addresses ...string) *load) ([]row, error) {
	bare, err := b.bare(ctx, large.server, path)
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	here := &measured{load: loadOf(large, large.server.address), process: large.server.process}
	there := &measured{load: loadOf(small, small.server.address), process: small.server.process}
	reference := &measured{load: loadOf(large, bare.address), process: bare}
	if err := b.profiled(ctx, large.server, profile, func() error { _, err := here.rate(b.slot)(ctx); return err }); err != nil {
		return nil, err
	}
	rates, err := b.inTurn(ctx, here.rate(b.slot), reference.rate(b.slot), there.rate(b.slot))
	if err != nil {
		return nil, err
	}
	return []row{
		{what: what, reference: "net/http writing the same bytes", measured: rates[0], by: rates[1], unit: perSecond, reach: reach,
			note: fmt.Sprintf("the server took %.1f µs of CPU a request, the reference %.1f µs", here.microseconds(), reference.microseconds())},
		{what: what + " at " + grouped(int64(b.users)), reference: "at " + grouped(int64(b.small)), measured: rates[0], by: rates[2],
			unit: perSecond, reach: 0.90},
	}, nil
}

func measurePages(ctx context.Context, b *bench) ([]row, error) {
	f, err := b.filledWith(ctx, b.users)
	if err != nil {
		return nil, err
	}
	var rows []row
	var measurements []func(context.Context) (float64, error)
	starts := []int{1, b.users / 2, b.users - 99}
	names := []string{"first", "middle", "last"}
	for i, start := range starts {
		path := fmt.Sprintf("/Users?startIndex=%d&count=100", start)
		bare, err := b.bare(ctx, f.server, path)
		if err != nil {
			return nil, err
		}
		defer bare.stop()
		here := &measured{load: fixed(path, f.server.address), process: f.server.process}
		reference := &measured{load: fixed(path, bare.address), process: bare}
		measurements = append(measurements, here.rate(b.slot), reference.rate(b.slot))
		if err := b.profiled(ctx, f.server, "page-"+names[i], func() error { _, err := here.rate(b.slot)(ctx); return err }); err != nil {
			return nil, err
		}
	}
	rates, err := b.inTurn(ctx, measurements...)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		rows = append(rows, row{what: "page of 100, the " + name, reference: "net/http writing the same bytes",
			measured: rates[2*i], by: rates[2*i+1], unit: perSecond, reach: 0.50})
	}
	return append(rows, row{what: "page of 100, the last", reference: "the first page", measured: rates[4], by: rates[0],
		unit: perSecond, reach: 0.90}), nil
}

func measureScan(ctx context.Context, b *bench) ([]row, error) {
	f, err := b.filledWith(ctx, b.users)
	if err != nil {
		return nil, err
	}
	d, err := newDirect(f.endpoint)
	if err != nil {
		return nil, err
	}
	users, err := d.listInParts(ctx)
	if err != nil {
		return nil, err
	}
	needle := strings.ToLower(rare)
	path := "/Users?count=10&filter=" + url.QueryEscape(`title co "`+needle+`"`)
	through := func(context.Context) (float64, error) {
		start := time.Now()
		_, answer, err := f.server.call(http.MethodGet, path, "")
		took := time.Since(start)
		var list struct{ TotalResults int }
		if err == nil {
			err = json.Unmarshal(answer, &list)
		}
		if want := loop(users, needle); err == nil && list.TotalResults != want {
			err = fmt.Errorf("the filter finds %d, the loop %d", list.TotalResults, want)
		}
		return milli(took), err
	}
	directly := func(context.Context) (float64, error) {
		start := time.Now()
		loop(users, needle)
		return milli(time.Since(start)), nil
	}
	if err := b.profiled(ctx, f.server, "scan", func() error {
		_, err := fixed(path, f.server.address).rate(ctx, b.slot)
		return err
	}); err != nil {
		return nil, err
	}
	times, err := b.inTurn(ctx, times(3, through), times(3, directly))
	runtime.KeepAlive(users)
	if err != nil {
		return nil, err
	}
	return []row{{what: `filter without index: title co "…"`, reference: "a Go loop over the same structs", measured: times[0], by: times[1],
		unit: milliseconds, reach: 3, atMost: true, note: "one client; its connection and the answer are in the time"}}, nil
}

// loop is the filter as a person would write it, without regard to case as the filter is.
func loop(users []api.ScimUser, needle string) (found int) {
	for i := range users {
		if strings.Contains(strings.ToLower(users[i].Spec.Title), needle) {
			found++
		}
	}
	return found
}

func milli(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// times gives the median of several measurements in a row.
func times(n int, measure func(context.Context) (float64, error)) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		values := make([]float64, n)
		for i := range values {
			var err error
			if values[i], err = measure(ctx); err != nil {
				return 0, err
			}
		}
		return median(values), nil
	}
}
