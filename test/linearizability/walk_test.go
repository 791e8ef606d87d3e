// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

// listed is a page of a list.
type listed struct {
	TotalResults int
	NextCursor   string
	Resources    []struct{ ID string }
}

func (p *process) page(t *testing.T, query string) listed {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/Users?attributes=id&count=20&"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+string(bearer))
	response, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var page listed
	if err := json.Unmarshal(text, &page); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %.300s", query, response.Status, text)
	}
	return page
}

// churn creates users and deletes them, as fast as it can.
func (p *process) churn(ctx context.Context, t *testing.T, number int) {
	var passing []string
	for i := 0; ctx.Err() == nil; i++ {
		in := input{kind: users, action: create, name: fmt.Sprintf("passing-%d-%d", number, i), person: fmt.Sprintf("%d-%d", number, i), active: "true", mark: "m"}
		a, err := p.send(in.wire("", nil))
		if err != nil || a.verdict != done {
			t.Errorf("creating: %s, %v", a.verdict, err)
			return
		}
		if passing = append(passing, a.resources[0].ID); len(passing) < 10 {
			continue
		}
		in = input{kind: users, action: remove, id: passing[0]}
		if a, err = p.send(in.wire("", nil)); err != nil || a.verdict != done {
			t.Errorf("deleting: %s, %v", a.verdict, err)
			return
		}
		passing = passing[1:]
	}
}

// A walk over the whole directory meets everybody who lives through it exactly once, by
// cursor and by index, whichever replica each page comes from.
func TestWalksOverReplicasUnderChurn(t *testing.T) {
	const staying = 150
	c := newCluster(t, 5, 2, v1alpha1.ConsistencyStrong)
	stay := map[string]bool{}
	for i := range staying {
		in := input{kind: users, action: create, name: fmt.Sprintf("staying-%d", i), person: fmt.Sprint(i), active: "true", mark: "m"}
		a, err := c.replicas[i%2].send(in.wire("", nil))
		if err != nil || a.verdict != done {
			t.Fatalf("creating: %s, %v", a.verdict, err)
		}
		stay[a.resources[0].ID] = true
	}
	ctx, stop := context.WithCancel(t.Context())
	var churning sync.WaitGroup
	defer churning.Wait()
	defer stop()
	for i, p := range []*process{c.replicas[0], c.replicas[1], c.replicas[0], c.replicas[1]} {
		churning.Go(func() { p.churn(ctx, t, i) })
	}
	for _, order := range []string{"", "sortBy=userName&", "filter=" + url.QueryEscape(`nickName eq "m"`) + "&"} {
		met := map[string]int{}
		for cursor, n := "", 0; ; n++ {
			page := c.replicas[n%2].page(t, order+"cursor="+cursor)
			for _, r := range page.Resources {
				met[r.ID]++
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		requireEachOnce(t, "by cursor "+order, stay, met)

		met = map[string]int{}
		for start, total, n := 1, 1, 0; start <= total; n++ {
			page := c.replicas[n%2].page(t, fmt.Sprintf("%sstartIndex=%d", order, start))
			for _, r := range page.Resources {
				met[r.ID]++
			}
			if len(page.Resources) == 0 {
				break
			}
			start, total = start+len(page.Resources), page.TotalResults
		}
		requireEachOnce(t, "by index "+order, stay, met)
	}
}

func requireEachOnce(t *testing.T, how string, stay map[string]bool, met map[string]int) {
	t.Helper()
	for id := range stay {
		if met[id] != 1 {
			t.Errorf("%s: a user who was there all the time was met %d times", how, met[id])
		}
	}
}
