// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// A walk from position to position comes by everybody who is there all the time exactly
// once, on whichever replica each page is read, while others come and go.
func TestWalksUnderChurn(t *testing.T) {
	w := newWorld(t)
	first, second, _, _ := pair(t, w)
	replicas := []*replica{first, second}

	var passing []string
	staying := map[string]bool{}
	for i := range 60 {
		id := first.user(userBody(fmt.Sprintf("user%03d", (i*37)%60), fmt.Sprintf(`"title":"%d"`, i%3))).ID
		if i%3 == 0 {
			passing = append(passing, id)
		} else {
			staying[id] = true
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var churning sync.WaitGroup
	for n, r := range replicas {
		churning.Go(func() { churn(ctx, r, n, slices.Clone(passing)) })
	}
	defer churning.Wait()
	defer stop()
	rt := first.users.rt
	for name, q := range map[string]Query{
		"everybody":            {},
		"by a filter":          {Filter: first.filter(rt, `userName sw "user"`)},
		"sorted by name":       {Sort: sortBy(t, first, "userName", "")},
		"sorted, descending":   {Sort: sortBy(t, first, "title", "descending")},
		"filtered and sorted":  {Filter: first.filter(rt, `title pr`), Sort: sortBy(t, first, "meta.created", "")},
		"one at a time":        {Count: 1},
		"sorted by an unknown": {Sort: sortBy(t, first, "nickName", "")},
	} {
		q.Type = rt
		if q.Count == 0 {
			q.Count = 7
		}
		requireWalk(t, name, replicas, q, staying)
	}
}

// requireWalk walks and checks who was met.
func requireWalk(t *testing.T, name string, replicas []*replica, q Query, staying map[string]bool) {
	t.Helper()
	met := map[string]int{}
	for n := 0; ; n++ {
		page := replicas[n%len(replicas)].list(q)
		if len(page.Resources) > q.Count || page.Before+len(page.Resources) > page.Total {
			t.Fatalf("%s: a page of %d resources behind %d of %d", name, len(page.Resources), page.Before, page.Total)
		}
		for _, u := range page.Resources {
			met[u.ID]++
		}
		if !page.More() {
			break
		}
		q.After = page.Last
	}
	for id := range staying {
		if met[id] != 1 {
			t.Errorf("%s: a user who was there all the time was met %d times", name, met[id])
		}
	}
	for id, times := range met {
		// Who comes back with another title has changed places.
		if times != 1 && q.Sort == nil {
			t.Errorf("%s: user %s was met %d times", name, id, times)
		}
	}
}

// churn deletes users and creates others until it is stopped.
func churn(ctx context.Context, r *replica, n int, passing []string) {
	for i := 0; ctx.Err() == nil; i++ {
		body := fmt.Sprintf(`{"userName":"user-%d-%03d","title":"%d"}`, n, (i*53)%100, i%3)
		p, err := r.users.rt.Parse([]byte(body))
		if err != nil {
			r.t.Error(err)
			return
		}
		created, err := r.Create(ctx, r.users.rt, p)
		if err == nil && i%2 == 1 {
			passing = append(passing, created.ID)
		}
		if len(passing) > 0 {
			_ = r.Delete(ctx, r.users.rt, passing[0], Match{}) // the other replica may have been faster
			passing = passing[1:]
		}
	}
}

func TestAPositionOutlivesItsResource(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	for i := range 8 {
		r.user(userBody(fmt.Sprintf("user%d", i)))
	}
	for _, q := range []Query{{}, {Sort: sortBy(t, r, "userName", "")}, {Filter: r.filter(r.users.rt, "userName pr")}} {
		q.Type, q.Count = r.users.rt, 2
		first := r.list(q)
		if first.Before != 0 || !first.More() {
			t.Fatalf("the first page is behind %d, more %v", first.Before, first.More())
		}
		q.After = first.Last
		next := r.list(q)
		last := first.Resources[1].ID
		r.delete(r.users.rt, last)
		again := r.list(q)
		if len(again.Resources) != 2 || again.Resources[0].ID != next.Resources[0].ID || again.Before != 1 {
			t.Errorf("behind a deleted resource come %v, %d before", again.Resources, again.Before)
		}
		q.After = &Position{Key: "\xff", Created: 1 << 60}
		if end := r.list(q); len(end.Resources) != 0 || end.More() || end.Last != nil {
			t.Errorf("behind the end there are %d resources", len(end.Resources))
		}
	}
}

// A page that is read after a change tells so, whichever replica reads it and whichever made
// the change.
func TestPagesTellTheOrderInWhichTheyWereRead(t *testing.T) {
	w := newWorld(t)
	first, second, _, _ := pair(t, w)
	var ids []string
	for n := range 4 {
		ids = append(ids, first.user(userBody(fmt.Sprintf("user%d", n))).ID)
	}
	rt := first.users.rt
	replicas := []*replica{first, second, second, first}
	before := first.list(Query{Type: rt, Count: 2}).Revision
	for n, id := range ids {
		replicas[n].delete(rt, id)
		page := replicas[(n+1)%len(replicas)].list(Query{Type: rt, Count: 2})
		if page.Revision <= before {
			t.Errorf("the page after deletion %d is of revision %d, the one before it of %d", n, page.Revision, before)
		}
		before = page.Revision
	}
}
