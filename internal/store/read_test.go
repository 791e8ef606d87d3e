// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

func TestAnIDThatNoObjectCanHaveIsNotFoundWithoutACall(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	// Its peers do not answer, so that every read asks the API server.
	r := w.start(func(c *Config) { c.Peers = mutePeers{} }, f.wrap)
	f.setFailing(true)
	for _, id := range []string{"", ".", "..", "100%", "a/b", "a b", "ALICE", "alice@example.com", strings.Repeat("x", 254), "\u00fc", "a\x00"} {
		for _, k := range []*kind{r.users, r.groups} {
			_, err := r.Get(t.Context(), k.rt, id)
			requireNotFound(t, err)
			_, _, err = r.tryPatch(k.rt, id, `{"op":"replace","path":"externalId","value":"a"}`, Match{})
			requireNotFound(t, err)
			requireNotFound(t, r.Delete(t.Context(), k.rt, id, Match{}))
		}
	}
}

// mutePeers are other replicas that never answer.
type mutePeers struct{}

func (mutePeers) Revisions(context.Context, uint64) (Revisions, error) {
	return Revisions{}, errors.New("no answer")
}
func (mutePeers) Alone() bool   { return false }
func (mutePeers) Epoch() uint64 { return 0 }

func TestFiltersFindUsersByEveryIndex(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	a := r.user(userBody("Alice@example.com", `"externalId":"E1"`, `"title":"Boss"`,
		`"emails":[{"value":"Alice@work.example.com","type":"work"},{"value":"alice@home.example.com","type":"home"}]`))
	b := r.user(userBody("bob@example.com", `"externalId":"e1"`, `"title":"Clerk"`,
		`"emails":[{"value":"bob@work.example.com","type":"work"}]`))
	for filter, want := range map[string][]string{
		`userName eq "ALICE@example.com"`:                             {a.ID},
		`userName eq "nobody"`:                                        nil,
		`externalId eq "E1"`:                                          {a.ID},
		`id eq "` + b.ID + `"`:                                        {b.ID},
		`emails.value eq "ALICE@HOME.example.com"`:                    {a.ID},
		`emails[type eq "home" and value eq "bob@work.example.com"]`:  nil,
		`emails[type eq "work"].value eq "bob@work.example.com"`:      {b.ID},
		`userName eq "bob@example.com" and title eq "Boss"`:           nil,
		`title eq "boss" or title eq "clerk"`:                         {a.ID, b.ID},
		`meta.version eq "W/\"1\"" and userName sw "a"`:               {a.ID},
		`userName eq "bob@example.com" and externalId eq "elsewhere"`: nil,
	} {
		got, expected := r.find(r.users.rt, filter), slices.Clone(want)
		slices.Sort(got)
		slices.Sort(expected)
		if !slices.Equal(got, expected) {
			t.Errorf("%s finds %v, want %v", filter, got, want)
		}
	}
	r.patch(r.users.rt, a.ID, `{"op":"replace","path":"emails[type eq \"home\"].value","value":"new@example.com"}`)
	if found := r.find(r.users.rt, `emails.value eq "alice@home.example.com"`); len(found) != 0 {
		t.Errorf("the old address finds %v", found)
	}
	r.delete(r.users.rt, a.ID)
	if found := r.find(r.users.rt, `userName eq "alice@example.com"`); len(found) != 0 {
		t.Errorf("a deleted user is found: %v", found)
	}
}

