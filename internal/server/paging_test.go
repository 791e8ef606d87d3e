// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// churned is an endpoint with users who stay and users who come and go.
type churned struct {
	*endpoint
	staying map[string]bool
}

func newChurned(t *testing.T) *churned {
	t.Helper()
	e := serve(t)
	e.people(90)
	c := &churned{endpoint: e, staying: map[string]bool{}}
	var passing []string
	for i, r := range e.store.records {
		if i%3 == 1 {
			c.staying[r.id] = true
		} else {
			passing = append(passing, r.id)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var churning sync.WaitGroup
	churning.Go(func() { c.churn(ctx, passing) })
	t.Cleanup(func() { stop(); churning.Wait() })
	return c
}

// churn deletes a user between any two lists, and creates another.
func (c *churned) churn(ctx context.Context, passing []string) {
	user := c.store.types.User()
	for i := 0; ctx.Err() == nil; i++ {
		parsed, err := user.Parse([]byte(fmt.Sprintf(`{"userName":"new%d","externalId":"%d"}`, i, i)))
		if err != nil {
			c.t.Error(err)
			return
		}
		created, err := c.store.Create(ctx, user, parsed)
		if err != nil {
			c.t.Error(err)
			return
		}
		passing = append(passing, created.ID)
		if err := c.store.Delete(ctx, user, passing[0], store.Match{}); err != nil {
			c.t.Error(err)
		}
		passing = passing[1:]
	}
}

// page gives the ids on a page, and what else it says.
func (c *churned) page(path string) (ids []string, body map[string]any) {
	c.t.Helper()
	a := c.do("GET", path, "")
	if a.status != http.StatusOK {
		c.t.Fatalf("%s: status %d: %s", path, a.status, a.body)
	}
	body = a.json(c.t)
	for _, r := range body["Resources"].([]any) {
		ids = append(ids, r.(map[string]any)["id"].(string))
	}
	return ids, body
}

func (c *churned) require(walked []string) {
	c.t.Helper()
	met := map[string]int{}
	for _, id := range walked {
		met[id]++
	}
	for id := range c.staying {
		if met[id] != 1 {
			c.t.Errorf("a user who was there all the time was met %d times", met[id])
		}
	}
}

// walkByIndex asks for page after page until startIndex has come to the total.
func (c *churned) walkByIndex(query string) (walked []string) {
	c.t.Helper()
	for start := 1; ; {
		ids, body := c.page(fmt.Sprintf("%s&startIndex=%d&count=7", query, start))
		walked = append(walked, ids...)
		start += len(ids)
		if len(ids) == 0 || start > int(body["totalResults"].(float64)) {
			return walked
		}
	}
}

func (c *churned) walkByCursor(query string) (walked []string) {
	c.t.Helper()
	for next := ""; ; {
		ids, body := c.page(query + "&count=7&cursor=" + next)
		walked = append(walked, ids...)
		var more bool
		if next, more = body["nextCursor"].(string); !more {
			return walked
		}
	}
}

func TestWalksUnderChurn(t *testing.T) {
	c := newChurned(t)
	for _, query := range []string{
		"/Users?x", "/Users?filter=userName+pr", "/Users?sortBy=userName", "/Users?sortBy=userName&sortOrder=descending", "/?x",
	} {
		t.Run(query, func(*testing.T) {
			c.require(c.walkByCursor(query))
			c.require(c.walkByIndex(query))
		})
	}
}

func TestIndexWalkOverDeletions(t *testing.T) {
	e := serve(t)
	e.people(10)
	c := &churned{endpoint: e}
	all := make([]string, 0, 10)
	for _, r := range e.store.records {
		all = append(all, r.id)
	}
	if first, _ := c.page("/Users?count=4"); !slices.Equal(first, all[:4]) {
		t.Fatalf("the first page is %v", first)
	}
	for _, gone := range []int{0, 1, 3, 5} {
		if a := e.do("DELETE", "/Users/"+all[gone], ""); a.status != http.StatusNoContent {
			t.Fatalf("status %d", a.status)
		}
	}
	for range 2 { // the answer may be lost and asked for again
		second, body := c.page("/Users?startIndex=5&count=4")
		if !slices.Equal(second, []string{all[4], all[6], all[7], all[8]}) || body["totalResults"] != 9.0 || body["startIndex"] != 5.0 {
			t.Errorf("the second page is %v", body)
		}
	}
	if third, body := c.page("/Users?startIndex=9&count=4"); !slices.Equal(third, all[9:]) || body["totalResults"] != 9.0 {
		t.Errorf("the third page is %v", body)
	}
	// Another query, another size of page, another client: an index is an index.
	for _, path := range []string{"/Users?startIndex=4&count=1", "/Users?startIndex=4&count=1&filter=userName+pr"} {
		if other, body := c.page(path); !slices.Equal(other, []string{all[7]}) || body["totalResults"] != 6.0 {
			t.Errorf("%s is %v", path, body)
		}
	}
	if beyond, body := c.page("/Users?startIndex=100&count=4"); len(beyond) != 0 || body["totalResults"] != 6.0 {
		t.Errorf("behind the end are %v", body)
	}
}

// A walk that begins is not led by what another one left that began before it.
func TestIndexWalkBeginsAnew(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second int // size of the page of the walk that is abandoned, and of the other
	}{{"pages of the same size", 2, 2}, {"the first is small", 1, 2}, {"the first is large", 4, 2}} {
		t.Run(row.name, func(t *testing.T) {
			e := serve(t)
			e.people(6)
			c := &churned{endpoint: e}
			var all []string
			for _, r := range e.store.records {
				all = append(all, r.id)
			}
			c.page(fmt.Sprintf("/Users?count=%d", row.first))
			e.do("DELETE", "/Users/"+all[0], "")
			var walked []string
			for start := 1; ; {
				page, body := c.page(fmt.Sprintf("/Users?count=%d&startIndex=%d", row.second, start))
				walked = append(walked, page...)
				if start += len(page); len(page) == 0 || start > int(body["totalResults"].(float64)) {
					break
				}
			}
			if !slices.Equal(walked, all[1:]) {
				t.Errorf("the walk met %v, want %v", walked, all[1:])
			}
		})
	}
}

// Of two walks that begin with the same page, the one that is further behind misses nobody.
func TestTwoIndexWalksAtATime(t *testing.T) {
	e := serve(t)
	e.people(6)
	c := &churned{endpoint: e}
	var all []string
	for _, r := range e.store.records {
		all = append(all, r.id)
	}
	c.page("/Users?count=2")
	c.page("/Users?count=2")
	e.do("DELETE", "/Users/"+all[0], "")
	for range 2 {
		if next, _ := c.page("/Users?startIndex=3&count=2"); !slices.Equal(next, all[2:4]) {
			t.Errorf("whoever comes first goes on with %v", next)
		}
	}
}

// Behind the last page of a walk there is nobody, whatever an abandoned one left there, and
// whichever replica answers.
func TestLastPageEndsAbandonedWalks(t *testing.T) {
	a, b := twoReplicas(t)
	a.people(2)
	first := a.store.records[0].id
	a.page("/Users?count=1")
	b.page("/Users?count=1")
	a.do("DELETE", "/Users/"+first, "")
	if page, body := b.page("/Users?count=100"); len(page) != 1 || body["totalResults"] != 1.0 {
		t.Errorf("the new walk's page is %v", body)
	}
	for i, next := range []*churned{a, b, a, b} {
		if page, body := next.page("/Users?startIndex=2"); len(page) != 0 || body["totalResults"] != 1.0 {
			t.Errorf("answer %d behind the last page is %v", i, body)
		}
	}
}

// otherReplicas are servers of the same endpoint.
type otherReplicas []*endpoint

func (o otherReplicas) Bookmarks(_ context.Context, page string) (bookmarks []string) {
	for _, e := range o {
		bookmarks = append(bookmarks, e.Bookmark(page))
	}
	return bookmarks
}

// twoReplicas are two servers of one endpoint.
func twoReplicas(t *testing.T) (a, b *churned) {
	t.Helper()
	others := make(otherReplicas, 1)
	first := serve(t, func(c *Config) { c.Peers = others })
	second := serve(t, func(c *Config) { c.Peers, c.Store = otherReplicas{first}, first.store })
	others[0] = second
	return &churned{endpoint: first}, &churned{endpoint: second}
}

func TestIndexWalkOverReplicas(t *testing.T) {
	a, b := twoReplicas(t)
	a.people(12)
	var all []string
	for _, r := range a.store.records {
		all = append(all, r.id)
	}
	a.page("/Users?count=4")
	a.do("DELETE", "/Users/"+all[0], "")
	for range 2 { // the answer may be lost and asked for again
		if second, _ := b.page("/Users?startIndex=5&count=4"); !slices.Equal(second, all[4:8]) {
			t.Errorf("the second page is %v, want %v", second, all[4:8])
		}
	}
	a.do("DELETE", "/Users/"+all[5], "")
	if third, body := a.page("/Users?startIndex=9&count=4"); !slices.Equal(third, all[8:]) || body["totalResults"] != 12.0 {
		t.Errorf("the third page is %v, want %v", body, all[8:])
	}
	// The next walk is not led by what the other replica remembers of the one before.
	b.page("/Users?count=4")
	for _, next := range []*churned{a, b} {
		if second, _ := next.page("/Users?startIndex=5&count=4"); !slices.Equal(second, all[6:10]) {
			t.Errorf("the second page of another walk is %v, want %v", second, all[6:10])
		}
	}
}

// What another replica knows of an abandoned walk does not lead a new one.
func TestIndexWalkBeginsAnewOverReplicas(t *testing.T) {
	a, b := twoReplicas(t)
	a.people(6)
	var all []string
	for _, r := range a.store.records {
		all = append(all, r.id)
	}
	a.page("/Users?count=2")
	a.do("DELETE", "/Users/"+all[0], "")
	b.page("/Users?count=2")
	for i, next := range []*churned{a, b} {
		if page, _ := next.page("/Users?startIndex=3&count=2"); !slices.Equal(page, all[3:5]) {
			t.Errorf("replica %d goes on with %v", i, page)
		}
	}
}

func TestBookmarksTellNothingToOthers(t *testing.T) {
	e := serve(t)
	e.people(4)
	c := &churned{endpoint: e}
	c.page("/Users?count=2&sortBy=userName")
	page := ""
	for key := range e.bookmarks.pages.byKey {
		page = base64.RawURLEncoding.EncodeToString(key[:])
	}
	sealed := e.Bookmark(page)
	if sealed == "" {
		t.Fatal("the next page is not remembered")
	}
	text, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || strings.Contains(string(text), "user1") {
		t.Errorf("a bookmark can be read: %q, %v", text, err)
	}
	if _, ok := e.openBookmark(sealed, bookmarkKey{1}); ok {
		t.Error("a bookmark opens for another page")
	}
	if a := e.do("GET", "/Users?count=2&sortBy=userName&cursor="+sealed, ""); a.status != http.StatusBadRequest {
		t.Errorf("a bookmark is a cursor: status %d", a.status)
	}
	for _, unknown := range []string{"", "!", "AAAA", base64.RawURLEncoding.EncodeToString(make([]byte, 32))} {
		if got := e.Bookmark(unknown); got != "" {
			t.Errorf("of the page %q there is %q", unknown, got)
		}
	}
}

func TestBookmarksAreForgotten(t *testing.T) {
	var shift atomic.Int64
	e := newEndpoint(t)
	e.now = func() time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(shift.Load())) }
	e.start()
	e.people(4)
	c := &churned{endpoint: e}
	c.page("/Users?count=2")
	e.do("DELETE", "/Users/"+e.store.records[0].id, "")
	if next, _ := c.page("/Users?startIndex=3&count=2"); len(next) != 2 {
		t.Errorf("at once %d follow, want 2", len(next))
	}
	shift.Store(int64(bookmarkTime))
	if next, _ := c.page("/Users?startIndex=3&count=2"); len(next) != 1 {
		t.Errorf("later %d are at this index, want 1", len(next))
	}
	for i := range 2 * maxBookmarks {
		e.bookmarks.set(bookmarkKey{byte(i), byte(i >> 8), byte(i >> 16)}, bookmark{set: e.now()}, nil)
		e.bookmarks.set(bookmarkKey{byte(i), byte(i >> 8), byte(i >> 16), 1}, bookmark{set: e.now(), end: true}, nil)
	}
	if n := len(e.bookmarks.ends.byKey); n != maxBookmarks || len(e.bookmarks.ends.oldest) != n {
		t.Errorf("%d ends are remembered", n)
	}
	if n := len(e.bookmarks.pages.byKey); n != maxBookmarks || len(e.bookmarks.pages.oldest) != n {
		t.Errorf("%d pages are remembered", n)
	}
	shift.Store(int64(2 * bookmarkTime))
	e.bookmarks.set(bookmarkKey{1, 1, 1, 1}, bookmark{set: e.now()}, nil)
	if n := len(e.bookmarks.pages.byKey); n != 1 {
		t.Errorf("%d pages are remembered after all but one have expired", n)
	}
}

func TestPlacesAreInOrder(t *testing.T) {
	user, group := scim.Core().User(), scim.Core().Group()
	descending, err := user.ParseSort("userName", "descending")
	if err != nil {
		t.Fatal(err)
	}
	sections := []section{{query: store.Query{Type: user, Sort: descending}}, {query: store.Query{Type: group}}}
	ordered := []place{
		{typeName: "User"},
		{typeName: "User", position: &store.Position{Key: "b", Created: 9}},
		{typeName: "User", position: &store.Position{Key: "a", Created: 1, ID: "a"}},
		{typeName: "User", position: &store.Position{Key: "a", Created: 1, ID: "b"}},
		{typeName: "User", position: &store.Position{Key: "a", Created: 2, ID: "a"}},
		{typeName: "Group"},
		{typeName: "Group", position: &store.Position{}},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := isBefore(sections, a, b); got != (i < j) {
				t.Errorf("place %d is before place %d: %v", i, j, got)
			}
		}
	}
	if isBefore(nil, ordered[0], ordered[5]) || isBefore(nil, ordered[1], ordered[2]) {
		t.Error("of places that are not in the list one is before the other")
	}
}
