// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureStart measures how long a replica takes to be ready, and its memory.
func measureStart(ctx context.Context, b *bench) ([]row, error) {
	f, err := b.filledWith(ctx, b.users)
	if err != nil {
		return nil, err
	}
	d, err := newDirect(f.endpoint)
	if err != nil {
		return nil, err
	}
	starting := func(ctx context.Context) (float64, error) {
		start := time.Now()
		s, err := b.serve(ctx, f.endpoint, "b")
		took := time.Since(start)
		if err != nil {
			return 0, err
		}
		defer s.stop()
		return took.Seconds(), f.complete(s)
	}
	listing := func(ctx context.Context) (float64, error) {
		start := time.Now()
		users, err := d.list(ctx)
		took := time.Since(start)
		if err == nil && len(users.Items) != b.users {
			err = fmt.Errorf("%d of %d users listed", len(users.Items), b.users)
		}
		return took.Seconds(), err
	}
	// The replica that has served while the endpoint was filled stands aside.
	f.server.stop()
	times, err := b.inTurn(ctx, starting, listing)
	if err != nil {
		return nil, err
	}
	rows := []row{{what: "start to ready at " + grouped(int64(b.users)), reference: "client-go listing the same users",
		measured: times[0], by: times[1], unit: seconds, reach: 2, atMost: true}}
	memory, err := b.measureMemory(ctx, f)
	return append(rows, memory...), err
}

// measureMemory compares a replica that has the users with one that has none. It leaves
// the endpoint with a replica again.
func (b *bench) measureMemory(ctx context.Context, f *filled) ([]row, error) {
	none, err := b.newEndpoint(ctx, "empty")
	if err != nil {
		return nil, err
	}
	empty, err := b.serve(ctx, none, "a")
	if err != nil {
		return nil, err
	}
	defer empty.stop()
	if f.server, err = b.serve(ctx, f.endpoint, "a"); err != nil {
		return nil, err
	}
	before, err := b.settledMemory(ctx, empty, fixed("/Users", empty.address))
	if err != nil {
		return nil, err
	}
	after, err := b.settledMemory(ctx, f.server, f.gets(f.server.address))
	if err != nil {
		return nil, err
	}
	per := func(a, b float64, users int) float64 { return (a - b) / 1024 / float64(users) }
	resident, live := per(after.resident, before.resident, b.users), per(after.live, before.live, b.users)
	return []row{
		{what: "memory: resident", measured: resident, unit: kibPerUser, reach: 4, atMost: true,
			note: fmt.Sprintf("%.0f MiB with %s users and %.0f MiB with none, after reads for %v",
				after.resident/(1<<20), grouped(int64(b.users)), before.resident/(1<<20), settle)},
		{what: "memory: live on the heap", measured: live, unit: kibPerUser, reach: 4, atMost: true,
			note: fmt.Sprintf("what garbage collection leaves: %.0f MiB and %.0f MiB", after.live/(1<<20), before.live/(1<<20))},
	}, nil
}

// settle is how long a replica serves reads before its memory is looked at: what reading
// the directory needed at the start has then been given back.
const settle = 15 * time.Second

type memory struct{ resident, live float64 }

func (b *bench) settledMemory(ctx context.Context, s *server, reads *load) (m memory, err error) {
	d := settle
	if b.short {
		d /= 5
	}
	if err := s.collected(ctx, reads, d); err != nil {
		return m, err
	}
	s.forget()
	if m.resident, err = s.resident(); err != nil {
		return m, err
	}
	// The collector begins anew when the heap has doubled, as GOGC is not set.
	next, err := s.metric("go_memstats_next_gc_bytes")
	percent, gogcErr := s.metric("go_gc_gogc_percent")
	m.live = next / (1 + percent/100)
	return m, errors.Join(err, gogcErr)
}

// collected reads for a time at least, and until garbage has been collected twice: what
// the first collection finds under way stays until the second.
func (s *server) collected(ctx context.Context, reads *load, d time.Duration) error {
	const name = "go_gc_duration_seconds_count"
	first, err := s.metric(name)
	for count, end := first, time.Now().Add(patience); err == nil && count < first+2; {
		if time.Now().After(end) {
			return fmt.Errorf("garbage is not collected in %v of reads", patience)
		}
		if _, err = reads.rate(ctx, d); err == nil {
			count, err = s.metric(name)
		}
	}
	return err
}