func TestPagesAreStableAndComplete(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	var all []string
	for i := range 25 {
		all = append(all, r.user(userBody(fmt.Sprintf("user%02d", i), fmt.Sprintf(`"title":"%d"`, i%3))).ID)
	}
	for _, q := range []Query{
		{},
		{Filter: r.filter(r.users.rt, `userName sw "user"`)},
		{Sort: sortBy(t, r, "userName", "")},
		{Sort: sortBy(t, r, "title", "descending")},
	} {
		q.Type, q.Count = r.users.rt, 4
		var walked []string
		for q.StartIndex = 1; ; q.StartIndex += 4 {
			page := r.list(q)
			if page.Total != 25 {
				t.Fatalf("total is %d", page.Total)
			}
			if len(page.Resources) == 0 {
				break
			}
			for _, u := range page.Resources {
				walked = append(walked, u.ID)
			}
		}
		if q.Sort != nil && q.StartIndex > 0 {
			first := r.list(Query{Type: q.Type, Sort: q.Sort, Count: 25})
			if !slices.IsSortedFunc(first.Resources, func(a, b *Resource) int { return q.Sort.CompareKeys(q.Sort.Key(a.packed), q.Sort.Key(b.packed)) }) {
				t.Error("the list is not sorted")
			}
		}
		slices.Sort(walked)
		expected := slices.Sorted(slices.Values(all))
		if !slices.Equal(walked, expected) {
			t.Errorf("a walk gives %d users, want 25, each once", len(walked))
		}
	}
	for _, row := range []struct{ start, count, want int }{
		{0, 2, 2}, {-5, 2, 2}, {25, 10, 1}, {26, 10, 0}, {1 << 40, 10, 0}, {1, 0, 0}, {1, -1, 0}, {3, int(^uint(0) >> 1), 23},
	} {
		page := r.list(Query{Type: r.users.rt, StartIndex: row.start, Count: row.count})
		if len(page.Resources) != row.want || page.Total != 25 {
			t.Errorf("startIndex %d, count %d: %d of %d", row.start, row.count, len(page.Resources), page.Total)
		}
	}
}

func TestAStoreThatLostItsWatchForTooLongDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	broken := &faults{}
	r := w.start(func(c *Config) { c.probeAfter = time.Hour }, broken.wrap)
	u := r.user(userBody("nina"))
	fresh := r.feeds[0].freshAt.Load()
	r.feeds[0].freshAt.Store(fresh - int64(2*r.timeouts.staleness))
	_, err := r.Get(t.Context(), r.users.rt, u.ID)
	requireUnavailable(t, err)
	_, err = r.List(t.Context(), Query{Type: r.users.rt, Count: 1})
	requireUnavailable(t, err)
	if r.Ready() == nil {
		t.Error("the store is ready")
	}
	r.feeds[0].freshAt.Store(fresh)
	if _, err := r.Get(t.Context(), r.users.rt, u.ID); err != nil {
		t.Error(err)
	}
}

func TestWritesSayWhenTheAPIServerIsDown(t *testing.T) {
	w := newWorld(t)
	down := &faults{}
	r := w.start(nil, down.wrap)
	u := r.user(userBody("olga"))
	down.setFailing(true)
	_, err := r.tryUser(userBody("new"))
	requireUnavailable(t, err)
	requireUnavailable(t, r.rename(u.ID, "x"))
	requireUnavailable(t, r.Delete(t.Context(), r.users.rt, u.ID, Match{}))
	if _, err := r.Get(t.Context(), r.users.rt, u.ID); err != nil {
		t.Errorf("reads do not go on: %v", err)
	}
	down.setFailing(false)
	if err := r.rename(u.ID, "x"); err != nil {
		t.Error(err)
	}
	r.user(userBody("new"))
	w.requireUnique()
}

// What the manager or a person writes is not in the way of the next write.
func TestWhatOthersWroteMeanwhileIsKept(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("peggy"))
	for range 10 {
		written := &api.ScimUser{}
		if err := w.raw.mergePatch(t.Context(), usersResource, u.ID, []byte(`{"metadata":{"labels":{"team":"x"}}}`), written); err != nil {
			t.Fatal(err)
		}
		r.patch(r.users.rt, u.ID, fmt.Sprintf(`{"op":"replace","path":"title","value":%q}`, written.ResourceVersion))
	}
	var stored api.ScimUser
	if err := w.raw.get(t.Context(), usersResource, u.ID, &stored); err != nil {
		t.Fatal(err)
	}
	if stored.Labels["team"] != "x" || stored.Labels[api.EndpointLabel] != "okta" {
		t.Errorf("labels are %v", stored.Labels)
	}
}

func sortBy(t *testing.T, r *replica, by, order string) *scim.Sort {
	t.Helper()
	s, err := r.users.rt.ParseSort(by, order)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
