// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// directoryOf is a store that shows so many users, and a group with so many members of whom
// none exists, without an API server.
func directoryOf(t testing.TB, users, members int) *Store {
	t.Helper()
	s := offlineStore(t, scim.Core())
	versions := make([]groupOrUser, users)
	for i := range versions {
		v, err := s.read(storedUser(i))
		if err != nil {
			t.Fatal(err)
		}
		versions[i] = v
	}
	s.index.replace(s.users.shelf, versions, uint64(users+1), true)
	group := &api.ScimGroup{ObjectMeta: metav1.ObjectMeta{Name: "g", ResourceVersion: "1", Generation: 1}}
	group.Spec.DisplayName = "everybody"
	for i := range members {
		group.Spec.Members = append(group.Spec.Members, api.GroupMember{Value: fmt.Sprintf("m%06d", i), Type: api.MemberUser})
	}
	v, err := s.read(group)
	if err != nil {
		t.Fatal(err)
	}
	s.index.replace(s.groups.shelf, []groupOrUser{v}, 2, true)
	for _, f := range s.feeds {
		f.synced.Store(true)
		f.reached(math.MaxInt64)
	}
	return s
}

func (s *Store) filtered(t testing.TB, k *kind, filter string) Query {
	t.Helper()
	f, err := k.rt.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	return Query{Type: k.rt, Filter: f, StartIndex: 1, Count: 10}
}

func TestAQueryThatLooksAtTooManyMembersIsRefused(t *testing.T) {
	const members = 100_000
	s := directoryOf(t, 0, members)
	part := `members[` + strings.TrimSuffix(strings.Repeat(`value eq "x" or `, 30), " or ") + `]`
	_, err := s.List(t.Context(), s.filtered(t, s.groups, strings.TrimSuffix(strings.Repeat(part+" or ", 4), " or ")))
	var refused *scim.Error
	if !errors.As(err, &refused) || refused.Status != 400 || refused.ScimType != scim.ScimTypeTooMany {
		t.Fatalf("error %v, want tooMany", err)
	}
	page, err := s.List(t.Context(), s.filtered(t, s.groups, `members[type eq "Group" and display co "a"]`))
	if err != nil || page.Total != 0 {
		t.Errorf("a query that looks at each member once: %v, %v", page, err)
	}
	page, err = s.List(t.Context(), s.filtered(t, s.groups, `members.value eq "m099999"`))
	if err != nil || page.Total != 1 {
		t.Errorf("a query by an index: %v, %v", page, err)
	}
}

// endingContext ends after it has been looked at so often.
type endingContext struct {
	context.Context
	looks *int
}

func (c endingContext) Err() error {
	if *c.looks--; *c.looks < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// A query ends within one group, and among few users, when its time is over.
func TestAQueryEndsWithItsTime(t *testing.T) {
	s := directoryOf(t, 3000, 100_000)
	for _, row := range []struct {
		name  string
		kind  *kind
		query string
	}{
		{"members of one group", s.groups, `members.display co "a"`},
		{"members of a group of many", s.users, `groups.value eq "g"`},
		{"users", s.users, `title co "nobody"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			looks := 0
			_, err := s.List(endingContext{t.Context(), &looks}, s.filtered(t, row.kind, row.query))
			requireUnavailable(t, err)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the cause is %v", err)
			}
		})
	}
	if !s.scans.turns.TryAcquire(int64(runtime.GOMAXPROCS(0))) {
		t.Error("a query has kept its turn")
	}
}

// What no index helps waits for its turn, and nothing else does.
func TestAsManyScansWorkAtOnceAsThereAreProcessors(t *testing.T) {
	s := directoryOf(t, 3000, 100)
	turns := int64(0)
	for s.scans.turns.TryAcquire(1) {
		turns++
	}
	id := s.index.view().users.live.firstID()
	reads := func() {
		t.Helper()
		if _, err := s.Get(t.Context(), s.users.rt, id); err != nil {
			t.Errorf("a read by id: %v", err)
		}
		for _, filter := range []string{`userName eq "user000001@example.com"`, `emails.value eq "user000001@example.com"`, `externalId eq "00u000000001"`} {
			if page, err := s.List(t.Context(), s.filtered(t, s.users, filter)); err != nil || page.Total != 1 {
				t.Errorf("%s: %v, %v", filter, page, err)
			}
		}
		if page, err := s.List(t.Context(), Query{Type: s.users.rt, StartIndex: 2900, Count: 100}); err != nil || len(page.Resources) != 100 {
			t.Errorf("a page: %v, %v", page, err)
		}
		if page, err := s.List(t.Context(), s.filtered(t, s.groups, `displayName co "every"`)); err != nil || page.Total != 1 {
			t.Errorf("a scan of few: %v, %v", page, err)
		}
	}
	reads()
	scan := s.filtered(t, s.users, `title co "guide 77"`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.List(ctx, scan)
		ended <- err
	}()
	cancel()
	requireUnavailable(t, <-ended)

	if !s.scans.waiting.TryAcquire(maxWaitingScans) {
		t.Fatal("a query that has ended still waits")
	}
	_, err := s.List(t.Context(), scan)
	requireUnavailable(t, err)
	if !errors.Is(err, errTooManyScans) {
		t.Errorf("the cause is %v", err)
	}
	s.scans.waiting.Release(maxWaitingScans)
	reads()

	go func() {
		_, err := s.List(t.Context(), scan)
		ended <- err
	}()
	s.scans.turns.Release(turns)
	if err := <-ended; err != nil {
		t.Errorf("a query whose turn has come: %v", err)
	}
}

func (t *table) firstID() string {
	for e := range t.byCreation.all() {
		return e.id
	}
	return ""
}

// Pages are those of a list that is sorted as a whole, and hold no more than they need.
func TestSortedPagesAreThoseOfTheWholeList(t *testing.T) {
	s := directoryOf(t, 1500, 0) // titles repeat after 1000
	random := rand.New(rand.NewPCG(1, 2))
	for _, order := range []string{"ascending", "descending"} {
		for _, by := range []string{"title", "userName", "nickName"} {
			sorting, err := s.users.rt.ParseSort(by, order)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := s.List(t.Context(), Query{Type: s.users.rt, Sort: sorting, StartIndex: 1, Count: 1500})
			if err != nil || len(whole.Resources) != 1500 {
				t.Fatal(whole, err)
			}
			l := s.newListing(t.Context(), s.users, &Query{Type: s.users.rt, Sort: sorting})
			for range 30 {
				first, count := random.IntN(1600), random.IntN(40)
				q := Query{Type: s.users.rt, Sort: sorting, StartIndex: first + 1, Count: count}
				if random.IntN(2) == 0 && first > 0 && first < 1500 {
					e, _ := l.table.find(whole.Resources[first-1].ID)
					q.StartIndex, q.After = 0, l.position(e)
				}
				page, err := s.List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				want := whole.Resources[min(first, 1500):min(first+count, 1500)]
				same := slices.EqualFunc(page.Resources, want, func(a, b *Resource) bool { return a.ID == b.ID })
				if !same || page.Total != 1500 || page.Before != min(first, 1500) {
					t.Errorf("by %s %s, %d from %d, after %v: %d of %d, before %d", by, order, count, first, q.After, len(page.Resources), page.Total, page.Before)
				}
			}
		}
	}
	kept := top{most: 10}
	for e := range s.index.view().users.live.byCreation.all() {
		if kept.add(sortable{entry: e}); len(kept.kept) > kept.most {
			t.Fatalf("%d matches are kept for a page that needs %d", len(kept.kept), kept.most)
		}
	}
}
